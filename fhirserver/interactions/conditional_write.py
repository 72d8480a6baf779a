"""Conditional create, update and delete: a transaction of one entry, so that racing ones are decided alike.

https://hl7.org/fhir/R5/http.html#ccreate, https://hl7.org/fhir/R5/http.html#cond-update, https://hl7.org/fhir/R5/http.html#3.2.0.7.1
"""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.interactions.bundle_entry import Ask
from fhirserver.interactions.bundle_writes import perform
from fhirserver.interactions.conditional import criteria
from fhirserver.interactions.server import Server, known_type
from fhirserver.interactions.write import Outcome, new_id
from fhirserver.store.documents import Expected


async def create(server: Server, type_: str, resource: Resource, query: str) -> Outcome:
    """Creates the resource unless one matches the criteria of If-None-Exist; then that one is the outcome."""
    return await _one(
        server, Ask(0, "POST", type_, criteria=criteria(type_, query), resource=resource), "If-None-Exist"
    )


async def update(server: Server, type_: str, resource: Resource, query: str, expected: Expected | None) -> Outcome:
    """Updates the one that matches, creates one where none does; PreconditionFailed when several do."""
    return await _one(
        server, Ask(0, "PUT", type_, criteria=criteria(type_, query), resource=resource, expected=expected), "url"
    )


async def delete(server: Server, type_: str, query: str, expected: Expected | None) -> Outcome:
    """Deletes the one that matches, if any; PreconditionFailed when several do."""
    return await _one(server, Ask(0, "DELETE", type_, criteria=criteria(type_, query), expected=expected), "url")


async def _one(server: Server, asked: Ask, where: str) -> Outcome:
    known_type(server, asked.type)
    asked = structs.replace(asked, fresh=new_id())
    try:
        return (await perform(server, [asked]))[0]
    except FhirError as error:
        raise _outside(error, asked, where) from None


def _outside(error: FhirError, asked: Ask, where: str) -> FhirError:
    """The refusal as one of a single request: Bundle.entry[0].resource.gender becomes Patient.gender."""
    issues = []
    for issue in error.issues:
        places = [
            f"{asked.type}{place.removeprefix(f'{asked.where}.resource')}"
            if place.startswith(f"{asked.where}.resource")
            else where
            if place.startswith("Bundle")
            else place
            for place in issue.expression
        ]
        issues.append(replace(issue, expression=tuple(places)))
    return type(error)(issues, headers=error.headers)
