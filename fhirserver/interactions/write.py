"""create, update and delete: one path for all writes, single or in a transaction.

https://hl7.org/fhir/R5/http.html#create, https://hl7.org/fhir/R5/http.html#update, https://hl7.org/fhir/R5/http.html#delete
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import uuid_utils

from fhirserver import fhirjson
from fhirserver.enrolment import words
from fhirserver.errors import BadRequest, FhirError, Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import defining, definitions, enrol, integrity, profiles
from fhirserver.interactions.apart import apart
from fhirserver.interactions.enrol_books import Books
from fhirserver.interactions.enrol_facts import SUBJECT
from fhirserver.interactions.in_force import known as parameters
from fhirserver.interactions.indexed import indexed
from fhirserver.interactions.lens import taken
from fhirserver.interactions.read import known
from fhirserver.interactions.server import Server, known_type
from fhirserver.resources.subsets import refuse_subset
from fhirserver.resources.validation import check
from fhirserver.search.added import in_force
from fhirserver.search.indexing import IndexEntry
from fhirserver.store.documents import Expected, Version, Written
from fhirserver.store.documents import Put as Item
from fhirserver.store.store import Tx


class Put(msgspec.Struct, frozen=True, gc=False):
    """Writes a resource, in the form that is stored, under an id.

    `create_only` when the id was just made, `expected` the version of If-Match.
    `notes` is what `accept` had to say of the resource.
    """

    type: str
    id: str
    resource: Resource
    expected: Expected | None = None
    create_only: bool = False
    notes: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Remove:
    """Deletes a resource; deleting what is not there is no error."""

    type: str
    id: str
    expected: Expected | None = None


Operation = Put | Remove


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one operation; `version` is None for a deletion of nothing."""

    version: Version | None
    created: bool = False
    changed: bool = True
    warnings: tuple[Issue, ...] = ()


def new_id() -> str:
    """A UUIDv7, so that ids assigned by the server ascend with time."""
    return str(uuid_utils.uuid7())


async def create(server: Server, type_: str, resource: Resource) -> Outcome:
    """Stores a new resource under a new id; an id in the body is ignored, as the specification says."""
    notes = await accept(server, type_, resource)
    stored = taken(server, resource)
    return (await apply(server, [Put(type_, new_id(), stored, create_only=True, notes=notes)]))[0]


async def update(server: Server, type_: str, id_: str, resource: Resource, expected: Expected | None = None) -> Outcome:
    """Stores the next version, or the first one under an id the client chose."""
    named(type_, id_, resource)
    notes = await accept(server, type_, resource)
    return (await apply(server, [Put(type_, id_, taken(server, resource), expected, notes=notes)]))[0]


async def delete(server: Server, type_: str, id_: str, expected: Expected | None = None) -> Outcome:
    """Deletes the resource; it can be read as earlier versions still."""
    known(server, type_, id_)
    return (await apply(server, [Remove(type_, id_, expected)]))[0]


def named(type_: str, id_: str, resource: Resource) -> None:
    """An update's body names the id of its URL."""
    if not fhirjson.is_id(id_):
        raise BadRequest(
            f"'{id_[:64]}' is no id for a URL: use 1 to 64 letters, digits, hyphens and dots, not dots alone.",
            code="value",
        )
    given = resource.get("id")
    if given != id_:
        said = "has none" if given is None else f"says '{given}'"
        raise BadRequest(
            f"The URL names the id '{id_}', the body {said}: give the same id in both.", expression=f"{type_}.id"
        )


async def accept(
    server: Server, type_: str, resource: Resource, beside: profiles.Beside | None = None
) -> tuple[Issue, ...]:
    """Refuses a resource of another type, one that is not valid, and one that does not conform to what it claims.

    The answer is what a client should know of a resource that is accepted. `beside` are definitions of its Bundle.
    """
    known_type(server, type_)
    await parameters(server.store).fresh()
    if type_ == "ResearchSubject":
        consent = resource.get("consent")
        consents = consent if isinstance(consent, list) else []
        subjects = [resource.get(name) for name in ("subject", "individual")]
        own_references(server, [resource.get("study"), *subjects, *consents])
    if resource["resourceType"] != type_:
        raise BadRequest(
            f"The URL is for {type_}, the body is a {resource['resourceType']}: send it to its own type.",
            expression=f"{resource['resourceType']}.resourceType",
        )
    refuse_subset(resource)
    level = server.settings.validation
    await apart(resource, check, server.release, resource, level)
    if defining.defines(type_):
        defining.accept(server, resource)
    return await profiles.check(server, resource, beside) if level == "strict" else ()


