"""The parameters of a history: which versions, in which order, how many at once.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Issue, NotSupported
from fhirserver.interactions.paging import CURSOR, Params
from fhirserver.interactions.server import shown
from fhirserver.resources import subsets
from fhirserver.resources.registry import Release, structure
from fhirserver.resources.subsets import Subset
from fhirserver.search import results
from fhirserver.store.marks import Window

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})")
_KNOWN = frozenset({"_count", "_since", "_at", "_sort", "_list", "_summary", "_elements", CURSOR}) | results.PASSING


@dataclass(slots=True)
class HistoryRequest:
    """A history as understood; `self_params` are the parameters that were, for the self link."""

    window: Window = field(default_factory=Window)
    descending: bool = True
    count: int | None = None
    only_total: bool = False
    subset: Subset | None = None
    token: str | None = None
    ignored: tuple[Issue, ...] = ()
    self_params: list[tuple[str, str]] = field(default_factory=list)


def parse(release: Release, params: Params, type_: str | None = None, *, strict: bool) -> HistoryRequest:
    """Reads the parameters of a history; BadRequest for a value that is none, and for a parameter given twice.

    A parameter that histories do not have is a refusal under `Prefer: handling=strict`, else an issue in `ignored`.
    """
    request = HistoryRequest()
    ignored: list[Issue] = []
    seen: set[str] = set()
    for name, value in params:
        refusal = _unknown(name, value)
        if refusal is not None:
            if strict or not reports(release):
                raise refusal
            ignored += [
                Issue("warning", issue.code, f"Ignored: {issue.diagnostics}", issue.expression)
                for issue in refusal.issues
            ]
            continue
        if name in seen:
            raise BadRequest(f"'{name}' is there twice: a history takes each parameter once.", expression=name)
        seen.add(name)
        _take(request, name, value)
        if name != CURSOR:
            request.self_params.append((name, value))
    request.ignored = tuple(ignored)
    request.subset = subsets.parse(release, params, type_)
    return request


def reports(release: Release) -> bool:
    """Whether a Bundle of this release can say what was ignored: an entry of a history is always a version."""
    bundle = structure(release, "Bundle")
    return bundle is not None and "issues" in bundle.elements


def _unknown(name: str, value: str) -> NotSupported | None:
    code, _, modifier = name.partition(":")
    if code not in _KNOWN:
        return NotSupported(
            f"A history has no parameter '{shown(name)}': it takes _count, _since, _at, _sort, _summary and _elements.",
            expression=shown(name),
        )
    if modifier:
        raise BadRequest(f"'{code}' of a history takes no modifier.", expression=shown(name))
    return None


def _take(request: HistoryRequest, name: str, value: str) -> None:
    match name:
        case "_count":
            request.count = results.count(value)
            request.only_total |= request.count == 0
        case "_since":
            request.window = Window(_instant(value), request.window.during)
        case "_at":
            request.window = Window(request.window.since, _during(value))
        case "_sort":
            request.descending = _descending(value)
        case "_summary":
            request.only_total |= results.summary(value) == "count"
        case "_list":
            raise NotSupported(
                "'_list' is not done here: ask for the history of each resource of the list.", expression="_list"
            )
        case "_cursor":
            request.token = value


def _instant(value: str) -> datetime:
    # In a URL that was not escaped, the plus of a time zone arrives as a blank.
    written = value.replace(" ", "+")
    if not _INSTANT.fullmatch(written):
        raise BadRequest(
            f"'_since' is an instant with its time zone, such as 2024-02-01T10:00:00Z, not '{shown(value)}'.",
            expression="_since",
        )
    return _interval(written, "_since").low


def _during(value: str) -> fhirjson.Interval:
    return _interval(value.replace(" ", "+"), "_at")


def _interval(written: str, name: str) -> fhirjson.Interval:
    try:
        return fhirjson.interval(written)
    except BadRequest as error:
        raise BadRequest(error.issues[0].diagnostics, expression=name) from None


def _descending(value: str) -> bool:
    match value:
        case "-_lastUpdated" | "none":
            return True
        case "_lastUpdated":
            return False
    raise NotSupported(
        f"A history is sorted by -_lastUpdated, by _lastUpdated or by none, not by '{shown(value)}'.",
        expression="_sort",
    )
