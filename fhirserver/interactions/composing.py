"""The entries of a searchset: the matches of a page, what they include, and what there is to say of the search.

https://hl7.org/fhir/R5/search.html#entries
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from fhirserver import fhirjson
from fhirserver.errors import Issue
from fhirserver.interactions import ranking
from fhirserver.interactions.included import included
from fhirserver.interactions.lens import served
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.bundle import Entry, found
from fhirserver.resources.operation_outcome import outcome
from fhirserver.search.parse import SearchRequest
from fhirserver.store.documents import Version


async def composed(
    server: Server, reader: Reader, request: SearchRequest, page: Sequence[Version]
) -> list[Entry | bytes]:
    """The entries in their order; each resource is there once, and what was ignored is the last."""
    issues, subset = list(request.ignored), request.subset
    scores = ranking.scores(server, request, page)
    entries: list[Entry | bytes] = [
        found(server.base, one.type, one.id, subset.of(one.body) if subset else one.body, "match", score)
        for one, score in zip([served(server, each) for each in page], scores, strict=True)
    ]
    if page and (request.includes or request.revincludes):
        more = await included(server, reader, request, page)
        entries += [
            found(server.base, one.type, one.id, subset.of(one.body, included=True) if subset else one.body, "include")
            for one in [served(server, each) for each in more.versions]
        ]
        if more.cut:
            issues.append(_cut(server))
    if issues:
        entries.append(Entry(f"urn:uuid:{uuid4()}", fhirjson.dumps(outcome(issues)), "outcome"))
    return entries


def _cut(server: Server) -> Issue:
    return Issue(
        "warning",
        "too-costly",
        f"Only {server.settings.max_included} included resources are in this page: ask for fewer matches with _count, "
        "or raise the setting max_included.",
    )
