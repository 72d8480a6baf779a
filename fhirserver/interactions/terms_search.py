"""The codes that a search asks for by a value set, or by a code and all above or below it.

https://hl7.org/fhir/R5/search.html#modifierin, #modifierbelow. What is not stored is refused: a search that found
nothing because nothing is known would say that there is nothing.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, TooCostly
from fhirserver.interactions import terms
from fhirserver.interactions.server import Reader, Server, shown
from fhirserver.interactions.terms import Known
from fhirserver.search import concepts
from fhirserver.search.ast import Concepts, Node, Related, ValueSetOf
from fhirserver.search.parameters import Parameter, parameters
from fhirserver.terminology import hierarchy
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.expand import whole
from fhirserver.terminology.members import Members
from fhirserver.terminology.needs import needs
from fhirserver.terminology.reasons import Undecided, named

_FEW = 200
"""Code systems among which one is looked for that has a code, where the search names none."""

_Key = tuple[Concepts, Parameter, int]
"""What was resolved; the parameter, which may be defined anew; the version of a value set that was read by its id."""
_NODES: WeakKeyDictionary[Contents, dict[_Key, Node]] = WeakKeyDictionary()
"""What was resolved with some contents."""


async def resolved(server: Server, reader: Reader, leaf: Concepts) -> Node:
    """What the leaf becomes; BadRequest, Unprocessable or TooCostly where its codes cannot be told."""
    match leaf.asked:
        case ValueSetOf(reference):
            return await _in(server, reader, leaf, reference)
        case Related():
            return await _related(server, reader, leaf, leaf.asked)


async def _in(server: Server, reader: Reader, leaf: Concepts, reference: str) -> Node:
    """The codes of a value set; a URL that can be read here is, any other is a canonical."""
    here = await terms.seen(server, reader)
    literal = fhirjson.literal(reference)
    if literal is not None and literal.type == "ValueSet" and literal.base in (None, f"{server.base}/"):
        version = None if literal.version else await reader.read("ValueSet", literal.id)
        if version is not None and not version.gone:
            valueset = fhirjson.loads(version.body)
            known = await terms.contents(server, here, needs(valueset))
            made, key = _made(server, known, leaf, version.version)
            if key not in made:
                name = f"ValueSet/{version.id}/_history/{version.version}"
                made[key] = _codes(server, leaf, await terms.members_of(known, valueset, name=name), reference)
            return made[key]
        if literal.base is None:
            raise BadRequest(
                f"There is no {shown(reference)} here: name a value set that is stored, or one by its canonical.",
                expression=leaf.given,
                code="not-found",
            )
    known = await terms.contents(server, here, [("ValueSet", reference)])
    made, key = _made(server, known, leaf)
    if key not in made:
        found = await terms.members(known, reference)
        if found is None:
            raise BadRequest(
                f"The value set '{shown(reference)}' is not known here: store its ValueSet, and the CodeSystems whose "
                "codes it has.",
                expression=leaf.given,
                code="not-found",
            )
        made[key] = _codes(server, leaf, found, reference)
    return made[key]


def _made(server: Server, known: Contents, leaf: Concepts, version: int = 0) -> tuple[dict[_Key, Node], _Key]:
    """What was resolved before, and what the leaf is called there."""
    return _NODES.setdefault(known, {}), (leaf, parameters(server.release, leaf.type)[leaf.code], version)


def _codes(server: Server, leaf: Concepts, found: Members, reference: str) -> Node:
    whole(found, f"'{shown(reference)}'", leaf.given)
    return _node(server, leaf, [(entry.url, entry.code) for entry in found.entries.values()])


async def _related(server: Server, reader: Reader, leaf: Concepts, asked: Related) -> Node:
    """A code with all above or below it in the code system that is stored."""
    known, system = await _system(server, await terms.seen(server, reader), leaf, asked)
    made, key = _made(server, known, leaf)
    if key not in made:
        try:
            start = hierarchy.concept(system, asked.code)
            if not system.complete:
                raise Undecided(
                    "not-found",
                    f"The code system '{named(system.url, system.version)}' is stored in part only (content: "
                    f"{system.content}), so what is above and below a code is not known: store all of it.",
                )
            hierarchy.subsuming(system)
        except Undecided as error:
            raise BadRequest(error.reason.sentence, expression=leaf.given, code=error.reason.code) from None
        others = hierarchy.above(system, start) if asked.up else hierarchy.below(system, start)
        made[key] = _node(server, leaf, [(system.url, code) for code in (start.code, *others)])
    return made[key]


async def _system(server: Server, here: Known, leaf: Concepts, asked: Related) -> tuple[Contents, CodeSystem]:
    """The code system of the code; without a name the one that is stored and has it."""
    if asked.system is None:
        return await _having(server, here, leaf, asked)
    known = await terms.contents(server, here, [("CodeSystem", asked.system)])
    system = known.codesystem(asked.system)
    if system is None:
        raise BadRequest(
            f"The code system '{shown(asked.system)}' is not known here: store its CodeSystem first.",
            expression=leaf.given,
            code="not-found",
        )
    return known, system


async def _having(server: Server, here: Known, leaf: Concepts, asked: Related) -> tuple[Contents, CodeSystem]:
    stored = await terms.stored_systems(server, here.within or server.store, _FEW + 1)
    if len(stored) > _FEW:
        raise BadRequest(
            f"Which code system '{shown(asked.code)}' is of is not said, and more than {_FEW} are stored: write "
            "system|code.",
            expression=leaf.given,
        )
    urls = list(dict.fromkeys(str(told["url"]) for told in stored))
    known = await terms.contents(server, here, [("CodeSystem", url) for url in urls])
    systems = [system for url in urls if (system := known.codesystem(url)) is not None]
    having = [system for system in systems if system.find(asked.code) is not None]
    if len(having) != 1:
        few = ", ".join(system.url for system in having[:5])
        raise BadRequest(
            f"'{shown(asked.code)}' is a code of several systems that are stored here ({few}): write system|code."
            if having
            else f"No code system that is stored here has the code '{shown(asked.code)}': store its CodeSystem, and "
            "write system|code.",
            expression=leaf.given,
            code="multiple-matches" if having else "not-found",
        )
    return known, having[0]


def _node(server: Server, leaf: Concepts, codes: list[tuple[str, str]]) -> Node:
    most = server.settings.max_expansion
    if len(codes) > most:
        raise TooCostly(
            f"'{leaf.given}' stands for {len(codes)} codes, more than {most}: ask for a smaller value set, or a code "
            "further down, or raise the setting max_expansion.",
            expression=leaf.given,
        )
    return concepts.resolved(parameters(server.release, leaf.type)[leaf.code], codes)
