"""Expressions of words, what is read of a resource, and how well it fits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.errors import BadRequest
from fhirserver.search import prose, wording
from fhirserver.search.ast import And, Node, Not, Or, Param
from fhirserver.search.kinds.fulltext import Words
from fhirserver.search.relevance import asked, score, text


def leaf(words: tuple[str, ...], begins: bool) -> Node:
    return Param("ResearchStudy", "_content", Words(words, begins))


def told(node: Node) -> str:
    match node:
        case And(nodes):
            return f"({' & '.join(told(each) for each in nodes)})"
        case Or(nodes):
            return f"({' | '.join(told(each) for each in nodes)})"
        case Not(inner):
            return f"!{told(inner)}"
        case Param(test=Words(words, begins)):
            return "_".join(words) + ("*" if begins else "")
    raise TypeError(node)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("lung", "lung"),
        ("Lung CANCER", "(lung & cancer)"),
        ("lung AND cancer", "(lung & cancer)"),
        ("lung and and_more", "(lung & and_more)"),
        ("lung OR breast cancer", "(lung | (breast & cancer))"),
        ("(lung OR breast) cancer", "((lung | breast) & cancer)"),
        ('"lung cancer"', "lung_cancer"),
        ('"lung OR cancer"', "lung_or_cancer"),
        ("NOT lung", "!lung"),
        ("not (lung or breast) AND x", "(!(lung | breast) & x)"),
        ("covid-19", "covid_19"),
        ("pembro*", "pembro*"),
        ('"cell lung can"*', "cell_lung_can*"),
        ("lung lung", "(lung)"),
        ("- lung", "lung"),
        ("北京大学", "北_京_大_学"),
        ("Straße", "strasse"),
    ],
)
def test_expressions(written: str, meant: str) -> None:
    assert told(wording.parse(written, "_content", leaf)) == meant


@given(st.text(max_size=40))
def test_every_text_is_an_expression_or_refused(written: str) -> None:
    try:
        found = wording.parse(written, "_content", leaf)
    except BadRequest:
        return
    assert told(found)


def test_limits_of_an_expression() -> None:
    with pytest.raises(BadRequest, match="more than 50 words"):
        wording.parse(" ".join(f"w{number}" for number in range(51)), "_content", leaf)
    with pytest.raises(BadRequest, match="nested"):
        wording.parse("(" * 30 + "x" + ")" * 30, "_content", leaf)


def test_codes_ids_and_addresses_are_no_prose() -> None:
    found = prose.of(
        "R5",
        "ResearchStudy",
        {
            "resourceType": "ResearchStudy",
            "id": "identity",
            "url": "http://example.org/address",
            "identifier": [{"system": "urn:system", "value": "NCT01", "type": {"text": "Registry number"}}],
            "version": "v17",
            "title": "Title",
            "status": "active",
            "date": "2020-01-01",
            "condition": [{"coding": [{"code": "C1", "display": "Asthma", "version": "9"}], "text": "Wheezing"}],
            "associatedParty": [{"party": {"reference": "Organization/hidden", "display": "Acme"}}],
            "contained": [{"resourceType": "Organization", "id": "o1", "name": "Contained"}],
            "extension": [{"url": "http://x.org", "valueString": "Extended"}],
            "_title": {"extension": [{"url": "http://x.org", "valueString": "Untranslated"}]},
            "text": {"status": "generated", "div": "<div a='attribute'>H<sub>2</sub>O &lt; ten</div>"},
            "note": [{"text": "Noted", "authorString": "Author"}],
            "comparisonGroup": [{"linkId": "link", "name": "Arm"}],
        },
    )
    assert set(found.words) == {
        "registry", "number", "title", "asthma", "wheezing", "acme", "contained", "extended", "h2o", "ten", "noted",
        "author", "arm",
    }  # fmt: skip


def test_a_long_text_is_read_up_to_a_limit() -> None:
    words = [f"w{number}" for number in range(5_000)]
    found = prose.of("R5", "Library", {"description": " ".join(words), "title": "late"})
    assert found.words == tuple(words[: prose.MOST_WORDS])
    assert found.lines[0].split() == words[: prose.MOST_WORDS]
    assert prose.of("R5", "Library", {"description": "x" * 1_000}).words == ("x" * prose.LONGEST,)


def test_scores_grow_with_occurrences_and_shrink_with_length() -> None:
    node = wording.parse('lung OR "small cell" NOT breast', "_content", leaf)
    wanted = asked(node)
    assert len(wanted) == 2

    def of(*lines: str) -> Decimal:
        return score(wanted, {"_content": text(f" {line} " for line in lines)})

    assert of("nothing") == 0
    assert 0 < of("a lung") < of("lung lung") < of("lung lung small cell") < 1
    assert of("lung" + " filler" * 500) < of("lung")
    assert of("small x cell") == 0
    assert score(asked(leaf(("lu",), True)), {"_content": text([" lung lu "])}) == score(
        asked(leaf(("lung",), False)), {"_content": text([" lung lung "])}
    )
