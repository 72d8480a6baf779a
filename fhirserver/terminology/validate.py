"""$validate-code: whether a code, a Coding or one of a concept's codings belongs to a value set or a code system.

https://hl7.org/fhir/R5/valueset-operation-validate-code.html,
https://hl7.org/fhir/R5/codesystem-operation-validate-code.html. What cannot be told is an error, never a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import Issue, Unprocessable
from fhirserver.terminology import words
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.members import Entry, Members
from fhirserver.terminology.reasons import Reason, named


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be regarded: whether a code that only groups others is right, and in which language words are."""

    abstract: bool = True
    language: str | None = None
    supplements: tuple[CodeSystem, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one Coding; `entry` is its concept where that was found, `unknown` why nothing can be said."""

    ok: bool
    coding: Mapping[str, Any]
    entry: Entry | None = None
    display: str | None = None
    issues: tuple[Issue, ...] = ()
    unknown: tuple[Reason, ...] = ()


Judge = Callable[[Mapping[str, Any], str], Verdict]
"""Judges a Coding that stands at a place, such as 'CodeableConcept.coding[0]'; '' for a code by itself."""


def by_valueset(contents: Contents, members: Members, what: str, ask: Ask) -> Judge:
    """Judges by a value set; `what` names it."""

    def judge(coding: Mapping[str, Any], at: str) -> Verdict:
        system, code, version = coding.get("system"), coding.get("code"), coding.get("version")
        if not isinstance(code, str) or not isinstance(system, str):
            missing = "code" if not isinstance(code, str) else "system"
            return _no(coding, "invalid-data", "invalid", f"A coding needs a {missing} to be judged: give it.", at)
        entry = members.find(system, code)
        if entry is None:
            if members.may_have(system):
                return Verdict(False, coding, unknown=members.reasons)
            loaded = contents.codesystem(system)
            if loaded is not None and loaded.complete and loaded.find(code) is None:
                said = f"The code system '{named(system, loaded.version)}' has no code '{code}'."
                return _no(coding, "invalid-code", "code-invalid", said, _code(at))
            said = f"'{code}' of '{system}' is not in the value set '{what}'."
            return _no(coding, "not-in-vs", "code-invalid", said, _code(at))
        if isinstance(version, str) and entry.version is not None and version != entry.version:
            said = f"'{code}' is of version {version} of '{system}', and '{what}' takes version {entry.version}."
            return _no(coding, "version", "invalid", said, f"{at}.version" if at else "systemVersion", entry)
        return _judged(coding, at, entry, ask, contents)

    return judge


def by_system(contents: Contents, system: CodeSystem, ask: Ask) -> Judge:
    """Judges by a code system."""
    said_of = named(system.url, system.version)

    def judge(coding: Mapping[str, Any], at: str) -> Verdict:
        url, code, version = coding.get("system", system.url), coding.get("code"), coding.get("version")
        if not isinstance(code, str):
            return _no(coding, "invalid-data", "invalid", "A coding needs a code to be judged: give it.", at)
        if url != system.url:
            said = f"'{url}' is not the code system '{said_of}' that is asked for."
            return _no(coding, "invalid-data", "invalid", said, f"{at}.system" if at else "system")
        if isinstance(version, str) and system.version is not None and version != system.version:
            said = f"'{code}' is of version {version}, and '{said_of}' is what is judged by."
            return _no(coding, "version", "invalid", said, f"{at}.version" if at else "version")
        concept = system.find(code)
        if concept is None and not system.complete:
            said = f"'{said_of}' is loaded in part only (content: {system.content}), without '{code}': load all of it."
            return Verdict(False, coding, unknown=(Reason("not-found", said),))
        if concept is None:
            said = f"The code system '{said_of}' has no code '{code}'."
            return _no(coding, "invalid-code", "code-invalid", said, _code(at))
        entry = Entry(system.url, system.version, concept.code, {}, system, concept)
        return _judged(coding, at, entry, ask, contents)

    return judge


def _judged(coding: Mapping[str, Any], at: str, entry: Entry, ask: Ask, contents: Contents) -> Verdict:
    """What is said of a code that belongs: of its words, of its use."""
    supplements = list(ask.supplements)
    if entry.system is not None:
        supplements += [each for each in contents.supplements(entry.system) if each not in supplements]
    shown = words.display(entry, ask.language, supplements if ask.language else ask.supplements)
    if entry.abstract and not ask.abstract:
        said = f"'{entry.code}' only groups other codes and is not to be used itself: take one of those."
        return _no(coding, "abstract", "business-rule", said, _code(at), entry, shown)
    issues = []
    if entry.inactive:
        said = f"'{entry.code}' is not active any more."
        issues.append(Issue("warning", "business-rule", said, (_code(at),), "code-comment"))
    given = coding.get("display")
    if isinstance(given, str):
        known = words.spellings(entry, supplements)
        if known and words.plain(given) not in {words.plain(each) for each in known}:
            few = ", ".join(f"'{each}'" for each in known[:5])
            said = f"'{given}' does not stand for '{entry.code}': write {few}."
            where = f"{at}.display" if at else "display"
            return _no(coding, "invalid-display", "invalid", said, where, entry, shown)
    return Verdict(True, coding, entry, shown, tuple(issues))


def _code(at: str) -> str:
    return f"{at}.code" if at else "code"


def _no(
    coding: Mapping[str, Any],
    details: str,
    code: str,
    sentence: str,
    at: str,
    entry: Entry | None = None,
    display: str | None = None,
) -> Verdict:
    return Verdict(False, coding, entry, display, (Issue("error", code, sentence, (at,) if at else (), details),))


def concept(judge: Judge, codings: Sequence[Mapping[str, Any]], at: str) -> list[Verdict]:
    """The verdicts of all codings of a concept; Unprocessable when none is right and one cannot be told."""
    return settled([judge(coding, f"{at}.coding[{number}]") for number, coding in enumerate(codings)])


def settled(verdicts: list[Verdict]) -> list[Verdict]:
    """The same verdicts; Unprocessable where they say neither yes nor no."""
    if not any(verdict.ok for verdict in verdicts):
        reasons = dict.fromkeys(reason for verdict in verdicts for reason in verdict.unknown)
        if reasons:
            raise Unprocessable(
                Issue("error", reason.code, f"Whether the code belongs cannot be told: {reason.sentence}")
                for reason in reasons
            )
    return verdicts
