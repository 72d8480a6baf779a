"""import, map, load, get, explain and reindex, as a user runs them, beside a server that is running."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from fhirserver import __version__
from fhirserver.cli import app
from fhirserver.cli.import_report import MOST, Tally
from fhirserver.resources.registry import has_lens
from tests.cli.running import COMMAND, ENVIRONMENT, Running, client, run, serving

RECORD = Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json"
COMMANDS = ("serve", "import", "map", "export-record", "load", "get", "explain", "reindex")


@dataclass(frozen=True)
class Beside:
    """A running server without samples; commands on its data directory attach to its mongod."""

    data_dir: Path
    server: Running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    data_dir = tmp_path_factory.mktemp("commands") / "data"
    with serving(data_dir) as found:
        yield Beside(data_dir, found)


@pytest.fixture(scope="module")
def http(server: Beside) -> Iterator[httpx.Client]:
    with client(server.server) as found:
        yield found


def command(server: Beside, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command on the data directory of the server; none ever ends in a trace."""
    done = run(*arguments, "--data-dir", str(server.data_dir))
    assert "Traceback" not in done.stderr
    return done


def asked(*arguments: str) -> Result:
    """A command that never gets as far as running, in this process."""
    return CliRunner().invoke(app, arguments, prog_name="fhirserver", env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})


def ndjson(path: Path, *resources: object) -> Path:
    path.write_text("".join(f"{json.dumps(resource)}\n" for resource in resources))
    return path


def patient(id_: str, **more: object) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **more}


# --- help ---------------------------------------------------------------------------------------------------------


def test_help_names_every_command_with_a_sentence() -> None:
    said = asked("--help")
    assert said.exit_code == 0
    for name in COMMANDS:
        assert re.search(rf"\W {name} +[A-Z]\w+ .{{20,}}", said.stdout), name


def test_without_a_command_the_help_is_shown() -> None:
    done = asked()
    assert "serve" in done.output
    assert done.exit_code == 2


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"fhirserver {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_explains_each_option_with_its_default(name: str) -> None:
    said = asked(name, "--help")
    assert said.exit_code == 0
    options = [line.strip("│ ") for line in said.stdout.splitlines() if line.startswith("│ --")]
    assert options
    for option in options:
        assert re.search(r"[A-Z][^.]+\.", option), option
        assert "--help" in option or "default:" in option, option


@pytest.mark.parametrize("name", ["import", "map", "load", "get", "explain"])
def test_a_forgotten_argument_is_a_usage_error(name: str) -> None:
    done = asked(name)
    assert done.exit_code == 2
    assert "Missing argument" in done.output


# --- import -------------------------------------------------------------------------------------------------------


def test_import_stores_a_record_once_and_updates_it_in_place(
    server: Beside, http: httpx.Client, tmp_path: Path
) -> None:
    record = tmp_path / "record.json"
    record.write_text(RECORD.read_text().replace("NCT02083731", "NCT90000001"))
    first = command(server, "import", str(record))
    assert first.returncode == 0
    assert "1 records imported, 0 failed: 11 resources created, 0 updated, 0 unchanged." in first.stdout
    assert "ResearchStudy/NCT90000001" in first.stdout
    skipped = command(server, "import", str(tmp_path))
    assert "0 records imported, 0 failed, 1 skipped that are stored as they are." in skipped.stdout
    again = command(server, "import", str(tmp_path), "--again")
    assert "0 resources created, 0 updated, 11 unchanged." in again.stdout
    record.write_text(record.read_text().replace('"count": 120', '"count": 140'))
    changed = command(server, "import", str(record))
    assert "1 resources created, 1 updated, 9 unchanged." in changed.stdout, "a new Provenance, a changed study"
    study = http.get("/ResearchStudy/NCT90000001").json()
    assert study["meta"]["versionId"] == "2"
    assert study["recruitment"]["targetNumber"] == 140


def test_import_names_the_file_that_failed_and_stores_the_others(
    server: Beside, http: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "broken.json").write_text('{"protocolSection": ')
    (tmp_path / "ignored.csv").write_text("a,b")
    good = tmp_path / "folder" / "record.json"
    good.parent.mkdir()
    good.write_text(RECORD.read_text().replace("NCT02083731", "NCT90000002"))
    done = command(server, "import", str(tmp_path))
    assert done.returncode == 1
    assert "1 records imported, 2 failed" in done.stdout
    said = done.stderr.splitlines()
    assert len(said) == 2
    assert {line.partition(": ")[0] for line in said} == {str(tmp_path / "notes.txt"), str(tmp_path / "broken.json")}
    assert http.get("/ResearchStudy/NCT90000002").status_code == 200


