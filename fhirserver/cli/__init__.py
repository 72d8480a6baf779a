"""The commands: serve, import, map, export-record, load, get, explain, reindex."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from fhirserver import __version__
from fhirserver.cli import asking, exporting, records, resources, serving
from fhirserver.cli.common import err, out
from fhirserver.errors import FhirError, StartupError
from fhirserver.garbage import settle

app = typer.Typer(
    name="fhirserver",
    help=(
        "A FHIR server for clinical research: trial records in; ResearchStudy, PlanDefinition and Group out; "
        "subjects enrolled. Start with 'fhirserver serve --seed', then open http://127.0.0.1:8000."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def before(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """What stands before a command."""
    if version:
        out.print(f"fhirserver {__version__}")
        raise typer.Exit


app.command("serve")(serving.serve)
app.command("import")(records.import_)
app.command("map")(records.map_)
app.command("export-record")(exporting.export)
app.command("load")(resources.load)
app.command("get")(asking.get)
app.command("explain")(asking.explain)
app.command("reindex")(resources.reindex)


def main() -> None:
    """Runs a command; what keeps it from starting is one sentence on stderr and exit status 2, a refusal is 1."""
    settle()
    try:
        app()
    except StartupError as error:
        _say(error)
        sys.exit(2)
    except FhirError as error:
        _say(error)
        sys.exit(1)
    except BrokenPipeError:
        # Who reads has seen enough ('fhirserver map FILE | head'); nothing must be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)


def _say(error: Exception) -> None:
    err.print(f"[red]fhirserver:[/red] {escape(str(error))}", soft_wrap=True)
