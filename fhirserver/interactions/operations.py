"""The operations of our own, and their OperationDefinitions kept in the store like any resource.

https://hl7.org/fhir/R5/operationdefinition.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhirserver.fhirjson import Resource
from fhirserver.interactions import enrol, import_record, write
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import Release


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its name without $, the type it is for, and its definition by release and base."""

    code: str
    type: str
    definition: Callable[[Release, str], Resource]

    @property
    def id(self) -> str:
        """The id of its OperationDefinition."""
        return f"{self.type}-{self.code}"


OPERATIONS = (
    Operation("enroll", "ResearchStudy", enrol.operation_definition),
    Operation("import-record", "ResearchStudy", import_record.operation_definition),
)


async def publish(server: Server) -> None:
    """Puts the definitions into the store; those that are there already stay as they are."""
    for operation in OPERATIONS:
        definition = operation.definition(server.release, server.base) | {"id": operation.id}
        await write.update(server, "OperationDefinition", operation.id, definition)
