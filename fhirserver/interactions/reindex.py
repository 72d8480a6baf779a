"""$reindex: resources indexed anew in the background, and how far that is, also for search parameters that are new.

The server does the work by itself for a new SearchParameter; asking for it is for who doubts its indexes.
https://hl7.org/fhir/R5/operations.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions import in_force, write
from fhirserver.interactions.defining import take_over
from fhirserver.interactions.in_force import Known
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Server
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import Release, resource_types
from fhirserver.search.defined import TYPE, Compiled
from fhirserver.search.parameters import viewed
from fhirserver.store.parameters import Registered
from fhirserver.store.passes import Pass

Part = dict[str, Any]


async def _reindex(server: Server, call: Call, given: Arguments) -> Answer:
    asked = call.method != "GET"
    if call.type is not None and call.id is not None:
        version = await read(server, call.type, call.id)
        if call.type == TYPE:
            return Answer(await _of_parameter(server, call.id, asked=asked))
        if asked:
            await server.store.renew(version, write.index(server, fhirjson.loads(version.body)))
        return Answer(await state(server, ()))
    if asked:
        await ask(server, [call.type] if call.type else None)
    return Answer(await state(server, None if call.type is None else {call.type}))


async def _of_parameter(server: Server, id_: str, *, asked: bool) -> Resource:
    """What is done for one SearchParameter."""
    known = in_force.known(server.store)
    await known.look()
    compiled = known.compiled.get(server.release, Compiled())
    if asked:
        if id_ not in {each.id for each in _of(server, known)}:
            raise Unprocessable(
                f"{TYPE}/{id_} adds nothing to search by: it is not active, or its types have the parameter by FHIR "
                f"{server.release} already.",
                expression=f"{TYPE}.status",
                code="business-rule",
            )
        if issues := compiled.wrong.get(id_):
            raise Unprocessable(issues)
        await ask(server, compiled.gaining(id_))
    return await state(server, set(compiled.gaining(id_)), id_)


async def ask(server: Server, types: Collection[str] | None) -> None:
    """Has every resource of these types indexed anew, of all types there are for None."""
    if types is None or TYPE in types:
        await take_over(server)
    known = in_force.known(server.store)
    now = await known.look()
    wanted = sorted(resource_types(server.release) & set(await server.store.types() if types is None else types))
    by_form: dict[Release, list[str]] = {}
    for type_ in wanted:
        by_form.setdefault(server.form(type_), []).append(type_)
    for release, each in by_form.items():
        await server.store.passes.ask(release, each, now.number, whole=True)


def _of(server: Server, known: Known) -> list[Registered]:
    return [each for each in known.definitions if each.release == server.release]


async def state(server: Server, types: Collection[str] | None, id_: str | None = None) -> Resource:
    """How far the passes over these types are, and which parameters wait for them; all of them for None."""
    known = in_force.known(server.store)
    await known.look()
    passes = [each for each in await server.store.passes.every() if each.release == server.form(each.type)]
    shown = [each for each in passes if types is None or each.type in types]
    compiled = known.compiled.get(server.release, Compiled())
    definitions = [
        each
        for each in _of(server, known)
        if (id_ is None and types is None)
        or each.id == id_
        or (id_ is None and set(compiled.gaining(each.id)) & set(types or ()))
    ]
    parameters = [_parameter(server, known, compiled, each) for each in definitions]
    waits = any(part.get("valueCode") == "waiting" for each in parameters for part in each["part"])
    complete = not waits and not any(each.going for each in shown)
    found = [{"name": "complete", "valueBoolean": complete}, *map(_type, shown), *parameters]
    return {"resourceType": "Parameters", "parameter": found}


def _type(one: Pass) -> Part:
    job = one.job
    parts: list[Part] = [{"name": "type", "valueCode": one.type}]
    if job is not None:
        begun = "running" if job.begun else "requested"
        ended = "failed" if job.failed else "finished"
        parts += [
            {"name": "state", "valueCode": ended if job.ended else begun},
            {"name": "done", "valueUnsignedInt": job.seen},
            {"name": "total", "valueUnsignedInt": max(job.total, job.seen)},
            {"name": "failed", "valueUnsignedInt": job.failed},
            *_instants(requested=job.asked, started=job.begun, finished=job.ended),
            *({"name": "error", "valueString": each} for each in job.errors),
        ]
    return {"name": "type", "part": parts}


def _instants(**times: datetime | None) -> Iterator[Part]:
    for name, at in times.items():
        if at is not None:
            yield {"name": name, "valueInstant": fhirjson.instant(at)}


def _parameter(server: Server, known: Known, compiled: Compiled, one: Registered) -> Part:
    code, types = str(one.resource.get("code")), compiled.gaining(one.id)
    late = [type_ for type_ in types if _waits(server, known, type_, code)]
    issues = compiled.wrong.get(one.id, ())
    parts: list[Part] = [
        {"name": "definition", "valueReference": {"reference": f"{TYPE}/{one.id}"}},
        {"name": "code", "valueCode": code},
        {"name": "state", "valueCode": "unusable" if issues else "waiting" if late else "usable"},
        *({"name": "type", "valueCode": each} for each in types),
    ]
    if issues:
        parts.append({"name": "outcome", "resource": outcome(issues)})
    return {"name": "parameter", "part": parts}


def _waits(server: Server, known: Known, type_: str, code: str) -> bool:
    form = server.form(type_)
    return (code if form == server.release else viewed(code)) in known.now.waiting.get((form, type_), {})


_OUT = (
    Parameter("complete", "boolean", "Whether nothing is left to do.", 1),
    Parameter(
        "type",
        "BackboneElement",
        "The last pass over the resources of a type.",
        max=None,
        parts=(
            Parameter("type", "code", "The resource type.", 1),
            Parameter("state", "code", "requested, running, finished, or failed for some resources."),
            Parameter("done", "unsignedInt", "Resources that were looked at."),
            Parameter("total", "unsignedInt", "Resources there were when it began; of a finished one, all."),
            Parameter("failed", "unsignedInt", "Resources that could not be indexed."),
            Parameter("requested", "instant", "When it was asked for."),
            Parameter("started", "instant", "When it began."),
            Parameter("finished", "instant", "When it ended."),
            Parameter("error", "string", "A resource that could not be indexed, and why.", max=None),
        ),
    ),
    Parameter(
        "parameter",
        "BackboneElement",
        "A search parameter that a stored SearchParameter defines.",
        max=None,
        parts=(
            Parameter("definition", "Reference", "The SearchParameter.", 1, targets=(TYPE,)),
            Parameter("code", "code", "Its name in searches.", 1),
            Parameter("state", "code", "usable, waiting for resources to be indexed, or unusable.", 1),
            Parameter("type", "code", "A type that it is added to.", max=None),
            Parameter("outcome", "OperationOutcome", "Why it is unusable."),
        ),
    ),
)
_RETURNS = Parameter("return", "Parameters", "How far it is.", 1)
REINDEX = Operation(
    code="reindex",
    title="Index resources anew",
    description=(
        "Indexes all resources anew, those of a type, one resource, or for a SearchParameter those of the types that "
        "it adds its parameter to. The work is done in the background, while the server answers, and goes on after a "
        "restart; that of one resource is done at once. GET says how far it is and changes nothing. A new "
        "SearchParameter needs no call: what is there is indexed by it without one."
    ),
    handler=_reindex,
    levels=("system", "type", "instance"),
    types=None,
    parameters=(),
    returns=_RETURNS,
    out=_OUT,
    affects_state=True,
    shows=True,
    alone=True,
)
