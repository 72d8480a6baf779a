"""From method and path to the row of the route table: a look-up by the number of segments, no pattern is tried.

A server of studies answers thousands of requests a second; a list of regular expressions costs more than a read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fhirserver.errors import MethodNotAllowed, NotFound
from fhirserver.interactions import operations
from fhirserver.interactions.operation import Call
from fhirserver.resources.registry import Release, compartments, resource_types
from fhirserver.web.routes import ROUTES, Handler

Segments = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """The handlers of one path by method; `names` are its parameters by position, None for a fixed segment."""

    fixed: Segments
    names: tuple[str | None, ...]
    handlers: dict[str, Handler] = field(default_factory=dict)

    def fits(self, segments: Segments) -> bool:
        """Whether the fixed segments are these; a name with a $ is an operation's, one with a _ is no parameter."""
        return all(
            own == given
            if name is None
            else given.startswith("$")
            if name == "operation"
            else given != "" and not given.startswith(("$", "_"))
            for own, name, given in zip(self.fixed, self.names, segments, strict=True)
        )


def _table() -> Mapping[int, list[Row]]:
    rows: dict[Segments, Row] = {}
    for method, path, handler in ROUTES:
        segments = _segments(path)
        if segments not in rows:
            names = tuple(part[1:-1] if part.startswith("{") else None for part in segments)
            rows[segments] = Row(segments, names)
        rows[segments].handlers[method] = handler
    by_length: dict[int, list[Row]] = {}
    for row in rows.values():
        by_length.setdefault(len(row.fixed), []).append(row)
    return by_length


def _segments(path: str) -> Segments:
    """The parts of a path; a slash at the end makes no difference."""
    stripped = path.strip("/")
    return tuple(stripped.split("/")) if stripped else ()


_ROWS = _table()


def dispatch(method: str, path: str, release: Release) -> tuple[Handler, dict[str, str]]:
    """The handler and the path's parameters; NotFound or MethodNotAllowed. HEAD is a GET without its body."""
    segments = _segments(path)
    wanted = "GET" if method == "HEAD" else method
    for row in _fitting(segments):
        handler = row.handlers.get(wanted)
        if handler is not None:
            return handler, {name: part for name, part in zip(row.names, segments, strict=True) if name}
    listed = allowed(path, release)
    raise MethodNotAllowed(f"{method} is not done at this address, which takes {listed}.", headers={"Allow": listed})


def allowed(path: str, release: Release) -> str:
    """The methods that an address takes, as the Allow header lists them; NotFound where there is no such address."""
    segments = _segments(path)
    rows = list(_fitting(segments))
    methods = {method for row in rows for method in row.handlers}
    place = dict(zip(rows[0].names, segments, strict=True)) if rows else {}
    if "operation" in place:
        # The table has every method for an operation, which says itself what it takes.
        methods = _of_operation(release, place)
    if not _known(release, place):
        methods = set()
    if not methods:
        raise NotFound(
            "There is no such address or operation here: the CapabilityStatement at /metadata says what this server "
            "does.",
            code="not-supported" if "$" in path else None,
        )
    return ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


def _known(release: Release, place: Mapping[str | None, str]) -> bool:
    """Whether the types that an address names are there; of a compartment, whether it may hold such."""
    type_, compartment = place.get("type"), place.get("compartment")
    if compartment is not None:
        held = compartments(release).get(compartment, {})
        return bool(held) if type_ in (None, "*") else type_ in held
    return type_ is None or type_ in resource_types(release)


def _of_operation(release: Release, place: Mapping[str | None, str]) -> set[str]:
    call = Call("OPTIONS", place["operation"][1:], place.get("type"), place.get("id"), place.get("version"))
    found = operations.fitting(call)
    return set(found.methods(release)) if found else set()


def _fitting(segments: Segments) -> Iterator[Row]:
    """The rows that a path fits, those of fixed segments first, as the table has them."""
    for row in _ROWS.get(len(segments), ()):
        if row.fits(segments):
            yield row
            if not any(row.names):
                # An address of its own, such as /metadata, is not also a type's.
                break