def own_references(server: Server, references: Iterable[object]) -> None:
    """Makes absolute references to this server relative, in place: the rules must see whom they concern."""
    for reference in references:
        if isinstance(reference, dict) and isinstance(text := reference.get("reference"), str):
            for base in server.bases:
                text = text.removeprefix(f"{base}/")
            reference["reference"] = text


def index(server: Server, resource: Resource) -> IndexEntry:
    """Search terms of a resource; a Group's members are kept and found apart from it."""
    # By the newest there is: a request may have begun before it was defined.
    with in_force(parameters(server.store).now):
        return indexed(server.settings, server.form(resource["resourceType"]), resource)


async def apply(server: Server, operations: Sequence[Operation]) -> list[Outcome]:
    """Carries out operations that were accepted: one alone, or several and those with rules in one transaction."""
    if len(operations) == 1 and not watched(server, operations[0]):
        return [await _alone(server, operations[0])]
    locks = await rule_locks(server, operations)

    async def work(tx: Tx) -> list[Outcome]:
        return await apply_within(server, tx, operations, locks)

    return await server.store.transact(work, locks=locks)


def governed(operation: Operation) -> bool:
    """Whether rules of research watch over this write."""
    return operation.type == "ResearchSubject"


def watched(server: Server, operation: Operation) -> bool:
    """Whether an operation needs a transaction, for rules or for references to see all it touches."""
    if governed(operation) or definitions.defines(operation.type) or defining.defines(operation.type):
        return True
    if isinstance(operation, Put):
        return integrity.watches_writes(server.settings, operation.type)
    return integrity.watches_deletions(server.settings, server.release, operation.type)


async def rule_locks(server: Server, operations: Sequence[Operation]) -> list[str]:
    """Keys of what rules and references must see alone: taken before the transaction."""
    keys: set[str] = set(_open_locks(server, operations))
    ruled = [operation for operation in operations if governed(operation)]
    there = await server.store.read_many([(operation.type, operation.id) for operation in ruled])
    for operation in ruled:
        after = operation.resource if isinstance(operation, Put) else None
        keys.update(enrol.locks(_content(there.get((operation.type, operation.id))), after))
    return sorted(keys)


def _open_locks(server: Server, operations: Sequence[Operation]) -> list[str]:
    """Keys that the operations themselves name: of references, and of definitions."""
    removed = [(operation.type, operation.id) for operation in operations if isinstance(operation, Remove)]
    written = [operation.resource for operation in operations if isinstance(operation, Put)]
    defined = definitions.locks((operation.type, operation.id) for operation in operations)
    of_searches = [defining.LOCK] if any(defining.defines(operation.type) for operation in operations) else []
    return [*defined, *of_searches, *integrity.locks(server, removed, written)]


async def apply_within(server: Server, tx: Tx, operations: Sequence[Operation], locked: Sequence[str]) -> list[Outcome]:
    """The same inside a transaction that holds the locks `locked`.

    What rules watch comes last, so that it sees all else of the transaction.
    """
    # What follows from an enrolment is indexed by what is in force now, too.
    with in_force(parameters(server.store).now):
        return await _apply_within(server, tx, operations, locked)


