import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.cli import splitting
from fhirserver.cli.splitting import pieces


class Slow(io.RawIOBase):
    """A stream that gives little at a time."""

    def __init__(self, data, step):
        self.data, self.step = data, step

    def read(self, size=-1):
        found, self.data = self.data[: self.step], self.data[self.step :]
        return found


def split(data, largest=10_000, step=None):
    stream = Slow(data, step) if step else io.BytesIO(data)
    return [(one.place, one.wrong or one.data) for one in pieces(stream, largest)]


def test_a_record_by_itself():
    assert split(b'{"protocolSection": {}}') == [("", b'{"protocolSection": {}}')]
    assert split(b'\n{\n "a": 1,\n "b": {\n}\n}\n') == [("", b'\n{\n "a": 1,\n "b": {\n}\n}\n')]
    assert split(b"<clinical_study/>") == [("", b"<clinical_study/>")]
    assert split(b"") == [("", b"")]


def test_json_lines_and_what_is_rubbish_among_them():
    assert split(b'{"a": 1}\n\n{"b": \r\nrubbish\n{"c": 3}') == [
        (":1", b'{"a": 1}'),
        (":3", b'{"b":'),
        (":4", b"rubbish"),
        (":5", b'{"c": 3}'),
    ]


def test_json_lines_whose_first_line_is_broken():
    assert split(b'{"a": \n{"b": 2}\n') == [(":1", b'{"a":'), (":2", b'{"b": 2}')]


def test_an_array():
    assert split(b' [{"a": "],{\\"["}, [1, 2] ,3]') == [
        ("[0]", b'{"a": "],{\\"["}'),
        ("[1]", b"[1, 2]"),
        ("[2]", b"3"),
    ]
    assert split(b"[]") == []
    assert split(b"[1,]") == [("[0]", b"1"), ("[1]", b"")]


def test_a_page_of_the_registry():
    page = b'{"totalCount": 2, "nextPageToken": "x\\"y", "studies": [{"a": 1}, {"b": 2}], "more": [3]}'
    assert split(page) == [("[0]", b'{"a": 1}'), ("[1]", b'{"b": 2}')]


def test_an_array_that_is_cut_off_is_reported_after_what_was_whole():
    found = split(b'[{"a": 1}, {"b": "')
    assert found[0] == ("[0]", b'{"a": 1}')
    assert found[1][0] == "[1]"
    assert "cut off" in found[1][1]


@pytest.mark.parametrize("form", ["{}", "[{},{}]", "{}\n{}\n"])
def test_a_record_that_is_too_large_is_passed_over_and_the_next_is_read(form):
    large = json.dumps({"a": "x" * 50_000})
    found = split(form.replace("{}", large, 1).replace("{}", '{"b": 1}').encode(), step=1000)
    assert "larger than" in found[0][1]
    assert all(one[1] == b'{"b": 1}' for one in found[1:])


def test_a_text_without_end_does_not_fill_memory():
    data = b'[{"a": "' + b"x\\\\" * 30_000 + b'"}, {"b": 1}]'
    found = split(data, largest=5_000, step=777)
    assert "larger than" in found[0][1]
    assert found[1] == ("[1]", b'{"b": 1}')


def test_memory_holds_one_record(monkeypatch):
    monkeypatch.setattr(splitting, "_CHUNK", 1000)
    records = b",".join(b'{"a": "%s"}' % (b"x" * 500) for _ in range(1000))

    class Watched(Slow):
        taken = 0

        def read(self, size=-1):
            self.taken += 1
            return super().read(size)

    stream = Watched(b"[" + records + b"]", 1000)
    first = next(pieces(stream))
    assert first.data.startswith(b"{")
    assert stream.taken < 5


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(values, max_size=5), st.integers(1, 7), st.booleans())
def test_an_array_is_cut_as_json_would(items, step, indented):
    data = json.dumps(items, indent=2 if indented else None).encode()
    found = list(pieces(Slow(data, step)))
    assert [json.loads(one.data) for one in found] == items
    assert [one.place for one in found] == [f"[{at}]" for at in range(len(items))]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), min_size=2, max_size=5), st.integers(1, 50))
def test_json_lines_are_cut_at_their_ends(items, step):
    data = "\n".join(json.dumps(item) for item in items).encode()
    assert [json.loads(one.data) for one in pieces(Slow(data, step))] == items


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 9))
def test_no_bytes_are_too_odd(data, step):
    for start in (b"", b"[", b"{", b'{"studies":[', b'{"a":1}\n{'):
        assert all(isinstance(one.data, bytes) for one in pieces(Slow(start + data, step), 100))
