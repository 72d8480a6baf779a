"""The requests that write: single resources, a transaction of three, transactions of 250."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

from bench import checks, resources
from bench.client import Ask
from bench.data import Data, Stored, encode
from bench.elements import Resource

TOGETHER = 250
"""Resources of a loading transaction."""


def create(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A new observation of about 1.5 KB."""
    check = checks.resource("Observation")
    while True:
        body = _without_id(resources.observation(rng, resources.finding(rng, rng.choice(data.people).id)))
        yield Ask("POST", "/r5/Observation", 201, check, encode(body))


def update(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """An observation's next version: another value; no two of a round are the same observation."""
    # Sixteen writers of one resource would measure conflicts, which is another work.
    while True:
        for facts in rng.sample(data.findings, len(data.findings)):
            body = encode(resources.observation(rng, facts))
            yield Ask("PUT", f"/r5/Observation/{facts.id}", 200, checks.resource("Observation", facts.id), body)


def transaction_of_three(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A new patient with an observation and a condition that refer to it."""
    check = checks.transaction(3)
    number = (turn + 1) * 10_000_000
    while True:
        number += 1
        urn = f"urn:uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}"
        patient = _without_id(resources.patient(rng, resources.person(rng, number)))
        observation = _without_id(resources.observation(rng, resources.finding(rng, "")))
        observation["subject"] = {"reference": urn}
        entries = [_post(patient, urn), _post(observation), _post(resources.condition(rng, urn))]
        yield Ask("POST", "/r5/", 200, check, _transaction(entries))


def load(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """Transactions of 250 resources under ids of the client's: a fifth patients, the rest their observations."""
    number = (turn + 1) * 20_000_000
    while True:
        people = [resources.person(rng, number + at) for at in range(TOGETHER // 5)]
        number += len(people)
        bodies = [resources.patient(rng, one) for one in people]
        owners = (rng.choice(people).id for _ in range(TOGETHER - len(people)))
        bodies += [resources.observation(rng, resources.finding(rng, owner)) for owner in owners]
        yield loading([Stored(one["resourceType"], one["id"], encode(one)) for one in bodies])


def loading(stored: Sequence[Stored]) -> Ask:
    """One transaction that writes `stored` under the ids they have."""
    entries = (
        b'{"resource":%b,"request":{"method":"PUT","url":"%b"}}' % (one.body, f"{one.type}/{one.id}".encode())
        for one in stored
    )
    body = b'{"resourceType":"Bundle","type":"transaction","entry":[' + b",".join(entries) + b"]}"
    return Ask("POST", "/r5/", 200, checks.transaction(len(stored)), body)


def seeding(data: Data) -> Iterator[tuple[str, int, list[Ask]]]:
    """The data set in steps of one type: what a step refers to was stored by an earlier one."""
    for type, group in groupby(data.stored, lambda one: one.type):
        chosen = list(group)
        asks = [loading(chosen[at : at + TOGETHER]) for at in range(0, len(chosen), TOGETHER)]
        yield type, len(chosen), asks


def _without_id(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "id"}


def _post(resource: Resource, urn: str | None = None) -> Resource:
    entry = {"fullUrl": urn} if urn else {}
    return entry | {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _transaction(entries: list[Resource]) -> bytes:
    return encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
