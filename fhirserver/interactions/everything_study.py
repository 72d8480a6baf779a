"""ResearchStudy/{id}/$everything: a study with its protocol, groups, sites, parties, subjects and provenance.

An operation of our own after Patient/$everything; what belongs to a study is in docs/operations.md.
"""

from __future__ import annotations

from functools import cache

from fhirserver.interactions.everything import COMMON, Part, Record, everything
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Server
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.registry import Release
from fhirserver.search.ast import Node, Or, Param
from fhirserver.search.kinds import reference
from fhirserver.search.mongo import LIVE, to_mongo
from fhirserver.search.parameters import standard, viewed
from fhirserver.store.walks import Stretch

STUDY = "ResearchStudy"


async def _everything(server: Server, call: Call, given: Arguments) -> Answer:
    id_ = call.id or ""
    await read(server, STUDY, id_, within=call.within)
    test = reference.RefIn(STUDY, (id_,), (f"{server.base}/",))
    parts = [Part("", Stretch(STUDY, {"_id": id_, **LIVE}))]
    for type_ in await server.store.types():
        codes = naming(server.release, type_)
        nodes: tuple[Node, ...] = tuple(Param(type_, code, test) for code in codes)
        if nodes:
            where = to_mongo(nodes[0] if len(nodes) == 1 else Or(nodes), server.release)
            if type_ == STUDY:
                where = {"$and": [where, {"_id": {"$ne": id_}}]}
            parts.append(Part(type_, Stretch(type_, where)))
    return await everything(server, call, given, Record(parts))


@cache
def naming(release: Release, type_: str) -> tuple[str, ...]:
    """The search parameters by which a resource of a type may refer to a study."""
    return tuple(
        code
        for code, parameter in standard(release, type_).items()
        if parameter.kind == "reference"
        and not code.startswith(viewed(""))
        and not code.startswith("_")
        and not parameter.union
        and STUDY in reference.targets(parameter)
    )


STUDY_EVERYTHING = Operation(
    code="everything",
    title="All of a study",
    description=(
        "The study, all resources that refer to it (subjects, provenance, parts, adverse events, documents and so on), "
        "and what the study and these refer to: protocol and its activities, groups, sites, organizations, people and "
        "their roles, patients, consents. What was observed of the patients is not part of it."
    ),
    handler=_everything,
    levels=("instance",),
    types=(STUDY,),
    parameters=COMMON,
    returns=Parameter("return", "Bundle", "A Bundle of type searchset, with a link to the next page.", min=1),
    affects_state=False,
    paged=True,
)
