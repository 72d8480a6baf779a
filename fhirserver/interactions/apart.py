"""Checks of large resources beside the event loop, so that others are served meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fhirserver.fhirjson import Resource

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 2000
"""Array items above which a resource is large."""


async def apart(resource: Resource, check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a check of a resource says; in a thread of its own when the resource is large."""
    if sum(len(value) for value in resource.values() if isinstance(value, list)) > LARGE:
        return await asyncio.to_thread(check, *args, **kwargs)
    return check(*args, **kwargs)
