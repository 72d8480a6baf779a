"""Header fields that were sent twice: lists are one list, what can be said only once is refused.

https://www.rfc-editor.org/rfc/rfc9110#section-5.3, https://www.rfc-editor.org/rfc/rfc9112#section-3.2
"""

from __future__ import annotations

from starlette.types import Scope

from fhirserver.errors import BadRequest

_ONCE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"if-modified-since",
        b"if-none-exist",
        b"if-unmodified-since",
        b"origin",
    }
)
"""Fields of one value. Of those that are a list, such as If-Match, Accept and Prefer, every line counts."""


def settle(scope: Scope) -> None:
    """Makes every header of the request stand once, so that no line of it is overlooked; BadRequest where it cannot."""
    names = [name for name, _ in scope["headers"]]
    if names.count(b"host") != 1 and (b"host" in names or scope.get("http_version") == "1.1"):
        raise BadRequest("A request names its host once: send one Host header.", expression="Host")
    if len(set(names)) != len(names):
        scope["headers"] = _settled(scope["headers"])


def _settled(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        before = found.get(name)
        if before is None or name == b"cookie":
            found[name] = value
        elif name not in _ONCE:
            found[name] = before + b", " + value
        elif before != value:
            said = name.decode("latin-1").title()
            raise BadRequest(f"{said} is there twice, with different values: send it once.", expression=said)
    return list(found.items())
