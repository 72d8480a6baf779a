"""CodeSystem/$lookup and CodeSystem/$subsumes: what is known of a concept, and how two relate.

https://hl7.org/fhir/R5/codesystem-operation-lookup.html, https://hl7.org/fhir/R5/codesystem-operation-subsumes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.errors import BadRequest, NotFound, Unprocessable
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server, shown
from fhirserver.interactions.terms_expand import DISPLAY_LANGUAGE, SUPPLEMENT
from fhirserver.interactions.terms_given import codesystem, supplements
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.terminology import hierarchy, lookup
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.reasons import Undecided, named


async def _lookup(server: Server, call: Call, given: Arguments) -> Answer:
    coding, where = _coding(given, "code", "coding")
    system, version = _system(given, coding)
    if system is None and call.id is None:
        raise BadRequest("A code is of a system: give the parameter system.", expression="system", code="required")
    known, found = await codesystem(server, call, given, system, version, given.where("system"))
    _fitting(call, found, system, version, where)
    concept = found.find(coding["code"])
    if concept is None:
        whole = "has no" if found.complete else f"is stored in part only (content: {found.content}), without the"
        said = f"'{named(found.url, found.version)}' {whole} code '{shown(coding['code'])}'."
        raise NotFound(said, expression=where)
    rows = lookup.parameters(
        known,
        found,
        concept,
        language=given.one("displayLanguage"),
        asked=given.all("property"),
        supplements=supplements(known, given),
    )
    return Answer({"resourceType": "Parameters", "parameter": rows})


async def _subsumes(server: Server, call: Call, given: Arguments) -> Answer:
    left, left_where = _coding(given, "codeA", "codingA")
    right, right_where = _coding(given, "codeB", "codingB")
    system, version = _system(given, left)
    other, _ = _system(given, right)
    if system is None and call.id is None:
        raise BadRequest(
            "Which code system is meant is not said: give the parameter system.", expression="system", code="required"
        )
    if other is not None and system is not None and other != system:
        raise Unprocessable(
            f"'{shown(system)}' and '{shown(other)}' are two code systems: how their codes relate is not known here.",
            expression=right_where,
            code="not-supported",
        )
    _, found = await codesystem(server, call, given, system, version, given.where("system"))
    for url, number, where in ((system, version, left_where), (other, right.get("version"), right_where)):
        _fitting(call, found, url, number, where)
    try:
        said = hierarchy.outcome(found, left["code"], right["code"])
    except Undecided as error:
        raise Unprocessable(error.reason.sentence, code=error.reason.code) from None
    return Answer({"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": said}]})


def _coding(given: Arguments, code: str, coding: str) -> tuple[Mapping[str, Any], str]:
    """The code that is asked about, with what its Coding says of the system, and where it stood."""
    there = [name for name in (code, coding) if given.all(name)]
    if len(there) != 1:
        raise BadRequest(
            f"Give one of the parameters {code} and {coding}.",
            expression=given.where(coding) if there else "Parameters.parameter",
            code="invalid" if there else "required",
        )
    if there == [code]:
        return {"code": given.one(code)}, given.where(code)
    found = given.one(coding)
    if not isinstance(found.get("code"), str):
        raise BadRequest(f"'{coding}' has no code: give it.", expression=given.where(coding), code="required")
    return found, given.where(coding)


def _system(given: Arguments, coding: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The system and version that are meant; BadRequest where they are named twice, and differ."""
    found: list[str | None] = []
    for name in ("system", "version"):
        asked, own = given.one(name), coding.get(name)
        if asked is not None and isinstance(own, str) and asked != own:
            raise BadRequest(
                f"'{name}' is '{shown(asked)}', and the Coding says '{shown(own)}': name one.",
                expression=given.where(name),
            )
        found.append(asked if asked is not None else own)
    return found[0], found[1]


def _fitting(call: Call, found: CodeSystem, system: str | None, version: str | None, where: str) -> None:
    """Refuses a code of another system than the one that is called."""
    base = system.partition("|")[0] if system is not None else found.url
    if base != found.url or version not in (None, found.version):
        asked = named(base, version)
        raise BadRequest(
            f"CodeSystem/{call.id} is '{named(found.url, found.version)}', and the code is of '{shown(asked)}'."
            if call.id is not None
            else f"The code is of '{shown(asked)}', and '{named(found.url, found.version)}' is asked.",
            expression=where,
        )


_PART = (
    Parameter("language", "code", "Its language."),
    Parameter("use", "Coding", "What it is used for."),
    Parameter("additionalUse", "Coding", "What else it is used for.", max=None, only="R5"),
    Parameter("value", "string", "The words.", min=1),
)

LOOKUP = Operation(
    code="lookup",
    title="What is known of a code",
    description=(
        "Tells the words and the properties of a code of a code system that is stored, its parents and children among "
        "them. Without the parameter property all is told."
    ),
    handler=_lookup,
    levels=("type", "instance"),
    types=("CodeSystem",),
    parameters=(
        Parameter("code", "code", "The code; its system has to be given too, or a CodeSystem be called."),
        Parameter("system", "uri", "The system of the code."),
        Parameter("version", "string", "The version of the system."),
        Parameter("coding", "Coding", "The code with its system."),
        DISPLAY_LANGUAGE,
        Parameter(
            "property",
            "code",
            "What is to be told: definition, designation, lang.X (words in a language), or a property.",
            max=None,
        ),
        SUPPLEMENT,
    ),
    returns=Parameter("return", "Parameters", "What is known of the code.", min=1),
    out=(
        Parameter("name", "string", "What the code system is called.", min=1),
        Parameter("version", "string", "Its version."),
        Parameter("display", "string", "What to show for the code; the code itself where there are no words.", min=1),
        Parameter("definition", "string", "What it means.", only="R5"),
        Parameter("designation", "", "Other words for it.", max=None, parts=_PART),
        Parameter(
            "property",
            "",
            "A property of it.",
            max=None,
            parts=(
                Parameter("code", "code", "Which one.", min=1),
                Parameter("value", "Element", "Its value."),
                Parameter("description", "string", "What to show for a value that is a code."),
                Parameter("source", "canonical", "The supplement that says so.", only="R5"),
            ),
        ),
    ),
    affects_state=False,
    standard="CodeSystem-lookup",
)

SUBSUMES = Operation(
    code="subsumes",
    title="How two codes relate",
    description=(
        "Tells whether one code of a code system that is stored subsumes the other. A hierarchy that is not said to be "
        "one of kinds (hierarchyMeaning is-a) tells nothing of that, and is refused."
    ),
    handler=_subsumes,
    levels=("type", "instance"),
    types=("CodeSystem",),
    parameters=(
        Parameter("codeA", "code", "The one code."),
        Parameter("codeB", "code", "The other code."),
        Parameter("system", "uri", "The system of the codes; not needed on an instance."),
        Parameter("version", "string", "The version of the system."),
        Parameter("codingA", "Coding", "The one code with its system."),
        Parameter("codingB", "Coding", "The other code with its system."),
    ),
    returns=Parameter("return", "Parameters", "How they relate.", min=1),
    out=(
        Parameter(
            "outcome",
            "code",
            "equivalent, subsumes (A is above B), subsumed-by or not-subsumed.",
            min=1,
            binding="http://hl7.org/fhir/ValueSet/concept-subsumption-outcome",
        ),
    ),
    affects_state=False,
    standard="CodeSystem-subsumes",
    whole=True,
)
