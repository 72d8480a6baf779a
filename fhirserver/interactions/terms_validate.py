"""ValueSet/$validate-code and CodeSystem/$validate-code: whether a code is right.

https://hl7.org/fhir/R5/valueset-operation-validate-code.html,
https://hl7.org/fhir/R5/codesystem-operation-validate-code.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Resource
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server
from fhirserver.interactions.terms_expand import DISPLAY_LANGUAGE, SUPPLEMENT, VALUE_SET
from fhirserver.interactions.terms_given import GivenValueSet, codesystem, supplements, valueset
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.operation_outcome import outcome
from fhirserver.terminology.contents import Versions
from fhirserver.terminology.needs import Need
from fhirserver.terminology.validate import Ask, Verdict, by_system, by_valueset, settled

Coding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The codings of a request, each with its place; `concept` is the CodeableConcept that they are of."""

    codings: Sequence[tuple[str, Coding]]
    concept: Coding | None = None


async def _in_valueset(server: Server, call: Call, given: Arguments) -> Answer:
    asked = _asked(given, "systemVersion")
    if given.one("code") is not None and given.one("system") is None:
        raise BadRequest("A code is of a system: give the parameter system.", expression="system", code="required")
    also: list[Need] = [("CodeSystem", canonical) for canonical in given.all("useSupplement")]
    for _, coding in asked.codings:
        if isinstance(system := coding.get("system"), str):
            also += [("CodeSystem", system), ("Supplement", system)]
    found = await valueset(server, call, given, also=also)
    ask = _ask(given, supplements=supplements(found.contents, given, found.resource))
    verdicts = [await _judged(server, call, given, found, at, coding, ask) for at, coding in asked.codings]
    return _answer(asked, settled(verdicts))


async def _judged(
    server: Server, call: Call, given: Arguments, found: GivenValueSet, at: str, coding: Coding, ask: Ask
) -> Verdict:
    """The verdict on a coding, whose version counts where the value set names none."""
    system, version = coding.get("system"), coding.get("version")
    versions = Versions()
    if isinstance(system, str) and isinstance(version, str):
        versions = Versions(default={system: version})
        found = await valueset(server, call, given, versions)
    return by_valueset(found.contents, await found.members(versions), found.what, ask)(coding, at)


async def _in_codesystem(server: Server, call: Call, given: Arguments) -> Answer:
    asked = _asked(given, "version")
    url, where = given.one("url"), given.where("url")
    there = [name for name in ("url", "codeSystem") if given.all(name)]
    if call.id is not None and there:
        raise BadRequest(
            f"'{there[0]}' is for a call on CodeSystem: CodeSystem/{call.id} is what is asked here.",
            expression=given.where(there[0]),
        )
    if len(there) > 1:
        raise BadRequest("Give url or codeSystem, not both.", expression=given.where("codeSystem"))
    systems = {coding["system"] for _, coding in asked.codings if isinstance(coding.get("system"), str)}
    if url is None and call.id is None and not there and len(systems) == 1:
        url, where = systems.pop(), asked.codings[0][0]
    known, system = await codesystem(server, call, given, url, given.one("version"), where)
    judge = by_system(known, system, _ask(given, supplements=()))
    return _answer(asked, settled([judge(coding, at) for at, coding in asked.codings]))


def _ask(given: Arguments, **more: Any) -> Ask:
    return replace(Ask(abstract=given.one("abstract", True), language=given.one("displayLanguage")), **more)


def _asked(given: Arguments, version: str) -> _Asked:
    """What is to be judged: code, coding or codeableConcept, one of them."""
    there = [name for name in ("code", "coding", "codeableConcept") if given.all(name)]
    if len(there) != 1:
        raise BadRequest(
            "Give one of the parameters code, coding and codeableConcept.",
            expression=given.where(there[1]) if there else "Parameters.parameter",
            code="invalid" if there else "required",
        )
    if there != ["code"]:
        for name in ("display", "system", version):
            if given.all(name):
                raise BadRequest(f"'{name}' goes with code: a {there[0]} has its own.", expression=given.where(name))
    if there == ["coding"]:
        return _Asked((("Coding", given.one("coding")),))
    if there == ["codeableConcept"]:
        concept = given.one("codeableConcept")
        rows = concept.get("coding", ())
        if not rows:
            raise BadRequest(
                "The codeableConcept has no coding to judge: give one.", expression=given.where("codeableConcept")
            )
        return _Asked(tuple((f"CodeableConcept.coding[{at}]", row) for at, row in enumerate(rows)), concept)
    names = {"code": "code", "system": "system", "display": "display", version: "version"}
    return _Asked((("", {own: given.one(name) for name, own in names.items() if given.all(name)}),))


