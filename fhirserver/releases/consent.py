"""Consent: R5 tells who grants, receives and enforces; the base rule and its exceptions stand beside each other there.

https://hl7.org/fhir/R5/consent.html, https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.crossing import ABSENT
from fhirserver.releases.forms import moved
from fhirserver.releases.parts import Coded, Node, Renamed, Reshaped, Rules, Walk
from fhirserver.releases.values import same

_RESOURCE_TYPES = ("http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types")
_NO_RULE: Node = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
_PROVISION = "Consent.provision"


def _moment(form: Node, _old: Node, walk: Walk) -> Node:
    return moved(form, "date", "dateTime", walk)


def _day(form: Node, _old: Node, walk: Walk) -> Node:
    """R5 dates a consent by the day."""
    made = moved(form, "dateTime", "date", walk)
    return made | ({"date": made["date"][:10]} if "date" in made else {})


def _policies(form: Node, _old: Node, walk: Walk) -> Node:
    """R4 demands a policy or a rule."""
    basis = form.get("regulatoryBasis", ())
    address = moved(form.get("policyBasis", {}), "url", "uri", walk)
    made: Node = {"policyRule": walk("CodeableConcept", basis[0])} if basis else {}
    made |= {"policy": [address]} if address else {}
    return made or {"policyRule": _NO_RULE}


def _bases(form: Node, old: Node, walk: Walk) -> Node:
    made: Node = {}
    rule = form.get("policyRule")
    if rule is not None and not same(rule, _NO_RULE):
        made["regulatoryBasis"] = [walk("CodeableConcept", rule), *old.get("regulatoryBasis", ())[1:]]
    for policy in form.get("policy", ())[:1]:
        if address := moved(policy, "uri", "url", walk):
            made["policyBasis"] = address
    return made


def _rooted(form: Node, _old: Node, walk: Walk) -> Node:
    """The base rule is the type of R4's one provision. An only provision is the rest of it, several are parts of it."""
    found = [walk(_PROVISION, one) for one in form.get("provision", ())]
    made = moved(form, "decision", "type", walk)
    made |= found[0] if len(found) == 1 else {"provision": found} if found else {}
    return {"provision": made} if made else {}


def _decided(form: Node, _old: Node, walk: Walk) -> Node:
    root = form.get("provision", {})
    made = moved(root, "type", "decision", walk)
    rest = walk(_PROVISION, {name: value for name, value in root.items() if name not in ("type", "_type")})
    if rest.keys() == {"provision"} and len(rest["provision"]) > 1:
        made["provision"] = rest["provision"]
    elif rest:
        made["provision"] = [rest]
    return made


def _classes(form: Node, _old: Node, walk: Walk) -> Node:
    found = [*form.get("documentType", ()), *form.get("resourceType", ())]
    return {"class": [walk("Coding", one) for one in found]} if found else {}


def _kinds(form: Node, _old: Node, walk: Walk) -> Node:
    """A class is a type of resource or of document; its code system tells."""
    found = [walk("Coding", one) for one in form.get("class", ())]
    made = {
        "documentType": [one for one in found if one.get("system") not in _RESOURCE_TYPES],
        "resourceType": [one for one in found if one.get("system") in _RESOURCE_TYPES],
    }
    return {name: value for name, value in made.items() if value}


RULES: Rules = MappingProxyType(
    {
        "Consent": (
            # What is not known must not read as consent.
            Coded(
                "status",
                "status",
                {"not-done": "rejected", "unknown": "inactive"},
                {"proposed": "draft", "rejected": "not-done"},
            ),
            Renamed("subject", "patient"),
            Renamed("grantor", "performer"),
            Renamed("controller", "organization"),
            Reshaped(("date",), ("dateTime",), _moment, _day),
            Reshaped(("policyBasis", "regulatoryBasis"), ("policy", "policyRule"), _policies, _bases, always=True),
            Reshaped(("decision", "provision"), ("provision",), _rooted, _decided),
        ),
        "Consent.provision": (Reshaped(("documentType", "resourceType"), ("class",), _classes, _kinds),),
    }
)
