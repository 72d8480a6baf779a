"""What is measured of records: leaf values, and whether they come back."""

import json
from decimal import Decimal

import pytest

from fidelity.__main__ import main
from fidelity.leaves import leaves, pattern
from fidelity.measured import Measured
from fidelity.measuring import measure_all


def test_leaves_have_their_paths_and_null_is_none():
    record = {"a": [{"b": 1}, {"b": None}], "c": {"d": "x", "e": False}, "f": []}
    assert dict(leaves(record)) == {"a[0].b": 1, "c.d": "x", "c.e": False}
    assert pattern("a[0].b[12].c") == "a[].b[].c"


def test_measures_add_up_and_remember_few_places():
    whole = Measured("x")
    for number in range(5):
        one = Measured("x", records=1)
        one.leaf("m.a", "m.a.b", kept=False)
        one.leaf("m.a", "m.a.c", kept=True)
        one.example("m.a.b", str(number), Decimal("1.0"), None)
        whole.add(one)
    assert (whole.records, whole.share("m."), whole.share("n.")) == (5, 0.5, None)
    assert whole.examples["m.a.b"] == [("0", "1.0", "nothing"), ("1", "1.0", "nothing"), ("2", "1.0", "nothing")]


def test_a_folder_is_measured_by_content_and_what_is_no_record_is_named(tmp_path, full_record):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "record.txt").write_text(json.dumps(full_record))
    (tmp_path / "notes.json").write_text("{}")
    found, [(path, why)] = measure_all(sorted(one for one in tmp_path.rglob("*") if one.is_file()), jobs=1)
    assert found["ctgov-v2"].records == 1
    assert path.endswith("notes.json")
    assert "not read" in why


def test_every_field_of_the_protocol_section_comes_back(tmp_path, full_record, capsys):
    (tmp_path / "record.json").write_text(json.dumps(full_record))
    assert main([str(tmp_path), "--jobs", "1", "--at-least", "1", "--json", str(tmp_path / "out")]) == 0
    assert "100.000 %" in capsys.readouterr().out
    told = json.loads((tmp_path / "out").read_text())["ctgov-v2"]
    assert not [path for path in (*told["lost"], *told["added"]) if path.startswith("protocolSection")]


def test_too_little_is_an_exit_code(tmp_path, full_record):
    full_record["protocolSection"]["descriptionModule"]["inventedField"] = "nobody maps this"
    (tmp_path / "record.json").write_text(json.dumps(full_record))
    assert main([str(tmp_path), "--jobs", "1", "--at-least", "1"]) == 1


@pytest.mark.parametrize("content", ["{}", ""])
def test_nothing_to_measure_is_an_exit_code(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    assert main([str(tmp_path), "--jobs", "1"]) == 1