async def _apply_within(
    server: Server, tx: Tx, operations: Sequence[Operation], locked: Sequence[str]
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    plain = [at for at, operation in enumerate(operations) if isinstance(operation, Put) and not governed(operation)]
    for at, operation in enumerate(operations):
        if isinstance(operation, Remove) and not governed(operation):
            outcomes[at] = _removed(await tx.remove(operation.type, operation.id, expected=operation.expected))
    puts = [operation for at in plain if isinstance(operation := operations[at], Put)]
    items = [item(server, put) for put in puts]
    for at, put, written in zip(plain, puts, await tx.put_many(items), strict=True):
        outcomes[at] = Outcome(written.version, written.created, written.changed, put.notes)
    ruled = [at for at in range(len(operations)) if at not in outcomes]
    await _lock_late(server, tx, operations, ruled, locked)
    if ruled:
        outcomes.update(zip(ruled, await _ruled(server, tx, [operations[at] for at in ruled]), strict=True))
    removed = [
        (operation.type, operation.id)
        for at, operation in enumerate(operations)
        if isinstance(operation, Remove) and outcomes[at].changed
    ]
    await integrity.check(server, tx, removed, [each.resource for each in operations if isinstance(each, Put)])
    await defining.follow(
        server,
        tx,
        {
            each.id: each.resource if isinstance(each, Put) else None
            for each in operations
            if defining.defines(each.type)
        },
    )
    return [outcomes[at] for at in range(len(operations))]


async def _lock_late(
    server: Server, tx: Tx, operations: Sequence[Operation], ruled: Sequence[int], locked: Sequence[str]
) -> None:
    """Locks what was not known before the transaction: ids that conditions and links between entries came to."""
    keys = set(_open_locks(server, operations))
    for at in ruled:
        match operations[at]:
            case Put(resource=resource):
                keys.update(enrol.locks(None, resource))
            case Remove(type_, id_):
                keys.update(enrol.locks(_content(await tx.read(type_, id_)), None))
    # Nobody else knows yet of what this transaction makes.
    made = {(put.type, put.id) for put in operations if isinstance(put, Put) and put.create_only}
    if late := keys - {integrity.lock(key) for key in made} - set(locked):
        await tx.lock(sorted(late))


async def _ruled(server: Server, tx: Tx, operations: Sequence[Operation]) -> list[Outcome]:
    """Writes that the rules of enrolment allow, with what follows from them."""
    books = Books(tx, server.settings, server.form(SUBJECT))
    if len(operations) > 1:
        written = [operation.resource for operation in operations if isinstance(operation, Put)]
        await books.foresee([operation.id for operation in operations], written)
    today = fhirjson.today()
    outcomes: dict[str, Outcome] = {}
    notes: dict[str, tuple[Issue, ...]] = {}
    for operation in operations:
        before = _content(await tx.read(operation.type, operation.id))
        after = operation.resource | {"id": operation.id} if isinstance(operation, Put) else None
        try:
            effect = await enrol.subject_written(books, before, after, today=today)
        except FhirError as error:
            raise words.refusal(server.release, error) from None
        warnings = words.told(server.release, effect.warnings)
        if isinstance(operation, Put):
            books.write(item(server, operation))
            notes[operation.id] = (*operation.notes, *warnings)
        else:
            await books.flush()
            gone = await tx.remove(operation.type, operation.id, expected=operation.expected)
            outcomes[operation.id] = _removed(gone, warnings)
    await books.flush()
    for id_, done in books.written.items():
        outcomes[id_] = Outcome(done.version, done.created, done.changed, notes[id_])
    return [outcomes[operation.id] for operation in operations]


async def _alone(server: Server, operation: Operation) -> Outcome:
    match operation:
        case Put(type_, id_, resource, expected, create_only, notes):
            written = await server.store.put(
                resource,
                type=type_,
                id=id_,
                release=server.form(type_),
                entry=index(server, resource),
                expected=expected,
                create_only=create_only,
            )
            return Outcome(written.version, written.created, written.changed, notes)
        case Remove(type_, id_, expected):
            return _removed(await server.store.remove(type_, id_, expected=expected))


def item(server: Server, put: Put) -> Item:
    """What the store is to write."""
    entry_ = index(server, put.resource)
    return Item(put.resource, put.type, put.id, server.form(put.type), entry_, put.expected, put.create_only)


def _removed(written: Written | None, warnings: tuple[Issue, ...] = ()) -> Outcome:
    return Outcome(written.version if written else None, False, bool(written and written.changed), warnings)


def _content(version: Version | None) -> Resource | None:
    return None if version is None or version.gone else fhirjson.loads(version.body)
