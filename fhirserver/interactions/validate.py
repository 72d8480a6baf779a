"""$validate: what is wrong with a resource, and whether it could be created, updated or deleted; nothing is stored.

https://hl7.org/fhir/R5/resource-operation-validate.html. Whether a write would be done is found out by doing it in a
transaction that is given up.
"""

from __future__ import annotations

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, Issue, NotFound, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions import profiles, write
from fhirserver.interactions.apart import apart
from fhirserver.interactions.lens import served, taken
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Server, shown
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.profiles.types import is_base
from fhirserver.resources.validation import validate
from fhirserver.store.store import Tx

_ALL_OK = Issue("information", "informational", "All OK: no errors were found.")
_MODES = ("create", "update", "delete", "profile")


async def _validate(server: Server, call: Call, given: Arguments) -> Answer:
    mode, sent, profile = given.one("mode"), given.one("resource"), given.one("profile")
    if mode in ("update", "delete") and call.id is None:
        raise BadRequest(
            f"The mode '{mode}' is asked of one resource: call [type]/[id]/$validate.", expression=given.where("mode")
        )
    if mode == "profile" and profile is None:
        raise BadRequest("The mode 'profile' needs the parameter 'profile'.", expression="profile", code="required")
    if call.type is not None and call.id is not None and (sent is None or mode == "delete"):
        stored = fhirjson.loads(served(server, await read(server, call.type, call.id)).body)
        sent = sent if sent is not None and mode != "delete" else stored
    if sent is None:
        raise BadRequest(
            "$validate needs a resource: send it as the body, or as the parameter 'resource'.",
            expression="resource",
            code="required",
        )
    if mode == "delete":
        issues = await _rehearsed(server, write.Remove(call.type or "", call.id or ""))
    else:
        issues = await problems(server, sent, profile, where=given.where("profile"))
        issues = _of_type(call, sent) + issues
        if mode in ("create", "update") and not _failed(issues):
            issues += await _written(server, sent, call.id if mode == "update" else None)
    return Answer(outcome(issues if _failed(issues) else [_ALL_OK, *issues]))


def _failed(issues: list[Issue]) -> bool:
    return any(issue.severity in ("error", "fatal") for issue in issues)


def _of_type(call: Call, resource: Resource) -> list[Issue]:
    """Whether the resource is of the type that the URL names."""
    kind = resource.get("resourceType")
    if call.type in (None, kind) or not isinstance(kind, str):
        return []
    said = f"The URL is for {call.type}, the resource is a {shown(kind)}: send it to its own type."
    return [Issue("error", "invalid", said, ("resourceType",))]


async def problems(
    server: Server, resource: Resource, profile: str | None = None, *, where: str = "profile"
) -> list[Issue]:
    """All there is to say of a resource: of its content, of the profiles that it claims, and of `profile`.

    NotFound or Unprocessable when the server cannot judge by `profile`.
    """
    if profile is not None:
        await _judgeable(server, profile, where)
    issues = await apart(resource, validate, server.release, resource, level="strict", warnings=True)
    if any(issue.code == "structure" for issue in issues):
        return issues
    claimed = list(profiles.claims(resource))
    if profile is not None and not any(claim.canonical == profile and claim.resource is resource for claim in claimed):
        claimed.append(profiles.Claim(profile, resource, resource["resourceType"], where))
    return issues + await profiles.judge(server, resource, claimed, warnings=True)


async def _judgeable(server: Server, canonical: str, where: str) -> None:
    """Refuses a profile that is not known, or has nothing to judge by."""
    if is_base(server.release, canonical):
        return
    found = (await profiles.library(server, [canonical])).profile(canonical)
    if found is None:
        raise NotFound(
            f"The profile '{shown(canonical)}' is not known here: store its StructureDefinition first.",
            expression=where,
        )
    if found.check is None:
        why = " ".join(note.sentence for note in found.unchecked)
        raise Unprocessable(
            f"The profile '{shown(canonical)}' cannot be checked: {why}",
            expression=where,
            code="not-supported",
        )


async def _written(server: Server, resource: Resource, id_: str | None) -> list[Issue]:
    """What a create would say, or an update under this id."""
    type_ = resource["resourceType"]
    try:
        if id_ is not None:
            write.named(type_, id_, resource)
        await write.accept(server, type_, resource)
    except FhirError as error:
        return list(error.issues)
    put = write.Put(type_, id_ or write.new_id(), taken(server, resource), create_only=id_ is None)
    return await _rehearsed(server, put)


class _Rehearsed(Exception):
    """Gives up a transaction that went well."""


async def _rehearsed(server: Server, operation: write.Operation) -> list[Issue]:
    """What a write would say, by doing it in a transaction that is not committed."""
    said: list[Issue] = []
    locks = await write.rule_locks(server, [operation])

    async def work(tx: Tx) -> None:
        said[:] = (await write.apply_within(server, tx, [operation], locks))[0].warnings
        raise _Rehearsed

    try:
        await server.store.transact(work, locks=locks)
    except _Rehearsed:
        return said
    except FhirError as error:
        return list(error.issues)
    return said


VALIDATE = Operation(
    code="validate",
    title="Validate a resource",
    description=(
        "Checks a resource: its content, the invariants, the profiles that it claims. With a mode also whether it "
        "could be created, or the resource that is called updated or deleted; that is tried, and not kept. It answers "
        "200 with an OperationOutcome whenever the check could be made; errors are issues in it. What of a profile is "
        "not checked is an issue of severity information."
    ),
    handler=_validate,
    levels=("system", "type", "instance"),
    types=None,
    parameters=(
        Parameter(
            "resource",
            "Resource",
            "What to check. Without it, the resource that is called is checked as it is stored.",
        ),
        Parameter(
            "mode",
            "code",
            "What is to be done with the resource; update and delete are asked of one that is there.",
            codes=_MODES,
            binding="http://hl7.org/fhir/ValueSet/resource-validation-mode",
        ),
        Parameter(
            "profile",
            "canonical",
            "A profile to check against besides those that the resource claims; one that is not stored is refused.",
        ),
    ),
    returns=Parameter("return", "OperationOutcome", "What was found; no errors mean that the resource is right.", 1),
    affects_state=False,
    standard="Resource-validate",
    alone=True,
)
