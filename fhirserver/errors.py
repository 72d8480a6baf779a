"""The closed set of refusals a client can meet, each with its HTTP status and issue code.

https://hl7.org/fhir/R5/http.html#Status-Codes and https://hl7.org/fhir/R5/valueset-issue-type.html

    FhirError
    ├── Malformed             the body is no JSON, or no FHIR resource
    ├── BadRequest            a parameter, header or reference cannot be understood
    │   └── NotSupported      it is understood, but this server does not do it
    ├── Unauthenticated       who is asking?
    ├── Forbidden             not with these rights
    ├── NotFound              no such resource, version, type or operation
    ├── Gone                  it was deleted
    ├── MethodNotAllowed      not with this HTTP method
    ├── NotAcceptable         no representation that the client accepts
    ├── Conflict              the state of the store does not allow it now
    │   ├── Duplicate         it exists already
    │   └── RuleConflict      a research rule refuses it in the present state
    ├── PreconditionFailed    If-Match or a conditional criterion does not hold
    ├── TooLarge              over a limit of size or number
    ├── UnsupportedMediaType  a body in a format that is not read
    ├── Unprocessable         a resource that breaks the specification's rules
    │   └── RuleViolation     a resource that breaks a rule of research
    ├── TooCostly             the answer would take too much
    ├── Throttled             too many requests at once
    └── Unavailable           the store cannot be reached now
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue: `expression` holds FHIRPaths, `diagnostics` a sentence with the remedy.

    `details` is a short stable code of our own for programs (the name of a rule, say), rendered as details.text.
    """

    severity: Severity
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()
    details: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """HTTP status and the default issue code (https://hl7.org/fhir/R5/valueset-issue-type.html)."""

    status: int
    code: str


class FhirError(Exception):
    """A refusal with one or more issues; `headers` go out with the answer."""

    kind: ClassVar[Kind] = Kind(500, "exception")

    def __init__(
        self,
        diagnostics: str | Iterable[Issue],
        *,
        expression: str | Iterable[str] = (),
        code: str | None = None,
        details: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        if isinstance(diagnostics, str):
            where = (expression,) if isinstance(expression, str) else tuple(expression)
            issues: tuple[Issue, ...] = (Issue("error", code or self.kind.code, diagnostics, where, details),)
        else:
            issues = tuple(diagnostics)
        self.issues = issues
        self.headers = headers or {}
        super().__init__("; ".join(issue.diagnostics for issue in issues))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    def at(self, prefix: str) -> Self:
        """The same refusal with every expression below `prefix` (the entry of a Bundle, say)."""
        moved = (
            Issue(
                i.severity,
                i.code,
                i.diagnostics,
                tuple(f"{prefix}.{e}" for e in i.expression) or (prefix,),
                i.details,
            )
            for i in self.issues
        )
        return type(self)(moved, headers=self.headers)


class Malformed(FhirError):
    """The body is no JSON, or no FHIR resource."""

    kind = Kind(400, "structure")


class BadRequest(FhirError):
    """A parameter, header or reference cannot be understood."""

    kind = Kind(400, "invalid")


class NotSupported(BadRequest):
    """Understood, but this server does not do it."""

    kind = Kind(400, "not-supported")


class Unauthenticated(FhirError):
    """Who is asking?"""

    kind = Kind(401, "login")


class Forbidden(FhirError):
    """Not with these rights."""

    kind = Kind(403, "forbidden")


class NotFound(FhirError):
    """No such resource, version, type or operation."""

    kind = Kind(404, "not-found")


class Gone(FhirError):
    """It was deleted."""

    kind = Kind(410, "deleted")


class MethodNotAllowed(FhirError):
    """Not with this HTTP method."""

    kind = Kind(405, "not-supported")


class NotAcceptable(FhirError):
    """No representation that the client accepts."""

    kind = Kind(406, "not-supported")


class Conflict(FhirError):
    """The state of the store does not allow it now."""

    kind = Kind(409, "conflict")


class Duplicate(Conflict):
    """It exists already."""

    kind = Kind(409, "duplicate")


class RuleConflict(Conflict):
    """A research rule refuses it in the present state."""

    kind = Kind(409, "business-rule")


class PreconditionFailed(FhirError):
    """If-Match or a conditional criterion does not hold."""

    kind = Kind(412, "conflict")


class TooLarge(FhirError):
    """Over a limit of size or number."""

    kind = Kind(413, "too-long")


class UnsupportedMediaType(FhirError):
    """A body in a format that is not read."""

    kind = Kind(415, "not-supported")


class Unprocessable(FhirError):
    """A resource that breaks the specification's rules."""

    kind = Kind(422, "invalid")


class RuleViolation(Unprocessable):
    """A resource that breaks a rule of research."""

    kind = Kind(422, "business-rule")


class TooCostly(FhirError):
    """The answer would take too much."""

    kind = Kind(422, "too-costly")


class Throttled(FhirError):
    """Too many requests at once."""

    kind = Kind(429, "throttled")


class Unavailable(FhirError):
    """The store cannot be reached now."""

    kind = Kind(503, "transient")


class StartupError(Exception):
    """The server or a command cannot start: one sentence for a human, saying what to do."""
