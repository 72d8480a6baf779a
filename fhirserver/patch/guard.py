"""What no patch may do to a resource, and what becomes of a narrative that the patch left behind.

https://hl7.org/fhir/R5/http.html#patch, https://hl7.org/fhir/R5/narrative.html#Narrative.status
"""

from __future__ import annotations

from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import Issue, NotSupported, Unprocessable
from fhirserver.fhirjson import Resource

UNPATCHED = frozenset({"Binary"})
"""Types for which the specification does not say what a patch means, https://hl7.org/fhir/R5/binary.html#patch."""

_APART = frozenset({"resourceType", "id", "meta", "text"})
"""What a narrative does not tell."""


def guarded(before: Resource, after: Any) -> Resource:
    """The patched resource, without a narrative that told the old content; Unprocessable when it is another resource.

    Versions and their times are the server's. An author's narrative ('additional') says more than the data do: it is
    not taken away, so the patch has to bring a new one.
    """
    kind = str(before.get("resourceType"))
    if kind in UNPATCHED:
        raise NotSupported(f"What a patch does to a {kind} is not specified: send the new one by PUT.", expression=kind)
    if not isinstance(after, dict):
        raise Unprocessable("The patch leaves no resource: use DELETE to delete it.", expression=kind)
    for name in ("resourceType", "id"):
        if after.get(name) != before.get(name):
            raise Unprocessable(
                f"The patch changes '{name}', which is fixed: leave it as it is.", expression=f"{kind}.{name}"
            )
    _same_version(kind, before.get("meta"), after.get("meta"))
    fhirjson.check_depth(after)
    if not _outdated(before, after):
        return after
    if _status(before) == "additional":
        raise Unprocessable(
            "The narrative was written by hand and may not fit what the patch makes of the resource: replace 'text' "
            "in the same patch.",
            expression=f"{kind}.text",
            code="business-rule",
        )
    return {name: value for name, value in after.items() if name != "text"}


def notes(before: Resource, after: Resource) -> tuple[Issue, ...]:
    """What is to be said of a patch that was done."""
    if "text" not in before or "text" in after or not _outdated(before, {**after, "text": before["text"]}):
        return ()
    said = "The narrative told the content before the patch and was taken out: send a new 'text' with the next change."
    return (Issue("warning", "informational", said, (f"{before.get('resourceType')}.text",)),)


def _same_version(kind: str, before: Any, after: Any) -> None:
    if not isinstance(after, dict):
        return
    known = before if isinstance(before, dict) else {}
    for name in ("versionId", "lastUpdated"):
        if name in after and after[name] != known.get(name):
            raise Unprocessable(
                f"The patch changes 'meta.{name}', which the server sets: leave it out.",
                expression=f"{kind}.meta.{name}",
            )


def _outdated(before: Resource, after: Resource) -> bool:
    """Whether the narrative stayed while what it tells changed."""
    text = before.get("text")
    if text is None or _status(before) == "empty" or after.get("text") != text:
        return False
    return _told(before) != _told(after)


def _told(resource: Resource) -> bytes:
    return fhirjson.canonical({name: value for name, value in resource.items() if name not in _APART})


def _status(resource: Resource) -> Any:
    text = resource.get("text")
    return text.get("status") if isinstance(text, dict) else None
