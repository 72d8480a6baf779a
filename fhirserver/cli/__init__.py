"""The commands: serve, import, map, load, get, reindex."""

from __future__ import annotations

import sys

import typer

from fhirserver.cli import records, resources, serving
from fhirserver.cli.common import err
from fhirserver.errors import FhirError, StartupError

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
app.command("serve")(serving.serve)
app.command("import")(records.import_)
app.command("map")(records.map_)
app.command("load")(resources.load)
app.command("get")(resources.get)
app.command("reindex")(resources.reindex)


def main() -> None:
    """Runs a command; what keeps it from starting is one sentence on stderr and exit status 2, a refusal is 1."""
    try:
        app()
    except StartupError as error:
        err.print(f"[red]fhirserver:[/red] {error}", soft_wrap=True)
        sys.exit(2)
    except FhirError as error:
        err.print(f"[red]fhirserver:[/red] {error}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)
