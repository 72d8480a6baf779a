"""AuditEvent: what happened, how it ended and who took part are said in other words in R5.

https://hl7.org/fhir/R5/auditevent.html, https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.forms import first_coding, moved
from fhirserver.releases.parts import Node, Renamed, Reshaped, Rules, Walk

_OUTCOMES = "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
_SEVERITIES = MappingProxyType(
    {"success": "0", "information": "0", "informational": "0", "warning": "4", "error": "8", "fatal": "12"}
)
_URI = "5"
"""R4's code for an address that is a URI."""


def _typed(form: Node, _old: Node, walk: Walk) -> Node:
    """R4's type is R5's category and its subtype R5's code; without a category the code is the type."""
    category = first_coding(form.get("category", ()), walk)
    code = first_coding([form["code"]] if "code" in form else (), walk)
    if category is None:
        return {} if code is None else {"type": code}
    return {"type": category} | ({} if code is None else {"subtype": [code]})


def _coded(form: Node, _old: Node, walk: Walk) -> Node:
    concepts = [{"coding": [walk("Coding", one)]} for one in [*form.get("subtype", ())][:1]]
    category = [{"coding": [walk("Coding", form["type"])]}] if "type" in form else []
    if not concepts:
        return {"code": category[0]} if category else {}
    return ({"category": category} if category else {}) | {"code": concepts[0]}


def _outcome(form: Node, _old: Node, walk: Walk) -> Node:
    outcome = form.get("outcome", {})
    code = outcome.get("code", {}).get("code")
    made: Node = {}
    if isinstance(code, str) and (found := _SEVERITIES.get(code, code)) in _SEVERITIES.values():
        made["outcome"] = found
    for detail in outcome.get("detail", ())[:1]:
        made |= moved(detail, "text", "outcomeDesc", walk)
    return made


def _ended(form: Node, old: Node, walk: Walk) -> Node:
    """What R4 says of the end; a description alone is of an end that is not known."""
    made: Node = {}
    if "outcome" in form:
        made["code"] = {"system": _OUTCOMES, "code": form["outcome"]}
    if detail := moved(form, "outcomeDesc", "text", walk):
        made["detail"] = [detail, *old.get("outcome", {}).get("detail", ())[1:]]
    return {"outcome": made} if "code" in made else {}


def _who(form: Node, _old: Node, walk: Walk) -> Node:
    return {"who": walk("Reference", form["who"])} if "who" in form else {}


def _somebody(form: Node, _old: Node, walk: Walk) -> Node:
    """R5 demands who it was: without a reference, the name and the user's id at hand."""
    if "who" in form:
        return {"who": walk("Reference", form["who"])}
    made: Node = {"identifier": {"value": form["altId"]}} if "altId" in form else {}
    made |= {"display": form["name"]} if "name" in form else {}
    return {"who": made} if made else {}


def _network(form: Node, _old: Node, walk: Walk) -> Node:
    if "networkReference" in form:
        return {}
    uri = moved(form, "networkUri", "address", walk)
    found = uri | ({"type": _URI} if uri else {}) or moved(form, "networkString", "address", walk)
    return {"network": found} if found else {}


def _addressed(form: Node, _old: Node, walk: Walk) -> Node:
    network = form.get("network", {})
    is_uri = network.get("type") == _URI and not any(map(str.isspace, network.get("address", "")))
    return moved(network, "address", "networkUri" if is_uri else "networkString", walk)


RULES: Rules = MappingProxyType(
    {
        "AuditEvent": (
            Reshaped(("category", "code"), ("type", "subtype"), _typed, _coded),
            Reshaped(("outcome",), ("outcome", "outcomeDesc"), _outcome, _ended),
            Renamed("occurredPeriod", "period"),
            Renamed("authorization", "purposeOfEvent"),
        ),
        "AuditEvent.agent": (
            Reshaped(("who",), ("who", "altId", "name"), _who, _somebody),
            Reshaped(("networkReference", "networkUri", "networkString"), ("network",), _network, _addressed),
            Renamed("authorization", "purposeOfUse"),
        ),
    }
)
