"""The operations of this server: their table, how one is found and invoked, and their definitions in the store.

https://hl7.org/fhir/R5/operations.html
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, MethodNotAllowed, NotFound, NotSupported
from fhirserver.fhirjson import Resource
from fhirserver.interactions import meta, write
from fhirserver.interactions.enrol_operation import ENROLL
from fhirserver.interactions.everything_patient import PATIENT_EVERYTHING
from fhirserver.interactions.everything_study import STUDY_EVERYTHING
from fhirserver.interactions.export_record import EXPORT_RECORD
from fhirserver.interactions.import_record import IMPORT_RECORD
from fhirserver.interactions.lens import served
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.paging import CURSOR
from fhirserver.interactions.parts import part_of_answer
from fhirserver.interactions.read import known
from fhirserver.interactions.reindex import REINDEX
from fhirserver.interactions.server import Server, known_type, shown
from fhirserver.interactions.terms_expand import EXPAND
from fhirserver.interactions.terms_lookup import LOOKUP, SUBSUMES
from fhirserver.interactions.terms_validate import VALIDATE_IN_CODE_SYSTEM, VALIDATE_IN_VALUE_SET
from fhirserver.interactions.validate import VALIDATE
from fhirserver.resources.arguments import Arguments, arguments

OPERATIONS: tuple[Operation, ...] = (
    ENROLL,
    IMPORT_RECORD,
    EXPORT_RECORD,
    *meta.OPERATIONS,
    REINDEX,
    PATIENT_EVERYTHING,
    STUDY_EVERYTHING,
    VALIDATE,
    EXPAND,
    VALIDATE_IN_VALUE_SET,
    VALIDATE_IN_CODE_SYSTEM,
    LOOKUP,
    SUBSUMES,
)


def find(server: Server, call: Call) -> Operation:
    """The operation that is called; NotFound when there is none at this place, MethodNotAllowed for a wrong method."""
    if call.type is not None:
        known_type(server, call.type)
        if call.id is not None:
            known(server, call.type, call.id)
    found = fitting(call)
    if found is None:
        raise NotFound(_elsewhere(call), code="not-supported")
    methods = found.methods(server.release)
    if call.method not in methods:
        why = "it may change what is stored" if found.affects_state else "its parameters do not fit into a URL"
        raise MethodNotAllowed(
            f"${call.code} is called by {' or '.join(methods)}"
            + (f": {why}." if call.method == "GET" else f", not by {shown(call.method)}."),
            headers={"Allow": ", ".join(methods)},
        )
    return found


def fitting(call: Call) -> Operation | None:
    """The operation at this place, whatever the method."""
    return next((each for each in OPERATIONS if each.code == call.code and each.fits(call)), None)


def _elsewhere(call: Call) -> str:
    """What to call instead."""
    named = [operation for operation in OPERATIONS if operation.code == call.code]
    name = f"${shown(call.code)}"
    if named:
        return f"{name} is not done at this address: it is called as {' or '.join(_places(named))}."
    there = sorted({f"${operation.code}" for operation in OPERATIONS if operation.fits(call)})
    what = f"there are {', '.join(there)}" if there else "there are none"
    return f"There is no operation {name} here; at this address {what}."


def _places(named: list[Operation]) -> list[str]:
    places = []
    for operation in named:
        type_ = "|".join(operation.types or ("[type]",))
        shapes = {"system": "", "type": f"{type_}/", "instance": f"{type_}/[id]/"}
        places += [f"{shapes[level]}${operation.code}" for level in operation.levels]
    return places


async def invoke(server: Server, call: Call) -> Answer:
    """Carries out an operation; its refusals are FhirErrors. The answer's value is a resource or its JSON."""
    operation = find(server, call)
    if call.within is not None and operation.alone:
        raise NotSupported(
            f"${operation.code} has a transaction of its own: send it by itself or in a batch.", expression="url"
        )
    if operation.raw:
        arguments(server.release, operation.code, (), None, call.query)
        answer = await operation.handler(server, replace(call, raw=_raw(operation, call)), Arguments())
    else:
        query = [(name, text) for name, text in call.query if not (operation.paged and name == CURSOR)]
        rows = operation.takes(server.release)
        given = arguments(server.release, operation.code, rows, call.body, query)
        references = [row.name for row in rows if row.type == "Reference"]
        write.own_references(server, [value for name in references for value in given.all(name)])
        answer = await operation.handler(server, call, given)
    value = answer.value
    if value is None:
        return answer
    if isinstance(value, dict) and operation.out:
        value = operation.told(server.release, value)
    if isinstance(value, dict) and not operation.answers_a_resource(server.release):
        value = _parameters(operation, value)
    return replace(answer, value=part_of_answer(server, value, call.query))


def _raw(operation: Operation, call: Call) -> bytes:
    """The body that is no FHIR resource; where only resources can stand, such as in a Bundle, a Binary holds it."""
    if call.raw is not None:
        return call.raw
    data = call.body.get("data") if call.body and call.body["resourceType"] == "Binary" else None
    try:
        if isinstance(data, str):
            return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise BadRequest(
        f"${operation.code} takes a body that is no FHIR resource: in a Bundle send it as the data of a Binary.",
        expression="resource",
    )


def _parameters(operation: Operation, value: Resource) -> Resource:
    """The out parameters of an operation that returns a data type."""
    type_ = operation.returns.type
    key = f"value{type_[0].upper()}{type_[1:]}"
    # An empty data type cannot be written: then the operation returns no value.
    given = [{"name": operation.returns.name, key: value}] if value else []
    return {"resourceType": "Parameters", **({"parameter": given} if given else {})}


def body(server: Server, answer: Answer) -> bytes:
    """The JSON of an answer."""
    if answer.written is not None and answer.written.version is not None:
        return served(server, answer.written.version).body
    return answer.value if isinstance(answer.value, bytes) else fhirjson.dumps(answer.value)


async def publish(server: Server) -> None:
    """Puts the definitions into the store; those that are there already stay as they are."""
    for operation in OPERATIONS:
        definition = operation.definition(server.release, server.base)
        await write.update(server, "OperationDefinition", operation.id, definition)
