"""Subscription: R4's criteria and channel are R5's topic, filters, end point and parameters.

https://hl7.org/fhir/R5/subscription.html, https://hl7.org/fhir/R4/subscription.html. A topic is R4's criteria; criteria
that are a search are filters of R5 without a topic.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from fhirserver.releases.forms import moved
from fhirserver.releases.parts import Coded, Node, Reshaped, Rules, Walk
from fhirserver.resources.registry import codes

_CHANNELS = "http://terminology.hl7.org/CodeSystem/subscription-channel-type"
_TYPES = codes("R4", "http://hl7.org/fhir/ValueSet/subscription-channel-type") or frozenset()
_PLAIN = "rest-hook"
"""The channel of R4 for one that it does not know; it demands one of its own."""
_CRITERIA = re.compile(r"([A-Z][A-Za-z]+)\?(.+)")
_PROFILES = "http://hl7.org/fhir/StructureDefinition/"


def _criteria(form: Node, _old: Node, walk: Walk) -> Node:
    if "topic" in form:
        return moved(form, "topic", "criteria", walk)
    filters = [one for one in form.get("filterBy", ()) if "filterParameter" in one and "value" in one]
    types = {str(one.get("resourceType", "")).removeprefix(_PROFILES) for one in filters}
    terms = [
        f"{one['filterParameter']}{':' + one['modifier'] if 'modifier' in one else ''}"
        f"={one.get('comparator', '')}{one['value']}"
        for one in filters
    ]
    return {"criteria": f"{types.pop()}?{'&'.join(terms)}"} if len(types) == 1 else {}


def _topic(form: Node, _old: Node, walk: Walk) -> Node:
    criteria = form.get("criteria")
    found = _CRITERIA.fullmatch(criteria) if isinstance(criteria, str) else None
    if found is None:
        is_address = isinstance(criteria, str) and ":" in criteria and not any(map(str.isspace, criteria))
        return moved(form, "criteria", "topic", walk) if is_address else {}
    return {"filterBy": [_filter(found[1], *term.partition("=")[::2]) for term in found[2].split("&")]}


def _filter(type_: str, name: str, value: str) -> Node:
    return {"resourceType": _PROFILES + type_, "filterParameter": name, "value": value}


def _channel(form: Node, _old: Node, walk: Walk) -> Node:
    type_ = form.get("channelType", {}).get("code")
    made: Node = {"type": type_ if type_ in _TYPES else _PLAIN}
    made |= moved(form, "endpoint", "endpoint", walk) | moved(form, "contentType", "payload", walk)
    headers = [
        f"{one['name']}: {one['value']}" for one in form.get("parameter", ()) if "name" in one and "value" in one
    ]
    return {"channel": made | ({"header": headers} if headers else {})}


def _sent(form: Node, _old: Node, walk: Walk) -> Node:
    channel = form.get("channel", {})
    made: Node = {"channelType": {"system": _CHANNELS, "code": channel["type"]}} if "type" in channel else {}
    made |= moved(channel, "endpoint", "endpoint", walk) | moved(channel, "payload", "contentType", walk)
    headers: list[Any] = [one.partition(": ") for one in channel.get("header", ()) if one is not None]
    if headers and all(name and value for name, _, value in headers):
        made["parameter"] = [{"name": name, "value": value} for name, _, value in headers]
    return made


RULES: Rules = MappingProxyType(
    {
        "Subscription": (
            Coded("status", "status", MappingProxyType({"entered-in-error": "off"}), MappingProxyType({})),
            Reshaped(("topic", "filterBy"), ("criteria",), _criteria, _topic),
            Reshaped(("channelType", "endpoint", "contentType", "parameter"), ("channel",), _channel, _sent),
        ),
    }
)
