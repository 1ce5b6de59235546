"""`residua users`: who can log in, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboard.cli import app
from dashboard.store.beside import people_of

PASSWORD = "correct horse battery\n"


class Command:
    """`residua users` on one data folder."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database

    def __call__(self, *words: str, password: str = "") -> Result:
        environment = {"RESIDUA_DATA": str(self.folder), "RESIDUA_DATABASE": self.database}
        return CliRunner().invoke(app, ["users", *words], input=password, env=environment)

    def listed(self) -> dict[str, dict[str, object]]:
        return {one["name"]: one for one in json.loads(self("list", "--json").stdout)}


@pytest.fixture
def users(tmp_path: Path, database: str) -> Command:
    return Command(tmp_path / "data", database)


def test_people_are_added_changed_and_shut_out(users):
    assert "Nobody has an account yet." in users("list").stdout
    assert users("add", "Ada", "--admin", "--password-stdin", password=PASSWORD).stdout.startswith(
        "ada can log in"
    )
    assert "have at least 10" in users("add", "grace", "--password-stdin", password="short\n").stderr
    link = users("add", "grace", "--link")
    assert re.fullmatch(r"/login/new/[\w-]{32}\n", link.stdout)
    assert "once, within two days. The address of the server goes before it." in link.stderr
    with people_of(users.folder, users.database) as people:
        people.accounts.join("https://id.example.org 7", "linus")
    listed = users.listed()
    assert {name: one["log-in"] for name, one in listed.items()} == {
        "ada": "password",
        "grace": "none yet",
        "linus": "provider",
    }
    assert listed["ada"]["role"] == "admin"
    assert users("add", "ada", "--link").exit_code == 2
    assert users("disable", "linus").exit_code == 0
    assert users.listed()["linus"]["state"] == "disabled"
    assert users("enable", "linus").exit_code == 0
    assert "ada is the only admin" in users("role", "ada", "user").stderr
    assert "linus is an admin now." in users("role", "linus", "admin").stdout
    assert "'boss' is no role" in users("role", "linus", "boss").stderr
    assert "has a new password" in users("reset", "linus", "--password-stdin", password=PASSWORD).stdout
    assert users.listed()["linus"]["log-in"] == "password, provider"
    assert "Nobody is called 'mallory'" in users("disable", "mallory").stderr


def test_tokens_are_told_once_and_revoked(users):
    users("add", "ada", "--link")
    secret = users("tokens", "ada", "--make", "script").stdout.strip()
    shown = users("tokens", "ada").stdout
    assert secret not in shown
    identifier = re.search(r"^(\w{12}) +script", shown, re.M)[1]
    assert users("tokens", "ada", "--revoke", identifier).stdout == "Revoked.\n"
    assert users("tokens", "ada").stdout == "No tokens.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--accounts", "oidc"], "provider_client_id is empty, but accounts is oidc."),
        (["--accounts", "github", "--provider-client-id", "x"], "provider_client_secret is empty"),
        (
            ["--accounts", "ldap"],
            "accounts is 'ldap', but must be one of: none, local, oidc, github, google.",
        ),
    ],
)
def test_a_server_that_could_let_nobody_in_does_not_start(tmp_path, words, sentence):
    result = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path), *words])
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert list(tmp_path.iterdir()) == []
