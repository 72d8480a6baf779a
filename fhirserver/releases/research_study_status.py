"""Where a study stands: R4's required status, R5's progress beside the status of the record.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.progressStatus
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import interval
from fhirserver.releases.parts import Node, Walk
from fhirserver.resources.research_study import OVERALL, STATUS

_DOWN: Mapping[str, str] = MappingProxyType(
    {
        "recruiting": "active",
        "enrolling-by-invitation": "active",
        "not-yet-recruiting": "approved",
        "active-but-not-recruiting": "closed-to-accrual",
        "terminated": "administratively-completed",
        **{
            code: code
            for code in (
                *("active", "administratively-completed", "approved", "closed-to-accrual"),
                *("closed-to-accrual-and-intervention", "completed", "disapproved", "in-review"),
                *("temporarily-closed-to-accrual", "temporarily-closed-to-accrual-and-intervention", "withdrawn"),
            )
        },
    }
)
"""Progress in R5 → status in R4."""
_OF_RECORD: Mapping[str, str] = MappingProxyType({"active": "active", "draft": "in-review", "retired": "completed"})
"""Status of the record → status in R4, for a study that tells no progress; of others nothing is known."""


def status(form: Node, _old: Node, walk: Walk) -> Node:
    """R4's status: where the study stands now, else where it last stood, else what the record's own status suggests."""
    code = _known(form.get("progressStatus", ()))
    if code is None and "status" in form:
        code = _OF_RECORD.get(form["status"])
    made: Node = {} if code is None else {"status": code}
    return made | ({"_status": walk("Element", form["_status"])} if "_status" in form else {})


def progressed(form: Node, old: Node, walk: Walk) -> Node:
    """R5's status and progress. A status that was changed takes the place of what was going on until then."""
    made: Node = {"status": old.get("status", "active")}
    if "_status" in form:
        made["_status"] = walk("Element", form["_status"])
        if "status" not in form:
            del made["status"]
    entries = list(old.get("progressStatus", ()))
    if "status" in form:
        entry = {"state": {"coding": [{"system": STATUS, "code": form["status"]}]}}
        open_ = [at for at, one in enumerate(entries) if _is_state(one) and not _ended(one)]
        at = open_[0] if open_ else 0
        entries = [one for place, one in enumerate(entries) if place not in open_]
        entries.insert(at, entry)
    return made | ({"progressStatus": entries} if entries else {})


def _known(entries: Any) -> str | None:
    """The R4 code of the latest state that has one: those that go on come before those that ended."""
    states = [one for one in entries if _is_state(one)]
    ordered = sorted((one for one in states if not _ended(one)), key=lambda one: _moment(one, "start"), reverse=True)
    ordered += sorted((one for one in states if _ended(one)), key=lambda one: _moment(one, "end"), reverse=True)
    return next((_DOWN[code] for one in ordered if (code := _code(one)) in _DOWN), None)


def _is_state(entry: Node) -> bool:
    return _code(entry) != OVERALL and entry.get("actual") is not False


def _ended(entry: Node) -> bool:
    return "end" in entry.get("period", {})


def _moment(entry: Node, edge: str) -> float:
    text = entry.get("period", {}).get(edge)
    try:
        return interval(text).low.timestamp() if isinstance(text, str) else float("-inf")
    except (BadRequest, OverflowError, ValueError):
        return float("-inf")


def _code(entry: Node) -> str:
    for coding in entry.get("state", {}).get("coding", ()):
        if coding.get("system", STATUS) == STATUS and isinstance(coding.get("code"), str):
            return str(coding["code"])
    return ""
