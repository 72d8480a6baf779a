"""A request as it goes over the wire, and what is wrong with an answer to it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import httpx
from lxml import etree

FORMATS = frozenset({"application/fhir+json", "application/fhir+xml"})
_XHTML = "{http://hl7.org/fhir}"


@dataclass(frozen=True)
class Ask:
    """One request; `path` holds the query, `why` says who made it."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    why: str = ""

    def curl(self, base: str) -> str:
        """A command that sends it."""
        parts = ["curl", "-i", "-X", self.method, base + self.path]
        for name, value in self.headers.items():
            parts += ["-H", f"{name}: {value}"]
        if self.body is not None:
            parts += ["--data-binary", self.body.decode("utf-8", "backslashreplace")]
        return shlex.join(parts)


def complaints(ask: Ask, answer: httpx.Response) -> list[str]:
    """What an answer must not be, whatever was asked."""
    found = []
    if answer.status_code >= 500:
        found.append(f"status {answer.status_code}")
    if "x-request-id" not in answer.headers:
        found.append("no X-Request-Id")
    if ask.method == "HEAD" or answer.status_code in (204, 304):
        return found + ([f"a body with {answer.status_code}"] if answer.content else [])
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code >= 400:
        return found + _no_outcome(kind, answer.content)
    elsewhere = not ask.path.startswith(("/r5", "/r4", "/fhir")) or "Binary" in ask.path
    if answer.content and kind not in FORMATS and not elsewhere and not _named(ask, kind):
        found.append(f"content type {kind!r}")
    return found


def _named(ask: Ask, kind: str) -> bool:
    """Whether a client asked for JSON or XML by another of its names."""
    asked = ask.headers.get("Accept", "") + ask.headers.get("accept", "") + unquote_plus(ask.path.partition("?")[2])
    return bool(kind) and kind in asked.replace(" ", "+")


def _no_outcome(kind: str, body: bytes) -> list[str]:
    """Why a refusal's body is no OperationOutcome that helps."""
    try:
        issues = _xml_issues(body) if "xml" in kind else _json_issues(body)
    except (ValueError, KeyError, TypeError, etree.XMLSyntaxError) as error:
        return [f"a refusal as {kind!r} that is no OperationOutcome ({type(error).__name__})"]
    if not issues:
        return ["a refusal without issues"]
    return [
        f"an issue without {name}"
        for issue in issues
        for name in ("severity", "code", "diagnostics")
        if not issue.get(name)
    ]


def _json_issues(body: bytes) -> list[dict[str, Any]]:
    found = json.loads(body)
    if found["resourceType"] != "OperationOutcome":
        raise ValueError(found["resourceType"])
    return list(found["issue"])


def _xml_issues(body: bytes) -> list[dict[str, Any]]:
    root = etree.fromstring(body)
    if root.tag != f"{_XHTML}OperationOutcome":
        raise ValueError(root.tag)
    return [
        {child.tag.removeprefix(_XHTML): child.get("value") for child in issue} for issue in root.iter(f"{_XHTML}issue")
    ]