def test_import_reports_what_was_not_mapped_field_by_field(server: Beside, tmp_path: Path) -> None:
    for number in range(2):
        record = json.loads(RECORD.read_text().replace("NCT02083731", f"NCT9000001{number}"))
        record["resultsSection"] = {"a": 1}
        sites = [{"facility": f"Site {at}", "country": "China", "nickname": "x"} for at in range(1 + number)]
        record["protocolSection"]["contactsLocationsModule"] = {"locations": sites}
        (tmp_path / f"{number}.json").write_text(json.dumps(record))
    done = command(server, "import", str(tmp_path))
    assert done.returncode == 0
    assert re.search(r"^ +2  protocolSection\.contactsLocationsModule\.locations\[\*\]\.nickname$", done.stdout, re.M)
    assert re.search(r"^ +2  resultsSection\.a$", done.stdout, re.M)


def test_a_long_report_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    issues = [{"path": [f"field{at:03}"], "text": "left out"} for at in range(MOST + 5)]
    tally = Tally()
    for _ in range(2):
        tally.add({"outcome": "created", "study": "ResearchStudy/a", "issues": issues})
    tally.show()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == MOST + 3
    assert lines[-1].strip() == "and 5 more"


def test_a_path_that_is_not_there_is_one_sentence(server: Beside) -> None:
    for name in ("import", "load"):
        done = command(server, name, "/nowhere/[at all]")
        assert done.returncode == 2
        assert done.stderr.strip() == "fhirserver: There is no file or folder /nowhere/[at all]: check the path."


def test_a_folder_without_records_is_one_sentence(server: Beside, tmp_path: Path) -> None:
    done = command(server, "import", str(tmp_path))
    assert done.returncode == 2
    assert "There is no file that may hold a record" in done.stderr


# --- map ----------------------------------------------------------------------------------------------------------


def test_export_prints_the_record_of_a_study_by_id_or_number(server: Beside, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text(RECORD.read_text().replace("NCT02083731", "NCT90000031").replace("NFH-MSC", "NFH-31"))
    command(server, "import", str(record))
    said = json.loads(record.read_text())["protocolSection"]
    for name in ("NCT90000031", "ResearchStudy/NCT90000031", said["identificationModule"]["orgStudyIdInfo"]["id"]):
        done = command(server, "export-record", name, "--format", "ctgov-v2")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["protocolSection"] == said
    assert command(server, "export-record", "NCT00000000").returncode == 1
    assert command(server, "export-record", "NCT90000031", "--format", "pdf").returncode == 2


def test_map_prints_a_transaction_and_needs_no_database() -> None:
    done = run("map", str(RECORD), FHIRSERVER_MONGODB_URI="mongodb://127.0.0.1:1/", FHIRSERVER_DATA_DIR="/proc/nothing")
    assert done.returncode == 0
    bundle = json.loads(done.stdout)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    types = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert {"ResearchStudy", "Group", "PlanDefinition", "ActivityDefinition", "Provenance"} <= set(types)
    assert all(entry["request"]["method"] in ("POST", "PUT") for entry in bundle["entry"])


def test_map_reads_standard_input() -> None:
    done = subprocess.run(
        [*COMMAND, "map", "-"], input=RECORD.read_bytes(), capture_output=True, timeout=60, env=ENVIRONMENT, check=True
    )
    assert json.loads(done.stdout)["type"] == "transaction"


def test_map_prints_a_record_as_r4() -> None:
    done = run("map", "--release", "R4", str(RECORD))
    assert (done.returncode, done.stderr) == (0, "")
    study = json.loads(done.stdout)["entry"][0]["resource"]
    assert study["enrollment"]
    assert "progressStatus" not in study


def test_map_says_on_stderr_what_was_not_mapped(tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text())
    record["resultsSection"] = {"a": 1}
    (tmp_path / "a.json").write_text(json.dumps(record))
    done = run("map", str(tmp_path / "a.json"))
    assert done.returncode == 0
    assert "resultsSection" in done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--release", "R6", str(RECORD)), 2, "fhirserver: There is no FHIR release 'R6' here: choose R5 or R4."),
        (("/nowhere.json",), 2, "fhirserver: Cannot read /nowhere.json: No such file or directory."),
        ((str(RECORD.parent),), 2, f"fhirserver: Cannot read {RECORD.parent}: Is a directory."),
    ],
)
def test_map_refuses_in_one_sentence(arguments: tuple[str, ...], status: int, sentence: str) -> None:
    done = run("map", *arguments)
    assert (done.returncode, done.stderr.strip(), done.stdout) == (status, sentence, "")


