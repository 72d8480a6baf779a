"""import of many records: every kind of input, its report, changes and withdrawals, stopped and taken up again."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.running import COMMAND, ENVIRONMENT, Running, client, run, serving

RECORD = Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many") / "data"


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Running]:
    with serving(data_dir) as found:
        yield found


@pytest.fixture(scope="module")
def http(server: Running) -> Iterator[httpx.Client]:
    with client(server) as found:
        yield found


@pytest.fixture
def importing(server: Running, data_dir: Path) -> Any:
    def command(*arguments: object, data: bytes | None = None) -> subprocess.CompletedProcess[str]:
        if data is None:
            done = run("import", *map(str, arguments), "--data-dir", str(data_dir))
        else:
            command = [*COMMAND, "import", *map(str, arguments), "--data-dir", str(data_dir)]
            raw = subprocess.run(command, input=data, capture_output=True, timeout=120, env=ENVIRONMENT, check=False)
            done = subprocess.CompletedProcess(command, raw.returncode, raw.stdout.decode(), raw.stderr.decode())
        assert "Traceback" not in done.stderr
        return done

    return command


def record(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORD.read_text().replace("NCT02083731", f"NCT{number}"))
    return found


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_record(path: Path) -> dict[str, dict[str, Any]]:
    return {Path(row["record"]).name: row for row in rows(path) if "record" in row}


def test_folders_zip_files_lines_arrays_and_pages_of_the_api(
    importing: Any, http: httpx.Client, tmp_path: Path
) -> None:
    folder = tmp_path / "records"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.json").write_text(json.dumps(record(91000001)))
    (folder / "b.dat").write_text(json.dumps(record(91000002)))
    (folder / "c.ndjson").write_text("\n".join(json.dumps(record(91000003 + at)) for at in range(2)) + "\nrubbish\n")
    (folder / "d.json").write_text(json.dumps([record(91000005), record(91000006)]))
    (folder / "e.json").write_text(json.dumps({"totalCount": 1, "studies": [record(91000007)], "nextPageToken": "x"}))
    (folder / "f.json.gz").write_bytes(gzip.compress(json.dumps(record(91000008)).encode()))
    with zipfile.ZipFile(folder / "g.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x/NCT91000009.json", json.dumps(record(91000009)))
        packed.writestr("__MACOSX/x.json", "rubbish")
        packed.writestr("y.json", json.dumps([record(91000010)]))
        packed.writestr("picture.png", b"\x89PNG")
    (folder / "README.md").write_text("# About these records")
    (folder / "patient.data").write_text('{"resourceType": "Patient"}')
    (folder / ".hidden.json").write_text("rubbish")
    report = tmp_path / "report.json"
    done = importing(folder, "--report", report)
    assert done.returncode == 1
    assert "10 records imported, 1 failed" in done.stdout
    assert "1 files passed over that hold no record" in done.stdout
    assert "c.ndjson:3" in done.stderr
    said = by_record(report)
    assert said["c.ndjson:1"]["study"] == "ResearchStudy/NCT91000003"
    assert said["d.json[1]"]["study"] == "ResearchStudy/NCT91000006"
    assert said["NCT91000009.json"]["record"].endswith("g.zip!x/NCT91000009.json")
    assert said["patient.data"]["outcome"] == "passed over"
    assert said["c.ndjson:3"]["outcome"] == "failed"
    assert http.get("/ResearchStudy", params={"_id": "NCT91000010"}).json()["total"] == 1


@pytest.mark.parametrize(("number", "form"), list(enumerate(["record", "lines", "array", "zip", "gzip"], 91000020)))
def test_standard_input(importing: Any, tmp_path: Path, number: int, form: str) -> None:
    one = json.dumps(record(number)).encode()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("a.json", one)
    data = {
        "record": one,
        "lines": one + b"\n" + one + b"\n",
        "array": b"[" + one + b"]",
        "zip": (tmp_path / "a.zip").read_bytes(),
        "gzip": gzip.compress(one),
    }[form]
    done = importing("-", data=data)
    assert done.returncode == 0, done.stderr
    assert f"{2 if form == 'lines' else 1} records imported, 0 failed" in done.stdout


def test_what_is_stored_as_it_is_is_skipped_unless_asked_for_again(
    importing: Any, http: httpx.Client, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record(91000031)))
    assert "1 records imported" in importing(path).stdout
    assert "1 skipped" in importing(path).stdout
    assert "1 records imported, 0 failed: 0 resources created, 0 updated" in importing(path, "--again").stdout
    first = path.read_text()
    path.write_text(first.replace('"count": 120', '"count": 140'))
    assert "1 records imported" in importing(path).stdout
    path.write_text(first)
    assert "1 records imported" in importing(path).stdout, "an older record is not what the study came from last"
    assert http.get("/ResearchStudy/NCT91000031").json()["recruitment"]["targetNumber"] == 120


def test_the_report_says_what_became_of_each_field_and_why(importing: Any, tmp_path: Path) -> None:
    given = record(91000041)
    given["protocolSection"]["identificationModule"]["colour"] = "blue as the sea"
    given["protocolSection"]["statusModule"]["studyFirstSubmitDate"] = "2013-12-05"
    given["protocolSection"]["eligibilityModule"]["stdAges"] = ["ADULT"]
    path, report = tmp_path / "a.json", tmp_path / "report.json"
    path.write_text(json.dumps(given))
    importing(path, "--report", report)
    began, row, ended = rows(report)
    assert (began["run"], ended["run"]) == ("began", "ended")
    assert ended["records"] == {"created": 1}
    assert (row["outcome"], row["format"]) == ("created", "ctgov-v2")
    mapped = {one["path"]: one for one in row["mapped"]}
    assert mapped["protocolSection.identificationModule.briefTitle"]["to"] == ["ResearchStudy.title"]
    kept = {one["path"]: one["to"] for one in row["kept"]}
    assert "extension" in kept["protocolSection.statusModule.studyFirstSubmitDate"][0]
    left = {one["path"]: one["why"] for one in row["left_out"]}
    assert "no place" in left["protocolSection.identificationModule.colour"]
    assert "derives" in left["protocolSection.eligibilityModule.stdAges[*]"]
    assert {one["path"] for one in row["recoded"]} >= {"protocolSection.eligibilityModule.healthyVolunteers"}


def test_an_update_says_what_changed_and_what_was_withdrawn(importing: Any, http: httpx.Client, tmp_path: Path) -> None:
    given = record(91000051)
    arms = given["protocolSection"]["armsInterventionsModule"]
    more = {"type": "DRUG", "name": "Second drug", "armGroupLabels": ["Second arm"]}
    arms["interventions"].append(more)
    arms["armGroups"].append(
        {"label": "Second arm", "type": "EXPERIMENTAL", "interventionNames": ["Drug: Second drug"]}
    )
    path, report = tmp_path / "a.json", tmp_path / "report.json"
    path.write_text(json.dumps(given))
    importing(path)
    activity = "/ActivityDefinition/NCT91000051-intervention-second-drug"
    assert http.get(activity).json()["status"] == "active"
    arms["interventions"].pop()
    arms["armGroups"].pop()
    given["protocolSection"]["statusModule"]["overallStatus"] = "COMPLETED"
    criteria = given["protocolSection"]["eligibilityModule"]["eligibilityCriteria"]
    first = criteria.split("*")[1]
    given["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = criteria.replace(f"*{first}", "", 1)
    path.write_text(json.dumps(given))
    done = importing(path, "--report", report)
    assert "retired, for their records no longer name them" in done.stdout
    _, row, ended = rows(report)
    assert row["outcome"] == "updated"
    changes = {change["resource"]: change for change in row["changes"]}
    study = changes["ResearchStudy/NCT91000051"]["differences"]
    assert {"element": "comparisonGroup[1]", "change": "removed", "was": "Second arm"} in study
    assert any(one["element"].startswith("progressStatus") for one in study)
    group = changes["Group/NCT91000051-eligibility"]["differences"]
    assert any(one["change"] == "removed" and first.strip() in one["was"] for one in group)
    assert changes["ActivityDefinition/NCT91000051-intervention-second-drug"]["withdrawn"]
    assert ended["withdrawn"] >= 1
    assert http.get(activity).json()["status"] == "retired"
    assert http.get(f"{activity}/_history/1").json()["status"] == "active"
    roster = http.get("/Group/NCT91000051-arm-second-arm").json()
    assert roster["active"], "a roster is left to who enrols"
    texts = [one["valueCodeableConcept"]["text"] for one in _characteristics(http)]
    assert first.strip() not in texts
    # What comes back counts again.
    arms["interventions"].append(more)
    path.write_text(json.dumps(given))
    importing(path)
    assert http.get(activity).json()["status"] == "active"


def _characteristics(http: httpx.Client) -> list[dict[str, Any]]:
    group = http.get("/Group/NCT91000051-eligibility").json()
    return [one for one in group["characteristic"] if "valueCodeableConcept" in one]


def test_two_versions_of_one_study_are_imported_in_their_order(
    importing: Any, http: httpx.Client, tmp_path: Path
) -> None:
    lines = []
    for count in range(100, 112):
        one = record(91000061)
        one["protocolSection"]["designModule"]["enrollmentInfo"]["count"] = count
        lines.append(json.dumps(one))
    path = tmp_path / "versions.ndjson"
    path.write_text("\n".join(lines))
    assert importing(path).returncode == 0
    study = http.get("/ResearchStudy/NCT91000061").json()
    assert study["recruitment"]["targetNumber"] == 111
    assert study["meta"]["versionId"] == "12"


def test_several_processes_import_the_same(importing: Any, http: httpx.Client, tmp_path: Path) -> None:
    path, report = tmp_path / "many.ndjson", tmp_path / "report.json"
    path.write_text("\n".join([*(json.dumps(record(91000100 + at)) for at in range(12)), "rubbish"]))
    done = importing(path, "--workers", 2, "--report", report)
    assert done.returncode == 1
    assert "12 records imported, 1 failed" in done.stdout
    assert {row["study"] for row in rows(report) if "study" in row} == {
        f"ResearchStudy/NCT{91000100 + at}" for at in range(12)
    }
    assert all(http.get(f"/ResearchStudy/NCT{91000100 + at}").status_code == 200 for at in range(12))


def test_zip_bombs_locked_and_damaged_files_are_named_and_the_others_stored(importing: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open("bomb.json", "w", force_zip64=True) as member:
            for _ in range(60):
                member.write(b" " * 2**20)
        packed.writestr("good.json", json.dumps(record(91000071)))
    damaged = bytearray((tmp_path / "bomb.zip").read_bytes())
    damaged[60:90] = b"\0" * 30
    (tmp_path / "damaged.zip").write_bytes(damaged)
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as packed:
        packed.write(tmp_path / "bomb.zip", "bomb.zip")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "bomb.zip").read_bytes()[:-30])
    report = tmp_path / "report.json"
    done = importing(tmp_path, "--report", report)
    assert done.returncode == 1
    said = {row["record"].rpartition("/")[2]: row for row in rows(report) if "record" in row}
    assert "larger than" in said["bomb.zip!bomb.json"]["issues"][0]["text"]
    assert said["bomb.zip!good.json"]["outcome"] == "created"
    assert "within a zip" in said["inner.zip!bomb.zip"]["issues"][0]["text"]
    assert "damaged" in said["cut.zip"]["issues"][0]["text"]
    assert said["damaged.zip!good.json"]["outcome"] in ("skipped", "unchanged")


def test_stopped_it_says_so_and_goes_on_from_there(server: Running, data_dir: Path, tmp_path: Path) -> None:
    path, report = tmp_path / "many.ndjson", tmp_path / "report.json"
    path.write_text("\n".join(json.dumps(record(91001000 + at)) for at in range(400)))
    command = [*COMMAND, "import", str(path), "--report", str(report), "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (report.exists() and len(rows(report)) > 5):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "The same command goes on from here" in out
    told = rows(report)
    assert told[-1]["run"] == "stopped"
    done = sum(row.get("outcome") == "created" for row in told)
    assert 5 <= done < 400
    few = tmp_path / "few.ndjson"
    few.write_text("\n".join(path.read_text().splitlines()[: done + 3]))
    again = run("import", str(few), "--data-dir", str(data_dir))
    assert again.returncode == 0
    assert f"{done} skipped" in again.stdout
    assert "3 records imported" in again.stdout