def _answer(asked: _Asked, verdicts: Sequence[Verdict]) -> Answer:
    """The out parameters."""
    ok = any(verdict.ok for verdict in verdicts)
    told = next((verdict for verdict in verdicts if verdict.ok), verdicts[0])
    # What is wrong with one coding is no error of a concept that another one makes right.
    issues = [
        replace(issue, severity="warning") if ok and issue.severity == "error" else issue
        for verdict in verdicts
        for issue in verdict.issues
    ]
    rows: list[Resource] = [{"name": "result", "valueBoolean": ok}]
    if issues:
        rows.append({"name": "message", "valueString": " ".join(issue.diagnostics for issue in issues)})
    if told.display is not None:
        rows.append({"name": "display", "valueString": told.display})
    rows += _coded(told)
    if asked.concept is not None:
        rows.append({"name": "codeableConcept", "valueCodeableConcept": asked.concept})
    if issues:
        rows.append({"name": "issues", "resource": outcome(issues)})
    return Answer({"resourceType": "Parameters", "parameter": rows})


def _coded(verdict: Verdict) -> list[Resource]:
    rows: list[Resource] = []
    code = verdict.entry.code if verdict.entry is not None else verdict.coding.get("code")
    system = verdict.entry.url if verdict.entry is not None else verdict.coding.get("system")
    version = verdict.entry.version if verdict.entry is not None else verdict.coding.get("version")
    if isinstance(code, str):
        rows.append({"name": "code", "valueCode": code})
    if isinstance(system, str):
        rows.append({"name": "system", "valueUri": system})
    if isinstance(version, str):
        rows.append({"name": "version", "valueString": version})
    return rows


_CODING = Parameter("coding", "Coding", "A Coding to judge.")
_CONCEPT = Parameter("codeableConcept", "CodeableConcept", "A concept to judge; one right coding makes it right.")
_DISPLAY = Parameter(
    "display", "string", "Words for the code, which have to be some that it has; case does not matter."
)
_ABSTRACT = Parameter("abstract", "boolean", "false: a code that only groups others is not right.")

_OUT = (
    Parameter("result", "boolean", "Whether it is right.", min=1),
    Parameter("message", "string", "What is wrong with it, or what there is to say all the same."),
    Parameter("display", "string", "What to show for the code."),
    Parameter("code", "code", "The code, as its code system writes it.", only="R5"),
    Parameter("system", "uri", "The system of the code.", only="R5"),
    Parameter("version", "string", "The version of the system.", only="R5"),
    Parameter("codeableConcept", "CodeableConcept", "The concept that was judged.", only="R5"),
    Parameter("issues", "OperationOutcome", "What message says, each with its place.", only="R5"),
)
_RETURNS = Parameter("return", "Parameters", "Whether the code is right, and what there is to say of it.", min=1)

VALIDATE_IN_VALUE_SET = Operation(
    code="validate-code",
    title="Whether a code is in a value set",
    description=(
        "Judges a code, a Coding or a concept by a value set and by the code systems that are stored. What cannot be "
        "told from them is refused with 422 and what to store, never answered by false."
    ),
    handler=_in_valueset,
    levels=("type", "instance"),
    types=("ValueSet",),
    parameters=(
        *VALUE_SET,
        Parameter("code", "code", "A code to judge; its system has to be given too."),
        Parameter("system", "uri", "The system of the code."),
        Parameter("systemVersion", "string", "The version of the system."),
        _DISPLAY,
        _CODING,
        _CONCEPT,
        _ABSTRACT,
        DISPLAY_LANGUAGE,
        SUPPLEMENT,
    ),
    returns=_RETURNS,
    out=_OUT,
    affects_state=False,
    standard="ValueSet-validate-code",
)

VALIDATE_IN_CODE_SYSTEM = Operation(
    code="validate-code",
    title="Whether a code is in a code system",
    description=(
        "Judges a code, a Coding or a concept by a code system that is stored. Of a system that is stored in part, a "
        "code that is not there is refused with 422, never answered by false."
    ),
    handler=_in_codesystem,
    levels=("type", "instance"),
    types=("CodeSystem",),
    parameters=(
        Parameter("url", "uri", "The URL of the code system; not on an instance."),
        Parameter("codeSystem", "CodeSystem", "The code system itself; not on an instance."),
        Parameter("code", "code", "A code to judge."),
        Parameter("version", "string", "The version of the code system."),
        _DISPLAY,
        _CODING,
        _CONCEPT,
        _ABSTRACT,
        DISPLAY_LANGUAGE,
    ),
    returns=_RETURNS,
    out=_OUT,
    affects_state=False,
    standard="CodeSystem-validate-code",
)