def test_map_refuses_what_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    done = run("map", str(tmp_path / "notes.txt"))
    assert done.returncode == 1
    assert "format that is not read" in done.stderr


def test_map_into_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text())
    record["protocolSection"]["descriptionModule"]["detailedDescription"] = "word " * 40_000
    (tmp_path / "long.json").write_text(json.dumps(record))
    with subprocess.Popen(
        [*COMMAND, "map", str(tmp_path / "long.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


# --- load ---------------------------------------------------------------------------------------------------------


def test_load_takes_single_resources_ndjson_and_bundles(server: Beside, http: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "single.json").write_text(json.dumps(patient("single")))
    ndjson(tmp_path / "many.ndjson", *(patient(f"line{at}") for at in range(300)), {"resourceType": "Patient"})
    collection = [{"resource": patient("collected")}, {"resource": patient("collected2")}]
    put = {"resource": patient("transacted"), "request": {"method": "PUT", "url": "Patient/transacted"}}
    for type_, entries in (("collection", collection), ("transaction", [put])):
        bundle = {"resourceType": "Bundle", "type": type_, "entry": entries}
        (tmp_path / f"{type_}.json").write_text(json.dumps(bundle))
    done = command(server, "load", str(tmp_path))
    assert (done.returncode, done.stdout.strip()) == (0, "305 resources loaded from 4 files, 0 failures.")
    for id_ in ("single", "line0", "line299", "collected2", "transacted"):
        assert http.get(f"/Patient/{id_}").status_code == 200, id_


def test_load_takes_resources_of_r4(server: Beside, http: httpx.Client, tmp_path: Path) -> None:
    refers = {"reference": "Practitioner?identifier=urn:x|7"}
    encounter = {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "participant": [{"individual": refers}],
    }  # fmt: skip
    who = {"resourceType": "Practitioner", "identifier": [{"system": "urn:x", "value": "7"}]}
    for name, resource in (("a", encounter), ("b", who)):
        entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        (tmp_path / f"{name}.json").write_text(json.dumps(bundle))
    study = {
        "resourceType": "ResearchStudy",
        "id": "older",
        "status": "active",
        "sponsor": {"reference": "Organization/x"},
    }
    ndjson(tmp_path / "c.ndjson", study)
    done = command(server, "load", str(tmp_path), "--release", "R4")
    assert (done.returncode, done.stdout.strip()) == (0, "3 resources loaded from 3 files, 0 failures."), done.stderr
    assert http.get("/ResearchStudy/older").json()["associatedParty"][0]["party"] == {"reference": "Organization/x"}
    older = str(http.base_url).replace("/r5", "/r4").rstrip("/")
    assert http.get(f"{older}/Encounter?participant.identifier=7").json()["total"] == 1
    done = command(server, "load", str(tmp_path), "--release", "R3")
    assert done.returncode == 2
    assert "There is no FHIR release 'R3' here: choose R5 or R4." in done.stderr


def test_load_stores_profiles_before_what_claims_them(server: Beside, tmp_path: Path) -> None:
    element = {"id": "Patient", "path": "Patient", "definition": "x", "min": 0, "max": "*"}
    born = element | {"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}
    for row in (element, born):
        row["base"] = {"path": row["path"], "min": 0, "max": "*"}
    definition = {
        "resourceType": "StructureDefinition",
        "id": "born",
        "url": "http://example.org/born",
        "name": "Born",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "snapshot": {"element": [element, born]},
    }
    claims = {"meta": {"profile": ["http://example.org/born"]}}
    ndjson(tmp_path / "a.ndjson", patient("claiming", **claims), patient("claiming2", **claims, birthDate="2000"))
    unknown = patient("other", meta={"profile": ["http://example.org/unknown"]})
    (tmp_path / "b.json").write_text(json.dumps(unknown))
    collection = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": definition}]}
    (tmp_path / "z.json").write_text(json.dumps(collection))
    done = command(server, "load", str(tmp_path))
    assert done.returncode == 1
    said = done.stdout.strip().splitlines()
    assert "http://example.org/unknown" in said[0]
    assert said[-1] == "3 resources loaded from 3 files, 1 failures."
    assert f"{tmp_path / 'a.ndjson'}:1: " in done.stderr


def test_load_takes_xml_and_names_what_is_wrong_with_it(server: Beside, http: httpx.Client, tmp_path: Path) -> None:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- a patient -->\n'
    whole = '<Patient xmlns="http://hl7.org/fhir"><id value="in-xml"/><active value="true"/></Patient>'
    (tmp_path / "a.xml").write_text(head + whole)
    (tmp_path / "b.xml").write_text(whole.replace("active", "activity"))
    (tmp_path / "c.xml").write_text("<Patient")
    done = command(server, "load", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.strip() == "1 resources loaded from 3 files, 2 failures."
    assert "b.xml" in done.stderr
    assert "activity" in done.stderr
    assert "c.xml" in done.stderr
    assert http.get("/Patient/in-xml").json()["active"] is True


def test_load_names_each_line_that_fails_and_stores_the_others(
    server: Beside, http: httpx.Client, tmp_path: Path
) -> None:
    path = ndjson(tmp_path / "a.ndjson", patient("good1"), patient("bad", bogus=1), [1], patient("good2"))
    done = command(server, "load", str(path))
    assert done.returncode == 1
    assert done.stdout.strip() == "2 resources loaded from 1 files, 2 failures."
    assert f"{path}:2: Patient.bogus" in done.stderr
    assert f"{path}:3: " in done.stderr
    assert http.get("/Patient/good2").status_code == 200


def test_load_stores_nothing_of_a_transaction_that_fails_and_the_rest_of_a_batch(
    server: Beside, http: httpx.Client, tmp_path: Path
) -> None:
    for type_ in ("transaction", "batch"):
        good = {"resource": patient(f"of-{type_}"), "request": {"method": "PUT", "url": f"Patient/of-{type_}"}}
        bad = {"resource": {"resourceType": "Patient", "gender": "x"}, "request": {"method": "POST", "url": "Patient"}}
        (tmp_path / f"{type_}.json").write_text(
            json.dumps({"resourceType": "Bundle", "type": type_, "entry": [good, bad]})
        )
    done = command(server, "load", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.strip() == "1 resources loaded from 2 files, 2 failures."
    assert f"{tmp_path / 'batch.json'} entry[1]: 422" in done.stderr
    assert f"{tmp_path / 'transaction.json'}: Bundle.entry[1].resource.gender" in done.stderr
    assert http.get("/Patient/of-batch").status_code == 200
    assert http.get("/Patient/of-transaction").status_code == 404


WRONG = (
    "x",
    "[1]",
    '{"resourceType": "Nope"}',
    '{"resourceType": "Patient", "id": 7}',
    '{"resourceType": "Bundle", "type": "collection", "entry": 7}',
    '{"resourceType": "Bundle", "type": "collection", "entry": [7]}',
    '{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"x": 1}}]}',
    '{"resourceType": "Bundle", "type": "transaction", "entry": 7}',
)


def test_load_names_every_file_that_is_wrong(server: Beside, tmp_path: Path) -> None:
    for at, text in enumerate(WRONG):
        (tmp_path / f"{at}.json").write_text(text)
    done = command(server, "load", str(tmp_path))
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        str(tmp_path / f"{at}.json") for at in range(len(WRONG))
    ]
    assert done.stdout.strip() == f"0 resources loaded from {len(WRONG)} files, {len(WRONG)} failures."


def test_load_knows_its_own_address_by_the_setting(server: Beside, http: httpx.Client, tmp_path: Path) -> None:
    entry = {
        "resource": patient("addressed"),
        "request": {"method": "PUT", "url": "https://me.example/r5/Patient/addressed"},
    }
    (tmp_path / "a.json").write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
    done = run(
        "load",
        str(tmp_path),
        "--data-dir",
        str(server.data_dir),
        FHIRSERVER_BASE_URL="https://me.example/",
    )
    assert done.returncode == 0, done.stderr
    assert http.get("/Patient/addressed").status_code == 200


# --- not starting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("get", "/r5/Patient", "--mongodb-uri", "http://a:secret@127.0.0.1:1/"), {}, "is not understood"),
        (("get", "/r5/Patient", "--data-dir", "/proc/nothing"), {}, "The data directory /proc/nothing cannot be used"),
        (("reindex",), {"FHIRSERVER_CACHE_MB": "some"}, "The setting 'cache_mb' (FHIRSERVER_CACHE_MB) is wrong"),
        (("serve", "--port", "0", "--seed"), {"FHIRSERVER_SEED_DIR": "/nowhere"}, "There is no seed directory here"),
    ],
)
def test_what_cannot_start_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    place = {} if "--data-dir" in arguments else {"FHIRSERVER_DATA_DIR": str(tmp_path / "data")}
    done = run(*arguments, **place, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("fhirserver: ")
    assert sentence in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


# --- get, explain and reindex -------------------------------------------------------------------------------------


def test_get_prints_the_body_of_an_answer(server: Beside, http: httpx.Client) -> None:
    http.put("/Patient/mueller", json=patient("mueller", name=[{"family": "Müller"}])).raise_for_status()
    for url in ("/r5/Patient?name=Müller", "http://any.example/r5/Patient?name=M%C3%BCller"):
        done = command(server, "get", url)
        assert done.returncode == 0
        found = json.loads(done.stdout)
        assert found["entry"][0]["resource"]["id"] == "mueller"
        assert found["link"][0]["url"].endswith("/r5/Patient?name=M%C3%BCller"), "its links are those of the question"


def test_get_of_what_is_not_there_prints_the_outcome_and_fails(server: Beside) -> None:
    done = command(server, "get", "/r5/Patient/nobody")
    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["code"] == "not-found"


def test_explain_says_how_a_search_is_answered(server: Beside, http: httpx.Client) -> None:
    http.put("/Patient/mueller", json=patient("mueller", name=[{"family": "Müller"}])).raise_for_status()
    done = command(server, "explain", "/r5/Patient?name=Müller&nonsense=1")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:3] == ["search Patient", '  Patient name: Starts text="muller" parts', "find Patient"]
    assert any(line.startswith("  plan: ") and "IXSCAN" in line for line in lines)
    assert any(line.startswith("  examined: ") for line in lines)
    assert "mueller" not in done.stdout
    assert "'nonsense'" in done.stderr


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/r5/Patient/mueller", "this is no search"),
        ("/r5/metadata", "this is no search"),
        ("/r5/Patient?birthdate=1x", "1x"),
        ("/", "this is no search"),
    ],
)
def test_explain_needs_a_search(server: Beside, http: httpx.Client, url: str, sentence: str) -> None:
    http.put("/Patient/mueller", json=patient("mueller", name=[{"family": "Müller"}])).raise_for_status()
    done = command(server, "explain", url)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not done.stdout


def test_reindex_counts_every_current_resource(server: Beside, http: httpx.Client) -> None:
    weight = {"code": {"text": "weight"}, "status": "final", "valueQuantity": {"value": 6.30, "unit": "kg"}}
    http.put("/Observation/kept", json={"resourceType": "Observation", "id": "kept"} | weight).raise_for_status()
    encounter = {"resourceType": "Encounter", "id": "older", "status": "finished", "class": {"code": "AMB"}}
    older = str(http.base_url).replace("/r5", "/r4").rstrip("/")
    http.put(f"{older}/Encounter/older", json=encounter).raise_for_status()
    totals = {}
    for base in (str(http.base_url).rstrip("/"), older):
        types = {entry["type"] for entry in http.get(f"{base}/metadata").json()["rest"][0]["resource"]}
        for type_ in sorted(types):
            if base != older or not has_lens(type_):
                totals[base, type_] = http.get(f"{base}/{type_}?_summary=count").json()["total"]
    done = command(server, "reindex")
    assert done.returncode == 0
    assert done.stdout.strip() == f"{sum(totals.values())} resources indexed anew."
    for search in ("_id=kept", "value-quantity=6.3", "value-quantity=lt6.4||kg", "code:text=weight"):
        assert http.get(f"/Observation?{search}").json()["total"] == 1, search
