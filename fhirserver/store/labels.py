"""Which profiles, tags and security labels the resources of a type carry.

https://hl7.org/fhir/R5/resource-operation-meta.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.store.context import Context

_PARAMETERS = {"profile": "_profile", "security": "_security", "tag": "_tag"}
_IDENTITY = {"system": "$r.meta.{}.system", "code": "$r.meta.{}.code"}


async def labels(ctx: Context, type: str, limit: int) -> Resource:
    """A Meta of each different label, at most `limit` of a kind; TooCostly when that takes too long.

    Only the resources that carry labels are looked at: the index knows them.
    """
    found: Resource = {}
    for element, parameter in _PARAMETERS.items():
        if rows := await _of_kind(ctx, type, element, parameter, limit):
            found[element] = rows
    return found


async def _of_kind(ctx: Context, type: str, element: str, parameter: str, limit: int) -> list[Any]:
    place = f"$r.meta.{element}"
    identity: Any = place
    if element != "profile":
        identity = {name: path.format(element) for name, path in _IDENTITY.items()}
    pipeline: list[dict[str, Any]] = [
        # Between ':' and '}' lie the signs that part a parameter's name from its modifier or value.
        {"$match": {"t": {"$gte": f"{parameter}:", "$lt": f"{parameter}}}"}}},
        {"$project": {f"r.meta.{element}": 1}},
        {"$unwind": place},
        {"$group": {"_id": identity, "one": {"$first": place}}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
    ]
    with ctx.translated():
        found: Any = ctx.of(type).aggregate(pipeline, session=ctx.session, maxTimeMS=ctx.search_timeout_ms)
        if hasattr(found, "__await__"):  # PyMongo's is a coroutine, Motor's is not
            found = await found
        return [row["one"] for row in await found.to_list(None)]
