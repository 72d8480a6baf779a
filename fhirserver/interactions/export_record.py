"""ResearchStudy/{id}/$export-record: the registry's record of a study, rebuilt from its resources and nothing else.

https://clinicaltrials.gov/data-api/about-api/study-data-structure; what is rebuilt is in docs/mapping.md.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Literal

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions.gathering import STUDY, gather
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Reader, Server
from fhirserver.mappers.back import rebuilt
from fhirserver.resources.arguments import Arguments, Parameter

Format = Literal["ctgov-v2"]
FORMATS: tuple[Format, ...] = ("ctgov-v2",)
_LARGE = 200
"""Resources above which a record is put together off the event loop."""


async def export_record(server: Server, id_: str, reader: Reader | None = None) -> Resource:
    """The record of a study; NotFound or Gone where there is no such study."""
    # The way back speaks R5, the form that studies are kept in.
    server = server.seen_in("R5")
    resources = await gather(server, reader or server.store, id_)
    if len(resources) > _LARGE:
        return await asyncio.to_thread(rebuilt, resources, id_)
    return rebuilt(resources, id_)


async def _invoked(server: Server, call: Call, given: Arguments) -> Answer:
    record = await export_record(server, call.id or "", call.within)
    data = base64.b64encode(fhirjson.dumps(record)).decode("ascii")
    return Answer({"resourceType": "Binary", "contentType": "application/json", "data": data})


EXPORT_RECORD = Operation(
    code="export-record",
    title="Export the record of a trial",
    description=(
        "Rebuilds the registry's record of a study from the study and the resources that belong to it: its groups, "
        "sites, parties, variables and results. Nothing comes from the record that was once imported. The answer is "
        "the record itself as application/json; who asks for FHIR gets a Binary that holds it."
    ),
    handler=_invoked,
    levels=("instance",),
    types=(STUDY,),
    parameters=(
        Parameter(
            "format",
            "code",
            "The record's format: ctgov-v2 (a study of ClinicalTrials.gov's API v2), also when left out.",
            codes=FORMATS,
        ),
    ),
    returns=Parameter("return", "Binary", "The record.", min=1),
    affects_state=False,
)
