"""Studies, patients and subjects for the tests of enrolment, written through the same hook as the server's writes."""

from __future__ import annotations

from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import Issue
from fhirserver.interactions import enrol, operations
from fhirserver.interactions.enrol_books import Books
from fhirserver.interactions.operation import Call
from fhirserver.interactions.server import Server
from fhirserver.resources.research_subject import compose
from fhirserver.search.indexing import entry
from fhirserver.settings import Settings
from fhirserver.store.documents import Version
from fhirserver.store.store import Store, Tx

TODAY = "2024-05-01"
STATUS = "http://hl7.org/fhir/research-study-status"


def study(
    id_: str = "s", progress: str | None = "recruiting", target: int | None = None, **more: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "ResearchStudy", "id": id_, "status": "active", "title": "Study"}
    if progress:
        made["progressStatus"] = [{"state": {"coding": [{"system": STATUS, "code": progress}]}}]
    if target is not None:
        made["recruitment"] = {"targetNumber": target}
    return made | more


def patient(id_: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_}


def subject(patient_id: str, state: str = "candidate", study_id: str = "s", **more: Any) -> dict[str, Any]:
    return compose(f"ResearchStudy/{study_id}", f"Patient/{patient_id}", state, TODAY, **more)


async def put(store: Store | Tx, resource: dict[str, Any]) -> None:
    type_, id_ = resource["resourceType"], resource["id"]
    await store.put(resource, type=type_, id=id_, release="R5", entry=entry("R5", resource))


async def write(store: Store, settings: Settings, id_: str, after: dict[str, Any] | None) -> list[Issue]:
    """A write of a ResearchSubject as the server does it."""
    before = await read(store, f"ResearchSubject/{id_}")

    async def work(tx: Tx) -> list[Issue]:
        old = await read(tx, f"ResearchSubject/{id_}")
        new = after | {"id": id_} if after else None
        books = Books(tx, settings, "R5")
        effect = await enrol.subject_written(books, old, new, today=TODAY)
        await books.flush()
        if new:
            await put(tx, new)
        else:
            await tx.remove("ResearchSubject", id_)
        return effect.warnings

    await enrol.prepare(store)
    return await store.transact(work, locks=enrol.locks(before, after))


async def read(store: Store | Tx, name: str) -> dict[str, Any] | None:
    version = await store.read(*name.split("/"))
    return None if version is None or version.gone else fhirjson.loads(version.body)


async def there(store: Store | Tx, name: str) -> dict[str, Any]:
    found = await read(store, name)
    assert found is not None, name
    return found


async def enroll(
    store: Store, settings: Settings, study_id: str, asked: dict[str, Any]
) -> tuple[Version, tuple[Issue, ...]]:
    """$enroll as the server invokes it: the ResearchSubject and the warnings."""
    server = Server(settings, store, "R5", "http://test/r5")
    answer = await operations.invoke(server, Call("POST", "enroll", "ResearchStudy", study_id, body=asked))
    assert answer.written is not None
    assert answer.written.version is not None
    return answer.written.version, answer.written.warnings


def parameters(patient_id: str, **more: Any) -> dict[str, Any]:
    given: list[dict[str, Any]] = [{"name": "subject", "valueReference": {"reference": f"Patient/{patient_id}"}}]
    given += [{"name": name, **value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": given}
