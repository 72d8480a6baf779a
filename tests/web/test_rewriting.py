"""Links between the entries of a Bundle: what is told by the text of a resource is what its elements say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.interactions.rewrite import _LINKS, _visited, rewriting
from fhirserver.resources.registry import RELEASES, Release, is_primitive, resource_types, structure

ONE, OTHER = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"
LINKS = {ONE: "Patient/1", OTHER: "Practitioner/2"}
TEXTS = st.sampled_from(
    [
        ONE,
        OTHER,
        f"{ONE}#part",
        f"see {ONE}",
        "urn:uuid:unknown",
        'a "quoted" urn:uuid:',
        "Patient/9",
        'urn:uuid:"',
        "\\",
    ]
)
DIV = st.sampled_from([f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{ONE}">{OTHER}</a></div>'])
REFERENCES = st.fixed_dictionaries({}, optional={"reference": TEXTS, "display": TEXTS})
IDENTIFIERS = st.fixed_dictionaries({"system": TEXTS, "value": TEXTS})
EXTENSIONS = st.fixed_dictionaries(
    {"url": TEXTS},
    optional={"valueUri": TEXTS, "valueCanonical": TEXTS, "valueString": TEXTS, "valueReference": REFERENCES},
)
RESOURCES = st.fixed_dictionaries(
    {"resourceType": st.just("Observation")},
    optional={
        "subject": REFERENCES,
        "performer": st.lists(REFERENCES, max_size=3),
        "identifier": st.lists(IDENTIFIERS, max_size=2),
        "instantiatesUri": TEXTS,
        "instantiatesCanonical": TEXTS,
        "text": st.fixed_dictionaries({"div": DIV}),
        "extension": st.lists(EXTENSIONS, max_size=2),
        "contained": st.just([{"resourceType": "Specimen", "subject": {"reference": ONE}, "collection": {"x": OTHER}}]),
    },
)


@pytest.mark.parametrize("links", [LINKS, {ONE: "Patient/1"}, LINKS | {"http://there.example/Patient/9": "Patient/9"}])
@given(resource=RESOURCES)
def test_links_are_rewritten_alike_by_text_and_element_by_element(
    links: dict[str, str], resource: dict[str, Any]
) -> None:
    before = str(resource)
    assert rewriting(links)("R5", resource) == _visited("R5", resource, links)
    assert str(resource) == before


@pytest.mark.parametrize("release", RELEASES)
def test_the_name_reference_is_always_a_links_and_the_name_value_never(release: Release) -> None:
    todo, met = ["Extension", *resource_types(release)], set[str]()
    kinds: dict[str, set[str]] = {"reference": set(), "value": set()}
    while todo:
        type_ = todo.pop()
        found = structure(release, type_)
        if type_ in met or found is None:
            continue
        met.add(type_)
        for name, element in found.elements.items():
            if not is_primitive(release, element.type):
                todo.append(element.type)
            elif name in kinds:
                kinds[name].add("link" if (type_, name) == ("Reference", "reference") else element.type)
    assert len(met) > 500
    assert kinds["reference"] <= _LINKS | {"link"}
    assert kinds["value"].isdisjoint(_LINKS)
