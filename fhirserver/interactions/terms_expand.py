"""ValueSet/$expand: the codes of a value set.

https://hl7.org/fhir/R5/valueset-operation-expand.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.interactions import terms
from fhirserver.interactions.lens import spoken
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server
from fhirserver.interactions.terms_given import asked_versions, supplements, valueset
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.terminology.contents import Versions
from fhirserver.terminology.expand import Ask, expanded, whole
from fhirserver.terminology.needs import Need

_SILENT = frozenset({"url", "valueSet", "valueSetVersion", "includeDefinition"})
"""Parameters that say which value set, and nothing of its codes."""


async def _expand(server: Server, call: Call, given: Arguments) -> Answer:
    _sensible(given)
    versions = asked_versions(given)
    also: list[Need] = [("CodeSystem", canonical) for canonical in given.all("useSupplement")]
    found = await valueset(server, call, given, versions, also)
    asked = supplements(found.contents, given, found.resource)
    members = whole(await found.members(versions), f"'{found.what}'", found.where)
    if given.one("displayLanguage") or given.all("designation"):
        systems = {system for system, _ in members.entries}
        await terms.contents(server, found.known, [("Supplement", system) for system in systems])
    ask = Ask(
        filter=given.one("filter"),
        offset=given.one("offset"),
        count=given.one("count"),
        include_designations=given.one("includeDesignations", False),
        designations=tuple(_token(text) for text in given.all("designation")),
        include_definition=given.one("includeDefinition", False),
        active_only=given.one("activeOnly", False),
        nested=not given.one("excludeNested", False),
        only_for_ui=given.one("excludeNotForUI", False),
        language=given.one("displayLanguage"),
        properties=tuple(given.all("property")),
        exclude=tuple(given.all("exclude-system")),
        supplements=asked,
        told=tuple(_told(given, versions)),
    )
    most = server.settings.max_expansion
    made = await terms.aside(found.contents, expanded, found.contents, found.resource, members, ask, most)
    return Answer(spoken(server, made))


def _sensible(given: Arguments) -> None:
    for name in ("offset", "count"):
        if given.one(name, 0) < 0:
            raise BadRequest(f"'{name}' is 0 or more.", expression=given.where(name), code="value")


def _token(text: str) -> tuple[str | None, str]:
    """system|code, or a code of any system: of a use, or a language."""
    system, bar, code = text.rpartition("|")
    return (system if bar else None), code


def _told(given: Arguments, versions: Versions) -> list[Mapping[str, Any]]:
    """The parameters that the expansion depends on, as it records them."""
    rows: list[Mapping[str, Any]] = []
    for row in PARAMETERS:
        if row.name not in _SILENT:
            key = {"boolean": "valueBoolean", "integer": "valueInteger", "code": "valueCode"}.get(row.type)
            key = key or ("valueUri" if row.type == "canonical" else "valueString")
            rows += [{"name": row.name, key: value} for value in given.all(row.name)]
    rows += [{"name": "version", "valueUri": f"{system}|{version}"} for system, version in versions.force.items()]
    return rows


VALUE_SET = (
    Parameter("url", "uri", "The canonical of the value set, url or url|version; not on an instance."),
    Parameter("valueSet", "ValueSet", "The value set itself; not on an instance."),
    Parameter("valueSetVersion", "string", "The version of the value set that url names."),
)
SUPPLEMENT = Parameter(
    "useSupplement", "canonical", "A supplement whose words and properties are used; it has to be stored.", max=None
)
DISPLAY_LANGUAGE = Parameter(
    "displayLanguage", "code", "The language of displays, where there are words in it; supplements are asked too."
)

PARAMETERS = (
    *VALUE_SET,
    Parameter(
        "filter", "string", "Words; codes are left out unless each begins a word of the code or of what it is called."
    ),
    Parameter("offset", "integer", "How many codes to pass over; the expansion is flat then."),
    Parameter(
        "count", "integer", "How many codes to tell at most, 0 for their number alone; the expansion is flat then."
    ),
    Parameter("includeDesignations", "boolean", "Whether all designations are told."),
    Parameter(
        "designation", "string", "A use or a language, code or system|code, whose designations are told.", max=None
    ),
    Parameter("includeDefinition", "boolean", "Whether the definition of the value set is told too."),
    Parameter("activeOnly", "boolean", "Whether codes that are not active any more are left out."),
    SUPPLEMENT,
    Parameter("excludeNested", "boolean", "Whether the expansion must be flat."),
    Parameter("excludeNotForUI", "boolean", "Whether codes that only group others are left out."),
    Parameter("excludePostCoordinated", "boolean", "Accepted: there are no post-coordinated codes in an expansion."),
    DISPLAY_LANGUAGE,
    Parameter(
        "property", "string", "A property, by code or URI, that is told of each code; * for all.", max=None, only="R5"
    ),
    Parameter("exclude-system", "canonical", "A code system, with |version or without, to leave out.", max=None),
    Parameter("system-version", "canonical", "system|version, used where the value set names no version.", max=None),
    Parameter(
        "check-system-version", "canonical", "system|version; a value set that names another one is refused.", max=None
    ),
    Parameter("force-system-version", "canonical", "system|version, used whatever the value set says.", max=None),
)

EXPAND = Operation(
    code="expand",
    title="The codes of a value set",
    description=(
        "Works the definition of a value set out with the code systems and value sets that are stored here: listed "
        "codes, whole systems, filters, value sets in value sets, what is excluded. A definition that cannot be "
        "followed so is answered by the expansion that was stored with it, if that is a whole one. An expansion is "
        "never part of what it should be: where something is missing, the refusal names it."
    ),
    handler=_expand,
    levels=("type", "instance"),
    types=("ValueSet",),
    parameters=PARAMETERS,
    returns=Parameter("return", "ValueSet", "The value set with its expansion.", min=1),
    affects_state=False,
    standard="ValueSet-expand",
)
