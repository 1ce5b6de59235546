"""The command `residua`. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import inspect
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard.commands import talk
from dashboard.commands.cluster_options import cluster_commands
from dashboard.commands.data_options import Config, Database, DataDir, Json
from dashboard.commands.users_options import users_app
from dashboard.memory import take_from_the_c_library

app = typer.Typer(
    name="residua",
    help="Fit parametric 2D models of galaxies, stars and sky to FITS images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Description = Annotated[Path, typer.Argument(metavar="FIT.yaml", help="The fit description (YAML or JSON).")]
Threads = Annotated[
    int,
    typer.Option("--threads", min=0, help="Threads to compute with; 0 takes one, or for large images all."),
]
Pdf = Annotated[bool, typer.Option("--pdf", help="Write report.pdf too.")]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="cpu, cuda (a GPU; cuda:1 the second), or auto."),
]
Precision = Annotated[
    str | None, typer.Option("--precision", metavar="NAME", help="float64, or float32: quicker on most GPUs.")
]
Report = Annotated[bool, typer.Option("--report/--no-report", help="Write report.html and report.ipynb.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        take_from_the_c_library()
    app()


def _version(asked: bool) -> None:
    if asked:
        try:
            print(f"residua {metadata.version('residua')}")
        except metadata.PackageNotFoundError:
            print("residua (not installed: run from its source)")
        raise typer.Exit


@app.callback()
def _residua(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def fit(
    description: Description,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    fitter: Annotated[
        str | None, typer.Option("--fitter", metavar="NAME", help="Instead of the file's first fitter.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="NAME=VALUE", help="An option of the fitter; repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the fitter's random numbers.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Folder of an earlier run to go on from: a sampler appends to its draws, others start at its values.",
        ),
    ] = None,
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap", metavar="N", min=0, help="Fit again to N resampled images; writes bootstrap.json."
        ),
    ] = 0,
    bootstrap_kind: Annotated[
        str, typer.Option("--bootstrap-kind", help="Resample residuals in `blocks`, or `parametric` noise.")
    ] = "blocks",
    device: Device = None,
    precision: Precision = None,
    report: Report = True,
    pdf: Pdf = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a description and write result.json, images.fits, parameters.ecsv, fit.yaml and a report.

    Exit code 0: converged; 1: not converged; 2: bad input.
    """
    with talk.sentences(as_json):
        from dashboard.commands import fit as command
        from engine.outputs import result_record, to_json

        problem, result = command.fit(
            description,
            out,
            fitter,
            option or [],
            seed,
            quiet,
            threads,
            resume=resume,
            computer=(device, precision),
        )
        again = command.bootstrap(out, problem, result, bootstrap, bootstrap_kind, seed, quiet)
        _report(out, report, pdf)
        if as_json:
            print(to_json({**result_record(problem, result), "folder": str(out)}), end="")
        else:
            print(f"{command.summary(problem, result)}\n{again}\nWritten to {out}")
    raise typer.Exit(talk.CONVERGED if result.converged else talk.NOT_CONVERGED)


