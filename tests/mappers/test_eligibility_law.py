"""Every word of a text of criteria is in exactly one heading or criterion, in order."""

import re
import time
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.fhirjson import loads
from fhirserver.mappers.eligibility import criteria, outline
from fhirserver.mappers.readers.plain import plain
from tests.mappers.conftest import SHARED

PIECES = (
    "Inclusion Criteria:", "Exclusion criteria", "EXCLUSION", "Critères d'inclusion :", "* ", "1. ", "2) ", "a. ",
    "ii) ",
    "- ", "•", "Cohort 1", "Group B:", "Patients are excluded if:", "any of the following:", "Age over 18",
    "FEV1 < 60 %",
    "; ", ". ", "\n", "\n\n", "\n   ", "   ", "(", ")", "排除标准：", "None", "**", "C. difficile", "1.5 mg",
    "e.g. this",
    "The patient must ", "not be eligible", "\t", ":", "Inclusion Criteria 1. A 2. B 3. C", "x" * 70,
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=200)
few = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def squeezed(text):
    return re.sub(r"\s+", "", text)


def holds(text, exclude=False):
    segments = outline(text, exclude)
    assert squeezed("".join(one.signs + one.text for one in segments)) == squeezed(text)
    found = [one for one in segments if one.exclude is not None and one.text]
    assert [(one.text, one.exclude) for one in found] == [(one.text, one.exclude) for one in criteria(text, exclude)]
    said = {squeezed(up) for one in found for up in one.under}
    for one in segments:
        if one.exclude is None and not one.plain:
            assert squeezed(one.text).strip(":：*_") in {each.strip(":：*_") for each in said}, one.text
    return segments


@few
@given(texts, st.booleans())
def test_every_word_is_in_one_heading_or_criterion(text, exclude):
    holds(plain(text), exclude)


def test_every_word_of_every_record(records):
    for name, data in records.items():
        text = loads(data)["protocolSection"].get("eligibilityModule", {}).get("eligibilityCriteria")
        if text:
            segments = holds(plain(text))
            assert any(one.exclude is not None and one.text for one in segments), name


def test_every_word_of_columns_wrapped_by_hand():
    found = sorted(SHARED.glob("ctgov_xml/*.xml"))
    if not found:
        pytest.skip("the classic records are not at hand (../shared/trials/ctgov_xml)")
    for path in found:
        block = ElementTree.parse(path).find("eligibility/criteria/textblock")
        if block is not None and block.text:
            holds(plain(block.text))


@pytest.mark.parametrize(
    "text",
    ["1. " * 20_000, "* a b\n" * 20_000, "Inclusion criteria: " * 5_000, "(" * 50_000, "- A " * 20_000, "x:\n" * 10_000,
     "; " * 20_000, "1. Ab 2. Cd " * 5_000, "A" * 100_000 + ": ", "   " * 30_000 + "x", "Patients " * 20_000 + ":"],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_no_text_takes_long(text):
    began = time.process_time()
    outline(text)
    assert time.process_time() - began < 5
