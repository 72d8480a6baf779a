"""Headings and lead-ins of eligibility texts, in the languages that registries publish them in, and the side they mean.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# English, French, Spanish, Portuguese, Italian, German, Dutch, Scandinavian, Finnish, Baltic, Slavic, Hungarian,
# Romanian, Turkish, Greek.
_IN = (
    r"inclusions?|inclusionary|inclusión|inclusão|inclusione|inclusie\w*|inklu[sz]i\w+|inklusjon\w*|einschlu(?:ss|ß)\w*|"
    r"insluitings\w*|sisäänotto\w*|mukaanotto\w*|kaasamis\w*|iekļaušanas|įtraukimo|włączenia|zařazen\w*|zařazujíc\w*|"
    r"zaraďov\w*|zaraden\w*|začlenění|включения|включване|uključ\w*|vključit\w*|beválasztás\w*|bevonás\w*|includere|"
    r"dahil(?: edilme(?!me))?|ένταξης|εισαγωγής|εισδοχής"
)
_EX = (
    r"exclusions?|exclusionary|exclusión|exclusão|esclusione|exclusie\w*|e(?:x|ks)klu[sz]i\w+|eksklusjon\w*|"
    r"ausschlu(?:ss|ß)\w*|uitsluitings\w*|poissulku\w*|välistamis\w*|izslēgšanas|neįtraukimo|atmetimo|wyłączenia|"
    r"wykluczenia|vylouč\w*|vyluč\w*|vyřazen\w*|vylúč\w*|vyraďov\w*|исключения|невключения|изключване|isključ\w*|"
    r"izključit\w*|kizárás\w*|excludere|dahil edilmeme|dışlama\w*|dışlanma\w*|hariç|αποκλεισμού"
)
_CRITERIA = (
    r"criteri(?:a|on|ons|as|i|o|os)?|crit[eè]res?|critérios?|krit[eé]r\w*|kryteri\w*|критери\w*|κριτήρι\w*|"
    r"requirements|factors|rules"
)
_EASTERN = re.compile(
    r"(?P<in>纳入|納入|入选|入選|入组|入組|選択|選擇|适格|適格|선정|선택|포함)\s*(?:标准|標準|基準|기준)"
    r"|(?P<ex>排除|除外|剔除|제외)\s*(?:标准|標準|基準|기준)"
)
_SIDES = re.compile(rf"\b(?P<not>non?[- ]?)?(?:(?P<in>{_IN})|(?P<ex>{_EX}))(?!\w)", re.IGNORECASE)
_COMPOUND = re.compile(
    rf"(?:{_IN}|{_EX})[\s-]*(?:{_CRITERIA})\b"
    rf"|\b(?:{_CRITERIA})\s+(?:\w{{1,4}}['’ ]\s?|\w{{1,6}}\s)?(?:non?[- ])?(?:{_IN}|{_EX})"
    r"|\w*(?:kriter\w*|criteria)\b",
    re.IGNORECASE,
)
_QUALIFIERS = (
    r"key|main|major|general|principal|core|study|primary|basic|common|overall|patients?|subjects?|participants?|"
    r"brief|summary|of|for|the|this|list|"
    r"principaux|principales?|principais|generales|générau?x|wesentliche|wichtigste|allgemeine|"
    r"de|d['’]|del|di|da|do|d|pro|na|do|z|zum|la|les|los|las|as|os|i|el|af|für"
)
_PLAIN = re.compile(
    rf"(?:(?:{_QUALIFIERS})\s*['’]?\s*)*(?:(?:{_CRITERIA})\s+)?(?:(?:{_QUALIFIERS})\s*['’]?\s*)*"
    rf"(?:non?[- ]?)?(?:{_IN}|{_EX})(?:[\s-]*(?:{_CRITERIA}))?(?:\s+(?:{_QUALIFIERS}))*",
    re.IGNORECASE,
)
_NEUTRAL = re.compile(
    r"(?:\w+ ){0,3}?(?:eligibility|selection|enrol+ment|entry|recruitment|admission|participation)(?: and \w+)? "
    r"(?:criteri(?:a|on)|requirements)(?: .{0,40})?|crit[eè]res d['’](?:éligibilité|eligibilite)|"
    r"criterios de (?:selección|elegibilidad)|selektionskriterien|eligibility",
    re.IGNORECASE,
)
_LEAVING = re.compile(
    r"(?:\w+ ){0,3}?(?:non[- ]?eligibility|ineligibility|rejection|elimination|withdrawal|drop[- ]?out|termination|"
    r"discontinuation|stopping|exit) criteri(?:a|on)(?: .{0,40})?|criterios de eliminación|criterios de retiro",
    re.IGNORECASE,
)
SENTENCE = re.compile(
    r"\b(?:apply|applies|applied|met|meets?|meeting|satisf\w+|fulfil\w*|will|may|must|should|shall|any|not|no|none|"
    r"failure|fails?|does|do|did|are|is|was|were|be|been|has|have|see|same|listed|noted|these|those|an?|"
    r"defined|determined|specified|violat\w+|period|before|after|prior|until|time|at|from)\b",
    re.IGNORECASE,
)
_ENDS_SO = re.compile(rf"\b(?:{_IN}|{_EX}) (?:{_CRITERIA})$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?:[IVX]+|\d{1,2})(?:\.\d{1,2})*\.?\s+(?=\D)")
EMPHASIS = " *_#=~<>[]\"'“”–—-•"


@dataclass(frozen=True, slots=True)
class Heading:
    """What opens a section: its words, the side it means, and whether it says nothing but that."""

    text: str
    exclude: bool
    plain: bool


def section(words: str, listed: bool) -> tuple[Heading, str] | None:
    """The heading that words begin with, and what follows it on the line; `listed` where a bullet stands before it."""
    cut = re.search(r"[:：]|[.。](?=\s|$)", words)
    head = words[: cut.start()] if cut else words
    bare = _NUMBERED.sub("", head.strip(EMPHASIS)).strip(EMPHASIS)
    if not bare or len(bare) > 160:
        return None
    sides = _sides(bare)
    plain = len(sides) == 1 and (_PLAIN.fullmatch(bare) is not None or _EASTERN.fullmatch(bare) is not None)
    marked = cut is not None and words[cut.start()] in ":："
    if not plain and not _is_heading(
        bare, sides, marked, listed, cut is None or not words[cut.end() :].strip(EMPHASIS)
    ):
        return _run_on(words)
    if cut is not None and not marked and not plain and words[cut.end() :].strip():
        return None
    end = cut.end() if cut else len(words)
    while end < len(words) and words[end] in "*_":
        end += 1
    exclude = sides == {True} or (not sides and _LEAVING.fullmatch(bare) is not None)
    return Heading(words[:end].strip(), exclude, plain), words[end:].strip()


def _run_on(words: str) -> tuple[Heading, str] | None:
    """'Inclusion Criteria 1. Age over 18 …': a heading that a counting follows."""
    found = re.match(r"(?P<head>[^\d(*•:-]{5,40}?)\s+(?=\(?1[.)]\s)", words)
    if found and _PLAIN.fullmatch(found["head"]):
        return Heading(found["head"], _sides(found["head"]) == {True}, True), words[found.end() :]
    return None


def _sides(head: str) -> set[bool]:
    found = {bool(m["not"]) != (m["ex"] is not None) for m in _SIDES.finditer(head)}
    return found | {m["ex"] is not None for m in _EASTERN.finditer(head)}


def _is_heading(bare: str, sides: set[bool], marked: bool, listed: bool, alone: bool) -> bool:
    count = len(bare.split())
    if not sides:
        named = _NEUTRAL.fullmatch(bare) or _LEAVING.fullmatch(bare)
        return bool(named) and alone and not listed and count <= 12 and not SENTENCE.search(bare)
    if not bare[0].isupper() and not marked:
        return False
    if SENTENCE.search(re.sub(r"\([^)]*\)", "", bare)):
        return False
    compound = _COMPOUND.search(bare) is not None
    if marked:
        return count <= (8 if listed else 14) and (compound or (not listed and count <= 5))
    if not listed and alone and count <= 18 and _ENDS_SO.search(bare):
        return True
    return compound and alone and count <= (4 if listed else 8)
