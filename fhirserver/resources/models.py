"""fhir.resources as a second structural opinion beside our own walk over the definitions' tables.

https://pypi.org/project/fhir.resources/. The library reads a resource and is never asked to write one. It is not on
the path of a write: on 39,000 altered official examples it refused nothing that the walk had let pass, and it costs
three to seven times as much (docs/validation.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from fhirserver.errors import Issue
from fhirserver.resources.registry import Release, model

_EXTRA = "extra_forbidden"


def second_opinion(release: Release, resource: dict[str, Any]) -> list[Issue]:
    """What fhir.resources finds wrong with a resource; nothing when it accepts it or has no model of its type."""
    kind = resource.get("resourceType")
    cls = model(release, kind) if isinstance(kind, str) else None
    if cls is None:
        return []
    try:
        cls.model_validate(resource)
    except ValidationError as error:
        return [
            Issue("error", "invalid", f"fhir.resources: {found['msg']}.", (_fhirpath(str(kind), found["loc"]),))
            for found in error.errors(include_url=False, include_context=False, include_input=False)
            if not _mistaken(found["type"], found["loc"])
        ]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        # Some malformed resources (a resourceType that is a number, say) end the library itself.
        return [Issue("error", "structure", f"fhir.resources cannot read it: {type(error).__name__}.", (str(kind),))]
    return []


def _mistaken(rule: str, where: Sequence[int | str]) -> bool:
    """Refusals that the specification does not share.

    An extension's value may have its own extensions (_valueString); the least integer64 is -2^63.
    """
    leaf = str(where[-1]) if where else ""
    return (rule == _EXTRA and leaf.startswith("_value")) or (rule == "greater_than_equal" and "Integer64" in leaf)


def _fhirpath(root: str, where: Sequence[int | str]) -> str:
    """('component', 2, 'class_fhir') as Encounter.component[2].class."""
    path = root
    for step in where:
        path += f"[{step}]" if isinstance(step, int) else f".{step.removesuffix('_fhir')}"
    return path
