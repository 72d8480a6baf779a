"""Classic ClinicalTrials.gov XML: shaped like API v2, rebuilt in that shape from FHIR, and compared there.

A text or attribute of the document counts as kept where every value that came from it in the shape of API v2 is rebuilt
at the very same path, positions in lists included. Dates, yes and no, and the words of closed lists are compared as the
codes of API v2, for the words of the old format are no more; prose is compared without the escapes that API v2 has. An
intervention's arms are compared as a set. What has no member in API v2 counts as kept where it stands in the resources.
What says nothing (N/A for an age) or says again what stands elsewhere is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fhirserver.fhirjson import dumps, loads
from fhirserver.mappers.back import rebuilt_bundle
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers.ctgov_xml import settle, translated
from fhirserver.mappers.readers.ctgov_xml_words import date
from fhirserver.mappers.readers.plain import plain
from fhirserver.mappers.readers.xml_element import Element, parse
from fhirserver.mappers.trial import Reading
from fidelity.formats.ctgov_v2 import _same as same
from fidelity.found import Output, without
from fidelity.leaves import leaves
from fidelity.measured import Measured

AGAIN = {
    # Paths that say again what another part of the same document says, and that part.
    "/clinical_study/required_header/link_text": "the same sentence in every record",
    "/clinical_study/required_header/url": "id_info/nct_id",
    "/clinical_study/@rank": "the place in a list of search results",
    "/clinical_study/number_of_arms": "arm_group",
    "/clinical_study/number_of_groups": "arm_group",
    "/clinical_study/location_countries/country": "location/facility/address/country",
}
APART = "(said again elsewhere)"


def measure(record: str, data: bytes, reading: Reading) -> Measured:
    """What the way back makes of one record."""
    found = Measured(reading.format, records=1)
    bundle, _ = transaction(reading)
    output = loads(dumps(bundle))
    resources = [entry["resource"] for entry in output["entry"]]
    texts = Output([without(one) for one in resources if one["resourceType"] != "Provenance"])
    where: dict[str, str] = {}
    shaped = dict(leaves(settle(translated(parse(data)), "", where)))
    back = dict(leaves(rebuilt_bundle(output)))
    by_place: dict[str, list[str]] = {}
    for path in shaped:
        if path in where:
            by_place.setdefault(where[path], []).append(path)
    for place, said in values(parse(data)):
        kind = "/".join(part.partition("[")[0] for part in place.split("/"))
        if _says_nothing(kind, said):
            found.leaf(APART, kind, True)
            continue
        paths = by_place.get(place) or _within(said, by_place.get(place.rpartition("/")[0], ()), shaped)
        kept = all(_rebuilt(path, shaped[path], back) for path in paths) if paths else _stands(said, texts)
        found.leaf(module(kind), kind, kept)
        if not kept:
            first = next((path for path in paths or () if not _rebuilt(path, shaped[path], back)), None)
            found.example(kind, record, said, f"{first}: {back.get(first)}" if first else None)
    return found


def _within(said: str, paths: Iterable[str], shaped: Mapping[str, object]) -> list[str]:
    """The values of the element above that hold a text: a person's name is made of its parts."""
    return [path for path in paths if isinstance(value := shaped[path], str) and said.strip() in value]


def _says_nothing(kind: str, said: str) -> bool:
    words = " ".join(said.split())
    totals = kind.endswith(("/event/sub_title", "/category/title")) and (
        words == "Total" or words.startswith("Total, ")
    )
    none = words == "N/A" and kind.endswith(("_age", "/study_type"))
    return kind in AGAIN or kind.endswith("/scope") or totals or none


def _rebuilt(path: str, said: object, back: Mapping[str, object]) -> bool:
    of, _, member = path.rpartition(".")
    if member.startswith("armGroupLabels["):
        start = f"{of}.armGroupLabels["
        return said in {value for other, value in back.items() if other.startswith(start)}
    given = back.get(path)
    if isinstance(said, str) and isinstance(given, str):
        return plain(said) == plain(given)
    return same(said, given)


def module(kind: str) -> str:
    """Results by their parts, all else by its element."""
    parts = kind.split("/")[2:]
    return "/".join(parts[: 2 if parts[0] == "clinical_results" else 1]).partition("/@")[0] if parts else kind


def values(root: Element) -> Iterator[tuple[str, str]]:
    """Every text and attribute with its XPath."""
    todo = [root]
    while todo:
        one = todo.pop()
        for name, said in one.element.attrib.items():
            if said.strip():
                yield f"{one.path}/@{name}", said
        if (one.element.text or "").strip():
            yield one.path, one.element.text
        for tag in one.tags():
            todo.extend(one.children(tag))


def _stands(said: str, output: Output) -> bool:
    """A text, or the date that it names, alone or in words; a short one only as a whole text."""
    words = " ".join(said.split())
    return output.says(words) or output.has(words) or output.has(date(words))
