"""The options of `residua users`; what they do is in dashboard.commands.users, which loads the database."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.commands.data_options import Config, Database, DataDir, Json

users_app = typer.Typer(
    help="Who can log in (residua serve --accounts local).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that somebody logs in with.")]
Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]


def _given(data_dir: str | None, database: str | None, config: str | None) -> dict[str, str | None]:
    return {"data_dir": data_dir, "database": database, "config": config}


@users_app.command()
def add(
    name: Name,
    admin: Annotated[
        bool, typer.Option("--admin", help="May look after users and everybody's work.")
    ] = False,
    password_stdin: Stdin = False,
    link: Annotated[
        bool,
        typer.Option(
            "--link", help="Print a link by which they choose a password, or another way to log in."
        ),
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Make an account. The first admin also gets the projects that were there before."""
    from dashboard.commands import users

    users.add(name, admin, password_stdin, link, _given(data_dir, database, config))


@users_app.command("list")
def list_(
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the accounts."""
    from dashboard.commands import users

    users.listing(_given(data_dir, database, config), as_json)


@users_app.command()
def disable(name: Name, data_dir: DataDir = None, database: Database = None, config: Config = None) -> None:
    """Keep somebody out, at once: browsers, tokens, open pages. What is theirs stays."""
    from dashboard.commands import users

    users.set_disabled(name, True, _given(data_dir, database, config))


@users_app.command()
def enable(name: Name, data_dir: DataDir = None, database: Database = None, config: Config = None) -> None:
    """Let somebody in again."""
    from dashboard.commands import users

    users.set_disabled(name, False, _given(data_dir, database, config))


@users_app.command()
def reset(
    name: Name,
    password_stdin: Stdin = False,
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Set another password, and log somebody out everywhere."""
    from dashboard.commands import users

    users.reset(name, password_stdin, _given(data_dir, database, config))


@users_app.command()
def role(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="ROLE", help="user or admin.")],
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Make somebody an admin, or a user again."""
    from dashboard.commands import users

    users.set_role(name, to, _given(data_dir, database, config))


@users_app.command()
def adopt(name: Name, data_dir: DataDir = None, database: Database = None, config: Config = None) -> None:
    """Give the projects that nobody owns, from before there were accounts, to somebody."""
    from dashboard.commands import users

    users.adopt(name, _given(data_dir, database, config))


@users_app.command()
def tokens(
    name: Name,
    make: Annotated[
        str | None, typer.Option("--make", metavar="LABEL", help="Make a token; it is printed once.")
    ] = None,
    revoke: Annotated[
        str | None, typer.Option("--revoke", metavar="ID", help="Revoke the token with this id.")
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """List the tokens that somebody's scripts use, make one, or revoke one."""
    from dashboard.commands import users

    users.tokens(name, make, revoke, _given(data_dir, database, config))
