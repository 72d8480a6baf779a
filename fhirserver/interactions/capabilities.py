"""capabilities: what this server does, from what is registered; nothing else is claimed.

https://hl7.org/fhir/R5/http.html#capabilities, https://hl7.org/fhir/R5/capabilitystatement.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, get_args

from fhirserver import __version__, fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import integrity, terms_statement
from fhirserver.interactions.indexed import richness
from fhirserver.interactions.operation import Level
from fhirserver.interactions.operations import OPERATIONS
from fhirserver.interactions.server import Server
from fhirserver.patch.formats import MEDIA_TYPES
from fhirserver.patch.guard import UNPATCHED
from fhirserver.resources.registry import (
    VERSIONS,
    Release,
    SearchParameter,
    compartments,
    resource_types,
    search_parameters,
    stored_release,
    structure,
)
from fhirserver.search.added import now, waiting
from fhirserver.search.kinds import composite, fulltext, special
from fhirserver.search.kinds.reference import targets
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter
from fhirserver.search.richness import Richness
from fhirserver.search.several import plainest

Mode = Literal["full", "normative", "terminology"]
MODES: Mapping[str, Mode] = {mode: mode for mode in get_args(Mode)}

FORMATS = ("application/fhir+json", "application/fhir+xml", "json", "xml")
OF_A_TYPE = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
OF_ALL = ("transaction", "batch", "search-system", "history-system")
BY_MEANING = ("_filter", "_has", "_in", "_list")
"""Search parameters that are no values of the resource itself."""
_NORMATIVE = frozenset(
    {
        "Binary",
        "Bundle",
        "CapabilityStatement",
        "CodeSystem",
        "Observation",
        "OperationDefinition",
        "OperationOutcome",
        "Parameters",
        "Patient",
        "StructureDefinition",
        "ValueSet",
    }
)
"""The resource types that R4 and R5 call normative."""
_SECURITY = "There is no login: whoever reaches this address may read and write. Keep it private, or behind a proxy."
# The day is the same in every process that serves, so that their statements are.
_STARTED = fhirjson.today()


Usable = tuple[tuple[str, SearchParameter], ...]


@dataclass(frozen=True, slots=True)
class _Base:
    """All that the statement depends on: a base of the server, and the settings that change what it does."""

    release: Release
    url: str
    conditional_delete: str
    enforced: frozenset[str]
    added: Usable
    richness: Richness


def _base(server: Server) -> _Base:
    types = resource_types(server.release)
    enforced = frozenset(type_ for type_ in types if integrity.watches_writes(server.settings, type_))
    settings, added = server.settings, usable(server.release)
    return _Base(server.release, server.base, settings.conditional_delete, enforced, added, richness(settings))


def usable(release: Release) -> Usable:
    """The search parameters that were added and can be searched by, with the types that have them."""
    return tuple(
        (type_, each)
        for (own, type_), more in sorted(now().by_type.items())
        for each in more.definitions
        if own == stored_release(release, type_) and each.code not in waiting(release, type_)
    )


async def published(server: Server, mode: Mode) -> tuple[bytes, str]:
    """The statement of a mode as JSON, and a tag that is another for another statement."""
    if mode == "terminology":
        return await _terminology(server)
    return _published(_base(server), mode)


@lru_cache(32)
def _published(base: _Base, mode: Literal["full", "normative"]) -> tuple[bytes, str]:
    return _written(_statement(base) if mode == "full" else _normative(base))


def _written(made: Resource) -> tuple[bytes, str]:
    body = fhirjson.dumps(made)
    return body, sha256(body).hexdigest()[:32]


def statement(server: Server) -> Resource:
    """The CapabilityStatement of this base, which is not to be changed."""
    return _statement(_base(server))


def _normative(base: _Base) -> Resource:
    """The same, of the resource types alone that no later release may break."""
    found = _statement(base)
    rest = found["rest"][0]
    kept = [each for each in rest["resource"] if each["type"] in _NORMATIVE]
    return found | {"rest": [rest | {"resource": kept}]}


async def _terminology(server: Server) -> tuple[bytes, str]:
    """The TerminologyCapabilities, which depends on what is stored."""
    found = _statement(_base(server))
    same = ("url", "version", "status", "experimental", "date", "kind", "software", "implementation")
    return _written(await terms_statement.statement(server, {name: found[name] for name in same}))


@lru_cache(32)
def _statement(base: _Base) -> Resource:
    types = sorted(resource_types(base.release))
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base.url}/metadata",
        "version": __version__,
        "name": "Fhirserver",
        "title": "fhirserver",
        "status": "active",
        "experimental": False,
        "date": _STARTED,
        "kind": "instance",
        "software": {"name": "fhirserver", "version": __version__},
        "implementation": {"description": "A FHIR server for clinical research", "url": base.url},
        "fhirVersion": VERSIONS[base.release],
        "format": list(FORMATS),
        "patchFormat": list(MEDIA_TYPES),
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True, "description": _SECURITY},
                "resource": [_resource(base, type_) for type_ in types],
                "interaction": [{"code": code} for code in OF_ALL],
                "searchParam": _of_every_type(base),
                "operation": _operations(base, ("system",)),
                "compartment": [
                    f"http://hl7.org/fhir/CompartmentDefinition/{name[0].lower()}{name[1:]}"
                    for name in sorted(compartments(base.release))
                ],
            }
        ],
    }


def _resource(base: _Base, type_: str) -> dict[str, Any]:
    release = base.release
    patched = type_ not in UNPATCHED
    known = _known(base, type_)
    found: dict[str, Any] = {
        "type": type_,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type_}",
        "interaction": [{"code": code} for code in OF_A_TYPE if code != "patch" or patched],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalPatch": patched,
        "conditionalDelete": base.conditional_delete,
        "referencePolicy": ["literal", "logical", *(["enforced"] if type_ in base.enforced else [])],
        "searchInclude": ["*", f"{type_}:*", *(f"{type_}:{name}" for name, each in known.items() if _leads(each))],
        "searchRevInclude": ["*", *_referring(release, base.added).get(type_, ())],
        "searchParam": [*_rows(base, type_), *_by_meaning(release, type_)],
        "operation": _operations(base, ("type", "instance"), type_),
    }
    # R4 has no place to say what becomes of a conditional patch.
    shape = structure(release, "CapabilityStatement.rest.resource")
    return {name: value for name, value in found.items() if value != [] and shape and name in shape.elements}


def _row(name: str, definition: SearchParameter, base: str = "") -> dict[str, str]:
    # Definitions of our own are resources of this server.
    url = f"{base}/{definition.url}" if definition.own is not None else definition.url
    return {"name": name, "definition": url, "type": definition.kind}


def _by_meaning(release: Release, type_: str, codes: Iterable[str] = BY_MEANING) -> list[dict[str, str]]:
    known = search_parameters(release, type_)
    return [_row(code, known[code]) for code in codes if code in known]


def _of_every_type(base: _Base) -> list[dict[str, str]]:
    """The search parameters of a search over all types."""
    type_ = plainest(base.release)
    own = _rows(base, type_)
    return [*own, *_by_meaning(base.release, type_, (*BY_MEANING, "_type"))]


def _rows(base: _Base, type_: str) -> list[dict[str, str]]:
    standard = search_parameters(base.release, type_)
    return [_row(name, standard.get(name, each.definition), base.url) for name, each in _known(base, type_).items()]


def _known(base: _Base, type_: str) -> Mapping[str, Parameter]:
    """The search parameters of a type as the server is set; texts are not read of all types."""
    read = base.richness.texts(type_)
    found = searchable(base.release, type_).items()
    return {name: each for name, each in found if read or not fulltext.searches(each)}


def searchable(release: Release, type_: str) -> Mapping[str, Parameter]:
    """The search parameters of a type that a search takes."""
    without = {"_in", *waiting(release, type_)}
    return {code: each for code, each in named(release, type_).items() if each.code not in without and _supported(each)}


def _supported(parameter: Parameter) -> bool:
    if parameter.kind == "composite":
        return composite.supported(parameter)
    return parameter.kind != "special" or special.searches(parameter) or parameter.definition.own is not None


def _leads(parameter: Parameter) -> bool:
    """Whether what it refers to can be included."""
    return parameter.kind == "reference" and parameter.code != "_profile"


@lru_cache(32)
def _referring(release: Release, _added: Usable) -> Mapping[str, list[str]]:
    """Type → Source:parameter of what may refer to it."""
    found: dict[str, list[str]] = {}
    for source in sorted(resource_types(release)):
        for name, each in searchable(release, source).items():
            for type_ in targets(each) if _leads(each) else ():
                found.setdefault(type_, []).append(f"{source}:{name}")
    return found


def _operations(base: _Base, levels: Iterable[Level], type_: str | None = None) -> list[dict[str, str]]:
    wanted = set(levels)
    return [
        {"name": operation.code, "definition": operation.canonical(base.url)}
        for operation in OPERATIONS
        if wanted & set(operation.levels) and (operation.types is None or type_ in operation.types)
    ]