@app.command()
def compare(
    description: Description,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    fitters: Annotated[
        str | None,
        typer.Option(
            "--fitters",
            metavar="A,B,...",
            help="Instead of the file's; without either: lm,iterative,iterative-parameters,gradient.",
        ),
    ] = None,
    device: Device = None,
    precision: Precision = None,
    report: Report = True,
    pdf: Pdf = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run several fitters from the same start: one folder each, compare.json and a report of all.

    Exit code 0: all converged; 1: not all; 2: bad input.
    """
    with talk.sentences(as_json):
        from dashboard.commands import fit as command
        from engine.outputs import to_json

        rows, comparison = command.compare(description, out, fitters, quiet, threads, (device, precision))
        _report(out, report and comparison is not None, pdf)
        if as_json:
            print(to_json({"fitters": rows, "comparison": comparison, "folder": str(out)}), end="")
        else:
            verdict = f"\n\n{command.tensions(comparison)}" if comparison else ""
            print(f"{command.race(rows)}{verdict}\n\nWritten to {out}")
    converged = all(row.get("converged", False) for row in rows)
    raise typer.Exit(talk.CONVERGED if converged else talk.NOT_CONVERGED)


def _report(folder: Path, wanted: bool, pdf: bool) -> None:
    """Write the reports of what was just fitted."""
    if wanted or pdf:
        from dashboard.commands.report import report

        report(folder, [*(("html", "ipynb") if wanted else ()), *(("pdf",) if pdf else ())])


@app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that fit or compare wrote.")],
    pdf: Pdf = False,
    zipped: Annotated[
        bool, typer.Option("--zip", help="Write report.zip too: the notebook with its data beside it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write report.html and report.ipynb of a run or a comparison into its folder.

    Exit code 0: written; 2: there is no finished run in the folder, or its images are gone.
    """
    with talk.sentences(as_json):
        from dashboard.commands.report import report

        kinds = ["html", "ipynb", *(["pdf"] if pdf else []), *(["zip"] if zipped else [])]
        written = [str(path) for path in report(run, kinds)]
        print(json.dumps({"files": written}, indent=2) if as_json else "\n".join(written))


@app.command()
def check(description: Description, as_json: Json = False) -> None:
    """Read everything a description names and show what would be fitted.

    Exit code 0: can be fitted; 2: cannot.
    """
    with talk.sentences(as_json):
        from dashboard.commands import fit as command
        from engine.outputs import to_json

        record = command.checked(description)
        print(to_json(record) if as_json else f"{command.check_text(record)}\n", end="")


@app.command()
def models(as_json: Json = False) -> None:
    """List the component models, their formulas and parameters."""
    from dashboard.commands import listing

    print(json.dumps(listing.models(), indent=2, ensure_ascii=False) if as_json else listing.models_text())


@app.command()
def fitters(as_json: Json = False) -> None:
    """List the fitters and their options."""
    from dashboard.commands import listing

    print(json.dumps(listing.fitters(), indent=2, ensure_ascii=False) if as_json else listing.fitters_text())


@app.command()
def example(
    name: Annotated[str, typer.Argument(help="Name of the example, such as seed.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write it to; made when missing.")],
) -> None:
    """Write an example: DIR/fit.yaml and the FITS files it names."""
    with talk.sentences():
        import engine

        path = engine.write_example(name, folder)
        print(f"{path}\nFit it with: residua fit {path} --out {folder / 'result'}")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the backup.")],
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy all projects, files and runs to a folder; the server may go on meanwhile.

    Finds the data as `residua serve` does. Exit code 0: all copied; 1: some contents are damaged; 2: bad input.
    """
    with talk.sentences(as_json):
        from dashboard.commands import backup as command

        given = {"data_dir": data_dir, "database": database, "config": config}
        report = command.backup(folder, given, quiet, as_json)
    raise typer.Exit(1 if report.damaged else 0)


@app.command()
def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Remove what nobody refers to: contents, run folders, uploads cut off. The server does it once a day.

    Finds the data as `residua serve` does, and may run beside it.
    """
    with talk.sentences(as_json):
        from dashboard.commands import clean as command

        command.run({"data_dir": data_dir, "database": database, "config": config}, dry_run, as_json)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `residua backup` wrote.")],
    data_dir: DataDir = None,
    database: Database = None,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put a backup into a new data folder and, with --database, an empty Postgres.

    A backup of SQLite can be restored into Postgres and the other way round. Exit codes as for backup.
    """
    with talk.sentences(as_json):
        from dashboard.commands import backup as command

        given = {"data_dir": data_dir, "database": database, "config": config}
        report = command.put_back(folder, given, quiet, as_json)
    raise typer.Exit(1 if report.damaged else 0)


app.add_typer(users_app, name="users")
cluster_commands(app)


def serve(**given: Any) -> None:
    """Serve the dashboard to the browsers of this machine.

    An option goes before its environment variable, that before the file of --config, that before the default.
    """
    from dashboard.commands.serve import serve as command

    command(given)


def _serve_options() -> inspect.Signature:
    """One option per setting, from the declarations."""
    from dashboard.reference import flag_of
    from dashboard.settings import declared

    parameters = []
    for one in (one for one in declared() if not one.metadata["secret"]):
        kind: Any = type(one.default)
        flag = flag_of(one.name)
        names = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
        help_text = f"{one.metadata['help']} Environment: {', '.join(one.metadata['environment'])}."
        # None stands for "not given", so that an environment variable can fill it in.
        shown = "no" if one.default is False else "yes" if one.default is True else str(one.default)
        option = typer.Option(*names, help=help_text, show_default=shown or False)
        parameters.append(
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],
            )
        )
    return inspect.Signature(parameters)


serve.__signature__ = _serve_options()  # type: ignore[attr-defined]
serve.__annotations__ = {name: one.annotation for name, one in serve.__signature__.parameters.items()}  # type: ignore[attr-defined]
app.command()(serve)

if __name__ == "__main__":
    main()
