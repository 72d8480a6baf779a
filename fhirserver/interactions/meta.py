"""$meta, $meta-add and $meta-delete: profiles, tags and security labels, of a resource, a type or all there is.

https://hl7.org/fhir/R5/resource-operation-meta.html, https://hl7.org/fhir/R5/resource-operation-meta-add.html,
https://hl7.org/fhir/R5/resource-operation-meta-delete.html. R5 does not say whether labels may change within a version;
versions never change here, so a change of labels is a version like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import TooCostly
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.lens import spoken
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read, vread
from fhirserver.interactions.server import Server, present
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.subsets import refuse_subset
from fhirserver.store.documents import Put, Version
from fhirserver.store.store import Tx

MOST = 1000
"""Labels of a kind that the list of a type or of all types may have."""

_LABELS = ("profile", "security", "tag")
Change = Callable[[list[Any], list[Any]], list[Any]]
"""The labels that are left, given those there and those sent."""


async def _get(server: Server, call: Call, given: Arguments) -> Answer:
    if call.type is None or call.id is None:
        types = [call.type] if call.type else await server.store.types()
        return Answer(await _in_use(server, call, types))
    if call.version is None:
        version = await read(server, call.type, call.id, within=call.within)
    else:
        version = await vread(server, call.type, call.id, call.version, within=call.within)
    return Answer(_meta(version))


def _meta(version: Version) -> Resource:
    meta: Resource = fhirjson.loads(version.body)["meta"]
    return meta


async def _in_use(server: Server, call: Call, types: list[str]) -> Resource:
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for type_ in types:
        for element, rows in (await call.reader(server).labels(type_, MOST + 1)).items():
            known = found.setdefault(element, {})
            for row in rows:
                known.setdefault(_identity(row), row)
            if len(known) > MOST:
                raise TooCostly(
                    f"More than {MOST} different values of meta.{element} are in use: ask one type, or search by those "
                    "you know."
                )
    return {element: list(found[element].values()) for element in _LABELS if element in found}


async def _add(server: Server, call: Call, given: Arguments) -> Answer:
    return await _change(server, call, given.one("meta"), _joined)


async def _delete(server: Server, call: Call, given: Arguments) -> Answer:
    return await _change(server, call, given.one("meta"), _without)


def _joined(there: list[Any], sent: list[Any]) -> list[Any]:
    known = {_identity(label) for label in there}
    new = {_identity(label): label for label in sent}
    return [*there, *(label for identity, label in new.items() if identity not in known)]


def _without(there: list[Any], sent: list[Any]) -> list[Any]:
    gone = {_identity(label) for label in sent}
    return [label for label in there if _identity(label) not in gone]


def _identity(label: Any) -> tuple[str, ...]:
    """A profile is its URL, a tag its system and code; one that has neither, its words."""
    if isinstance(label, str):
        return (label,)
    system, code = label.get("system", ""), label.get("code", "")
    return (system, code) if system or code else ("", "", label.get("display", ""))


async def _change(server: Server, call: Call, sent: Resource, change: Change) -> Answer:
    """Reads, changes and writes in one transaction: changes that race are all done, one after the other."""
    type_, id_ = call.type or "", call.id or ""

    async def work(tx: Tx) -> Version:
        name = f"{type_}/{id_}"
        version = present(server, await tx.read(type_, id_), name)
        resource = fhirjson.loads(version.body)
        before = resource["meta"]
        after = {name: value for name, value in before.items() if name not in _LABELS}
        for element in _LABELS:
            if left := change(before.get(element, []), sent.get(element, [])):
                after[element] = left
        resource["meta"] = after
        refuse_subset(resource)
        if after.get("profile") != before.get("profile"):
            # A claim to conform is judged as in any other write.
            await write.accept(server, type_, spoken(server, resource))
        put = Put(resource, type_, id_, server.form(type_), write.index(server, resource))
        return (await tx.put_many([put]))[0].version

    if call.within is not None:
        return Answer(_meta(await work(call.within)))
    await read(server, type_, id_)
    return Answer(_meta(await server.store.transact(work, locks=[f"{type_}/{id_}"])))


_RETURNS = Parameter("return", "Meta", "The labels, and for one resource also its version and when that was made.", 1)
_CHANGE = (
    "Profiles, tags and security labels are sets: a profile is the same by its URL, a tag or label by system and code. "
    "The change makes a new version, unless it changes nothing. All else in the Meta that is sent plays no part."
)

META = Operation(
    code="meta",
    title="Profiles, tags and security labels",
    description=(
        "The meta of a resource or of one of its versions; for a type or the whole server each profile, tag and "
        f"security label in use, {MOST} of each at most."
    ),
    handler=_get,
    levels=("system", "type", "instance"),
    types=None,
    parameters=(),
    returns=_RETURNS,
    affects_state=False,
    standard="Resource-meta",
    whole=True,
    versions=True,
)
META_ADD = Operation(
    code="meta-add",
    title="Add profiles, tags and security labels",
    description=f"Adds what is not there yet to the current version of a resource. {_CHANGE}",
    handler=_add,
    levels=("instance",),
    types=None,
    parameters=(Parameter("meta", "Meta", "The profiles, tags and security labels to add.", min=1),),
    returns=_RETURNS,
    affects_state=True,
    standard="Resource-meta-add",
    whole=True,
)
META_DELETE = Operation(
    code="meta-delete",
    title="Remove profiles, tags and security labels",
    description=(
        f"Removes labels from the current version of a resource; those that are not there are no error. {_CHANGE}"
    ),
    handler=_delete,
    levels=("instance",),
    types=None,
    parameters=(Parameter("meta", "Meta", "The profiles, tags and security labels to remove.", min=1),),
    returns=_RETURNS,
    affects_state=True,
    standard="Resource-meta-delete",
    whole=True,
)
OPERATIONS = (META, META_ADD, META_DELETE)
