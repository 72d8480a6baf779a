"""The pages say what the program does: settings, commands, operations, errors, refusals, links, the compose file."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from fhirserver.app import create_app
from fhirserver.cli import app
from fhirserver.errors import FhirError
from fhirserver.interactions.operation import Operation
from fhirserver.interactions.operations import OPERATIONS
from fhirserver.settings import Settings
from tests.docs.sentences import startup_sentences

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
COMPOSE = ROOT / "docker-compose.yml"


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table that has this heading row."""
    _, found, rest = page.read_text().partition(f"{heading}\n")
    assert found, f"{page.name} has no table '{heading}'"
    table = rest.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table if line.startswith("|")]


# --- settings and commands ----------------------------------------------------------------------------------------


def settings_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_settings_page", ROOT / "tools" / "write_settings_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_settings_page_is_the_table_of_settings() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page().page(), "run 'make docs'"


def commands() -> dict[str, list[str]]:
    """The options of every command, by its name; those before a command under ''."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    named = {"": group} | dict(group.commands)
    return {
        name: [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        for name, command in named.items()
    }


def test_every_command_and_option_is_on_the_page_about_running() -> None:
    page = (DOCS / "running.md").read_text()
    found = commands()
    assert {"serve", "import", "map", "load", "get", "reindex"} <= found.keys()
    for name, flags in found.items():
        if name:
            assert re.search(rf"^### fhirserver {name}\b", page, re.MULTILINE), name
        for flag in flags:
            assert not flag.startswith("-") or f"{flag}`" in page, f"{name} {flag}"


def test_no_option_is_on_the_page_that_no_command_has() -> None:
    said = set(re.findall(r"^\| `(--[a-z-]+)`", (DOCS / "running.md").read_text(), re.MULTILINE))
    assert said
    assert said <= {flag for flags in commands().values() for flag in flags}


def test_every_sentence_about_not_starting_is_on_the_page_with_a_remedy() -> None:
    found = startup_sentences()
    assert len(found) > 20
    said = [row[0] for row in rows(DOCS / "running.md", "| it says | what to do |")]
    assert sorted(said) == found


# --- operations and errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_is_explained_with_its_parameters(operation: Operation) -> None:
    page = (DOCS / "operations.md").read_text()
    definition = operation.definition("R5", "http://x/r5")
    _, found, section = page.partition(f"\n## {operation.methods('R5')[0]} {operation.address}\n")
    assert found, operation.code
    section = section.partition("\n## ")[0]
    assert "```console" in section
    assert f"/${operation.code}" in section.partition("```console")[2]
    for parameter in definition["parameter"]:
        if parameter["use"] == "in" and definition["instance"]:
            assert f"`{parameter['name']}`" in section, parameter["name"]


def kinds(kind: type[FhirError] = FhirError) -> list[type[FhirError]]:
    below = [found for each in kind.__subclasses__() for found in (each, *kinds(each))]
    return [each for each in below if each.__module__ == "fhirserver.errors"]


def test_every_kind_of_error_is_in_the_table_with_its_status_and_code() -> None:
    said = {row[0].strip("`"): (row[1], row[2].strip("`")) for row in rows(DOCS / "rest.md", HEAD_OF_ERRORS)}
    assert said == {each.__name__: (str(each.kind.status), each.kind.code) for each in kinds()}


HEAD_OF_ERRORS = "| kind | status | issue code | when |"


def refusals() -> list[tuple[str, str, int]]:
    """What the page about REST says is not done: method, path, status."""
    found = []
    for request, answer in rows(DOCS / "rest.md", "| request | answer |"):
        match = re.match(r"`([A-Z]+) ([^`]+)`", request)
        assert match, request
        found.append((match[1], match[2].replace("\\|", "|"), int(answer)))
    return found


@pytest.mark.parametrize(("method", "path", "status"), refusals(), ids=lambda value: str(value))
async def test_what_the_page_says_is_not_done_is_refused(
    settings: Settings, mongodb_uri: str, method: str, path: str, status: int
) -> None:
    application = create_app(settings, mongodb_uri)
    body = {"resourceType": "Patient", "id": "a"} if method in ("PUT", "PATCH") else None
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client,
    ):
        answer = await client.request(method, path, json=body)
    assert answer.status_code == status
    if path.startswith("/r5"):
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_limits_on_the_page_are_the_defaults() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for said, setting, _ in rows(DOCS / "rest.md", "| limit | setting | beyond it |"):
        if setting != "fixed":
            assert int(said.split()[0].replace(",", "")) == defaults[setting.strip("`")], setting


# --- links --------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_the_indexes_name_every_page() -> None:
    for folder in (DOCS, DOCS / "adr"):
        index = (folder / "README.md").read_text()
        for page in folder.glob("*.md"):
            assert page.name == "README.md" or f"({page.name})" in index, page.name


# --- docker compose -----------------------------------------------------------------------------------------------


def test_the_compose_file_has_a_replica_set_its_initiation_and_the_server() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    services = compose["services"]
    assert set(services) == {"mongo", "mongo-initiate", "fhirserver"}
    assert "--replSet" in services["mongo"]["command"]
    assert services["mongo"]["healthcheck"]["test"]
    assert services["mongo"]["volumes"] == ["mongo-data:/data/db"]
    assert "mongo-data" in compose["volumes"]
    assert services["mongo-initiate"]["depends_on"]["mongo"]["condition"] == "service_healthy"
    assert "rs.initiate" in services["mongo-initiate"]["entrypoint"][-1]
    server = services["fhirserver"]
    assert server["depends_on"]["mongo-initiate"]["condition"] == "service_completed_successfully"
    assert "replicaSet=rs0" in server["environment"]["FHIRSERVER_MONGODB_URI"]
    named = {name.lower() for name in (each.removeprefix("FHIRSERVER_") for each in server["environment"])}
    assert named <= Settings.model_fields.keys()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "HEALTHCHECK" in dockerfile
    assert "/health/ready" in dockerfile


def compose_client() -> list[str] | None:
    """A Compose client of this machine, the plugin or the program of its own."""
    for client in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(client[0]):
            probe = subprocess.run([*client, "version"], capture_output=True, timeout=30, check=False)
            if probe.returncode == 0:
                return client
    return None


def test_a_compose_client_accepts_the_file() -> None:
    client = compose_client()
    if client is None:
        pytest.skip("there is no docker compose client on this machine")
    done = subprocess.run(
        [*client, "-f", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
