"""Import of trial records, beside what its two heaviest libraries alone need for the same: parsing and validation."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from fhir.resources import get_fhir_model_class

from bench import client, records
from bench.client import Ask, BenchError
from bench.measure import Result
from bench.servers import HOST, Running
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read

NAME = "import"
AT_ONCE = 4
"""Records in the works at one time, as `fhirserver import` has."""
_WARM_UP = 8
_GENERATED_FROM = 5_000_000


def measure(server: Running, chosen: Sequence[bytes], count: int) -> Result:
    """Imports a part of `chosen` each round: a record that is stored already would cost less."""
    result = Result(NAME, None, None)
    client.run(HOST, server.port, [_ask(one) for one in records.generate(_WARM_UP, _GENERATED_FROM)], AT_ONCE)
    parts = [chosen[at::count] for at in range(count)]
    for part in parts:
        if not part:
            raise BenchError(f"{len(chosen)} records are too few for {count} rounds")
        # The server first: it says better than a traceback what is wrong with a record.
        result.ours.rates.append(client.run(HOST, server.port, [_ask(one) for one in part], AT_ONCE).rate)
        result.reference.rates.append(_reference(part))
    return result


def _ask(record: bytes) -> Ask:
    return Ask("POST", "/r5/ResearchStudy/$import-record", 200, _stored, record, "application/json")


def _stored(body: bytes) -> None:
    answer = msgspec.json.decode(body)
    if answer["type"] != "transaction-response":
        raise BenchError(f"the answer is a {answer['type']}")
    if not any(entry["response"].get("location", "").find("ResearchStudy/") >= 0 for entry in answer["entry"]):
        raise BenchError("no study was stored")


def _reference(part: Sequence[bytes]) -> float:
    """Records a second when each is only parsed and its resources, mapped beforehand, are validated."""
    mapped = [[entry["resource"] for entry in transaction(read(one))[0]["entry"]] for one in part]
    models = {one["resourceType"]: get_fhir_model_class(one["resourceType"]) for some in mapped for one in some}
    began = time.perf_counter()
    for record, resources in zip(part, mapped, strict=True):
        msgspec.json.decode(record)
        for resource in resources:
            models[resource["resourceType"]].model_validate(resource)
    return len(part) / (time.perf_counter() - began)
