"""Which value set or code system a request is about: the instance that is called, one by canonical, or one it carries.

https://hl7.org/fhir/R5/valueset-operations.html, https://hl7.org/fhir/R5/codesystem-operations.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, NotFound, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions import terms
from fhirserver.interactions.apart import apart
from fhirserver.interactions.bundle_entry import inside
from fhirserver.interactions.lens import taken
from fhirserver.interactions.operation import Call
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Server, shown
from fhirserver.interactions.terms import Known, seen
from fhirserver.resources.arguments import Arguments
from fhirserver.resources.canonicals import parts
from fhirserver.resources.validation import check
from fhirserver.terminology import compose
from fhirserver.terminology.codesystem import CodeSystem, compiled
from fhirserver.terminology.contents import AS_LOADED, Contents, Versions
from fhirserver.terminology.members import Members
from fhirserver.terminology.needs import SUPPLEMENT, Need, needs
from fhirserver.terminology.reasons import named


@dataclass(frozen=True, slots=True)
class GivenValueSet:
    """A value set with what it takes to work it out; `canonical` is set for one that was found by it.

    `where` is what named it in the request, `kept` a name to keep its codes under.
    """

    known: Known
    resource: Resource
    canonical: str | None
    where: str | None = None
    kept: str = ""

    @property
    def contents(self) -> Contents:
        """The code systems and value sets that are loaded."""
        return self.known.contents

    @property
    def what(self) -> str:
        """How a sentence names it."""
        return named(str(self.resource.get("url", "the value set")), self.resource.get("version"))

    async def members(self, versions: Versions = AS_LOADED) -> Members:
        """Its codes."""
        if self.canonical is not None:
            found = await terms.members(self.contents, self.canonical, versions)
            assert found is not None
            return found
        return await terms.members_of(self.contents, self.resource, versions, self.kept)


async def valueset(
    server: Server, call: Call, given: Arguments, versions: Versions = AS_LOADED, also: Iterable[Need] = ()
) -> GivenValueSet:
    """The value set of a request, and `also` what else it needs; BadRequest for none or two, NotFound for no such."""
    known = await seen(server, call.reader(server))
    sent = given.one("valueSet")
    _one_of(call, given, ("url", "valueSet"), "ValueSet")
    if call.id is not None:
        version = await read(server, "ValueSet", call.id, within=call.within)
        stored = fhirjson.loads(version.body)
        await terms.contents(server, known, [*needs(stored, versions), *also], versions)
        return GivenValueSet(known, stored, None, kept=f"ValueSet/{call.id}/_history/{version.version}")
    if sent is not None:
        await apart(sent, _checked, server, sent, given.where("valueSet"))
        sent = taken(server, sent)
        _same_version(given, sent.get("version"))
        await terms.contents(server, known, [*needs(sent, versions), *also], versions)
        return GivenValueSet(known, sent, None, given.where("valueSet"))
    canonical = _canonical(given)
    found = compose.known(await terms.contents(server, known, [("ValueSet", canonical), *also], versions), canonical)
    if found is None:
        raise NotFound(
            f"The value set '{shown(canonical)}' is not known here: store its ValueSet first.",
            expression=given.where("url"),
        )
    return GivenValueSet(known, found, canonical, given.where("url"))


async def codesystem(
    server: Server, call: Call, given: Arguments, url: str | None, version: str | None, where: str
) -> tuple[Contents, CodeSystem]:
    """The code system of a request; BadRequest for none or two, NotFound where it is not stored.

    `url` is what the request says of it, at `where`.
    """
    sent = given.one("codeSystem")
    if call.id is not None:
        stored = fhirjson.loads((await read(server, "CodeSystem", call.id, within=call.within)).body)
        return await _at_hand(server, call, stored, given)
    if sent is not None:
        await apart(sent, _checked, server, sent, given.where("codeSystem"))
        return await _at_hand(server, call, taken(server, sent), given)
    if url is None:
        raise BadRequest(
            "Which code system is meant is not said: name it, or call the operation on a CodeSystem.",
            expression="Parameters.parameter",
            code="required",
        )
    base, own = parts(url)
    if own and version and own != version:
        raise BadRequest(f"Two versions are named, {shown(own)} and {shown(version)}: name one.", expression=where)
    canonical = named(base, own or version)
    seen_here = await seen(server, call.reader(server))
    known = await terms.contents(server, seen_here, [("CodeSystem", canonical), *_supplements(given, base)])
    found = known.codesystem(*parts(canonical))
    if found is None:
        raise NotFound(
            f"The code system '{shown(canonical)}' is not known here: store its CodeSystem first.", expression=where
        )
    if not found.concepts:
        raise Unprocessable(
            f"The CodeSystem of '{shown(canonical)}' that is stored has no concepts (content: {found.content}): store "
            "one that has.",
            expression=where,
            code="not-found",
        )
    return known, found


async def _at_hand(server: Server, call: Call, resource: Resource, given: Arguments) -> tuple[Contents, CodeSystem]:
    system = compiled(resource)
    if system.content == "supplement":
        raise Unprocessable(
            f"'{system.url}' is a supplement and no code system of its own: ask '{system.supplements}'.",
            code="not-supported",
        )
    known = await seen(server, call.reader(server))
    return await terms.contents(server, known, _supplements(given, system.url)), system


def _supplements(given: Arguments, system: str) -> list[Need]:
    """Supplements may be asked for by name, or have the words of a language."""
    asked: list[Need] = [("CodeSystem", canonical) for canonical in given.all("useSupplement")]
    return [*asked, ("Supplement", system)]


def supplements(known: Contents, given: Arguments, resource: Resource | None = None) -> tuple[CodeSystem, ...]:
    """The supplements that a request or a value set asks for; Unprocessable for one that is not stored."""
    named_here = [
        each["valueCanonical"]
        for each in (resource or {}).get("extension", ())
        if each.get("url") == SUPPLEMENT and isinstance(each.get("valueCanonical"), str)
    ]
    asked = [(canonical, given.where("useSupplement")) for canonical in given.all("useSupplement")]
    asked += [(canonical, "ValueSet.extension") for canonical in named_here]
    found = {}
    for canonical, where in asked:
        supplement = known.supplement(canonical)
        if supplement is None:
            raise Unprocessable(
                f"The supplement '{shown(canonical)}' is not known here: store its CodeSystem first.",
                expression=where,
                code="not-found",
            )
        found[canonical] = supplement
    return tuple(found.values())


def asked_versions(given: Arguments) -> Versions:
    """The versions of code systems that a request names as system|version; BadRequest where one is missing."""
    return Versions(
        _pinned(given, "system-version"), _pinned(given, "check-system-version"), _pinned(given, "force-system-version")
    )


def _pinned(given: Arguments, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for canonical in given.all(name):
        system, version = parts(canonical)
        if version is None:
            raise BadRequest(f"'{name}' is written system|version: add the version.", expression=given.where(name))
        if found.setdefault(system, version) != version:
            raise BadRequest(f"'{name}' names two versions of '{shown(system)}'.", expression=given.where(name))
    return found


def _one_of(call: Call, given: Arguments, names: tuple[str, str], type_: str) -> None:
    """Refuses a request that does not say what it is about, or says it twice."""
    there = [name for name in names if given.all(name)]
    if call.id is not None and there:
        raise BadRequest(
            f"'{there[0]}' is for a call on {type_}: {type_}/{call.id} is what is asked here.",
            expression=given.where(there[0]),
        )
    if call.id is None and len(there) != 1:
        raise BadRequest(
            f"Give one of the parameters {' and '.join(names)}, or call the operation on a {type_}.",
            expression="Parameters.parameter",
            code="required" if not there else "invalid",
        )


def _canonical(given: Arguments) -> str:
    url, version = parts(given.one("url"))
    asked = given.one("valueSetVersion")
    if version and asked and version != asked:
        raise BadRequest(
            f"Two versions are named, {shown(version)} and {shown(asked)}: name one.",
            expression=given.where("valueSetVersion"),
        )
    return named(url, version or asked)


def _same_version(given: Arguments, version: object) -> None:
    asked = given.one("valueSetVersion")
    if asked is not None and asked != version:
        raise BadRequest(
            f"The value set that is sent is of another version than '{shown(asked)}': leave valueSetVersion out.",
            expression=given.where("valueSetVersion"),
        )


def _checked(server: Server, resource: Resource, where: str) -> None:
    """Refuses a resource in the request that is not valid, at its place."""
    try:
        check(server.release, resource)
    except FhirError as error:
        raise inside(error, where) if where.startswith("Parameters.") else error from None
