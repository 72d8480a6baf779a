"""How a drug is given, from the record's words: coded only as far as they leave no doubt, the words always kept.

https://hl7.org/fhir/R5/dosage.html. A route is coded where one is named, a dose where one amount is, a rhythm where
one is; words that weigh one thing against another ('or', 'then', 'increased') leave all of it to people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from fhirserver.mappers.codes import SNOMED, UCUM

Resource = dict[str, Any]

# What these words tell of besides a route, and where IV is a number.
_NOT_ORAL = (
    r"(?!\W+(?:mucos|hygien|cavity|cancer|carcinom|squamous|glucose|health|lesion|ulcer|herpes|surg|contracept|feeding|"
    r"intake|microb|exam|care|pain))"
)
_NOT_NASAL = r"(?!\W+(?:congest|polyp|obstruct|sept|surg|symptom|cavit|swab|mucos|pack|airflow|bleed))"
_NOT_RECTAL = r"(?!\W+(?:cancer|carcinom|surg|tumo|bleed|exam|swab|temperature))"
_NOT_VAGINAL = r"(?!\W+(?:deliver|birth|infect|dry|flora|microb|surg|atroph|hysterec|exam|swab|mesh|prolaps|bleed))"
_NO_STAGE = "".join(rf"(?<!{word} )" for word in ("stage", "grade", "class", "phase", "type", "factor", "level"))

_ROUTES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (code, display, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for code, display, words in (
        ("26643006", "Oral route", rf"orally|oral{_NOT_ORAL}|by mouth|per os|p\.o\.?|po"),
        ("47625008", "Intravenous route", rf"intravenous(?:ly)?|{_NO_STAGE}iv|i\.v\.?"),
        ("34206005", "Subcutaneous route", r"subcutaneous(?:ly)?|sub-?cutaneous(?:ly)?|sc|s\.c\.?|subq"),
        ("78421000", "Intramuscular route", r"intramuscular(?:ly)?|im|i\.m\.?"),
        ("6064005", "Topical route", r"topical(?:ly)?"),
        ("46713006", "Nasal route", rf"(?:intra)?nasally|intranasal|nasal{_NOT_NASAL}"),
        ("37839007", "Sublingual route", r"sublingual(?:ly)?"),
        ("37161004", "Rectal route", rf"rectally|rectal{_NOT_RECTAL}"),
        ("16857009", "Vaginal route", rf"(?:intra)?vaginally|intravaginal|vaginal{_NOT_VAGINAL}"),
        ("45890007", "Transdermal route", r"transdermal(?:ly)?"),
        ("372464004", "Intradermal route", r"intradermal(?:ly)?"),
        ("72607000", "Intrathecal route", r"intrathecal(?:ly)?"),
        ("418401004", "Intravitreal route", r"intravitreal(?:ly)?"),
        ("38239002", "Intraperitoneal route", r"intraperitoneal(?:ly)?"),
        ("58100008", "Intra-arterial route", r"intra-?arterial(?:ly)?"),
        ("12130007", "Intra-articular route", r"intra-?articular(?:ly)?"),
        # Said of the route, but not by one code: with another beside it there is doubt.
        (
            "",
            "",
            r"inhal(?:ed|ation|ations)|infiltrat(?:ed|ion)|intrapleural(?:ly)?|intratumou?ral(?:ly)?|epidural(?:ly)?",
        ),
    )
)
_AMOUNT = re.compile(
    r"(?<![\d.,/–-])(?P<value>\d{1,6}(?:\.\d{1,4})?)[ -]?(?P<unit>mg|g|mcg|µg|μg|ug|ng|ml|iu|mmol)"
    r"(?P<per>\s?/\s?(?:kg|m\^?2|m²))?(?!\s?[\w/^%]\w*/|\s?/|[\w^%])",
    re.IGNORECASE,
)
_UNITS = {"mg": "mg", "g": "g", "mcg": "ug", "µg": "ug", "μg": "ug", "ug": "ug", "ng": "ng", "ml": "mL", "iu": "[iU]"}
_UNITS |= {"mmol": "mmol"}
_OTHER_AMOUNT = re.compile(r"\d\s?(?:%|(?:units?|u|mg|g|mcg|ml|iu|auc|gy|mci|mbq|cells?)\b)", re.IGNORECASE)
_STRENGTH = re.compile(
    r"(?:\W+\w+){0,2}?\W+(?:tablets?|capsules?|pills?|vials?|sachets?|patch(?:es)?|ampoules?|syringes?)\b"
)
_BY_WEIGHT = re.compile(r"/\s?(?:kg|m2|m²|m\^2|h|hr|min)\b|\bper (?:kg|kilo|hour|minute|square)", re.IGNORECASE)
_PER_DAY = re.compile(r"\b(?:daily|per day|a day|/\s?day|each day|every day|divided)\b", re.IGNORECASE)
_NUMBER = r"(?P<n>\d{1,2}|one|two|three|four|five|six|seven|eight|ten|twelve)"
_NUMBERS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "ten": 10,
    "twelve": 12,
}
_DAY = r"(?:daily|per day|a day|each day|every day)"
_RHYTHMS: tuple[tuple[re.Pattern[str], int, int | None, str | None], ...] = tuple(
    (re.compile(rf"(?<![\w.])(?:{words})(?![\w])", re.IGNORECASE), frequency, period, unit)
    for words, frequency, period, unit in (
        (rf"once {_DAY}|once-daily|q\.?d\.?|o\.?d\.?", 1, 1, "d"),
        (rf"twice {_DAY}|twice-daily|two times {_DAY}|2 times {_DAY}|b\.?i\.?d\.?", 2, 1, "d"),
        (rf"three times {_DAY}|3 times {_DAY}|t\.?i\.?d\.?", 3, 1, "d"),
        (rf"four times {_DAY}|4 times {_DAY}|q\.?i\.?d\.?", 4, 1, "d"),
        (r"every other day|q\.?o\.?d\.?", 1, 2, "d"),
        (r"once weekly|once-weekly|once a week|once per week|once every week|weekly", 1, 1, "wk"),
        (r"twice weekly|twice-weekly|twice a week|twice per week", 2, 1, "wk"),
        (r"once monthly|once-monthly|once a month|once per month|monthly", 1, 1, "mo"),
    )
)
_EVERY = re.compile(
    rf"\b(?:once )?every {_NUMBER} (?P<unit>hour|day|week|month)s?\b|\bq(?P<n2>\d{{1,2}})(?P<u2>[hdwm])\b",
    re.IGNORECASE,
)
_EVERY_UNITS = {"hour": "h", "day": "d", "week": "wk", "month": "mo", "h": "h", "d": "d", "w": "wk", "m": "mo"}
_DOUBT = re.compile(
    r"\b(?:or|and|plus|then|versus|vs|placebo|matching|combin\w*|follow\w*|increas\w*|decreas\w*|reduc\w*|escalat\w*|"
    r"titrat\w*|adjust\w*|depend\w*|individual\w*|maximum|max|minimum|loading|maintenance|initial\w*|respectively|"
    r"needed|prn|either|if|unless|each|per protocol|compar\w*|alternat\w*|up to|range|between|to|equivalent|"
    r"contain\w*)\b"
    r"|[+~±≥≤<>]|\d\s?[-–]\s?\d|\d,\d",
    re.IGNORECASE,
)
_CYCLE = re.compile(r"\b(?:cycles?|days? \d|d\d|weeks? \d|prior|before|after)\b", re.IGNORECASE)
_LONGEST = 400


def dosage(text: str) -> Resource | None:
    """How what this text describes is given; None where it says nothing of that."""
    routes = _routes(text)
    amounts = list(_AMOUNT.finditer(text))
    rhythms = list(_rhythms(text))
    if not (routes or amounts or rhythms):
        return None
    found: Resource = {"text": text}
    if len(text) > _LONGEST or _DOUBT.search(text):
        return found
    if len(rhythms) == 1 and not _CYCLE.search(text):
        found["timing"] = {"repeat": rhythms[0]}
    if len(routes) == 1 and routes[0][0]:
        code, display = routes[0]
        found["route"] = {"coding": [{"system": SNOMED, "code": code, "display": display}], "text": display}
    if len(amounts) == 1 and (quantity := _dose(text, amounts[0], bool(rhythms))):
        found["doseAndRate"] = [{"doseQuantity": quantity}]
    return found


def _routes(text: str) -> list[tuple[str, str]]:
    return [(code, display) for code, display, words in _ROUTES if words.search(text)]


def _rhythms(text: str) -> Iterable[Resource]:
    for words, frequency, period, unit in _RHYTHMS:
        if words.search(text):
            yield {"frequency": frequency, "period": period, "periodUnit": unit}
    for match in _EVERY.finditer(text):
        number = match["n"] or match["n2"]
        count = int(number) if number.isdecimal() else _NUMBERS[number.casefold()]
        if count:
            unit = _EVERY_UNITS[(match["unit"] or match["u2"]).casefold()]
            yield {"frequency": 1, "period": count, "periodUnit": unit}


def _dose(text: str, amount: re.Match[str], rhythm: bool) -> Resource | None:
    """One administration's amount; None for what may be a strength, or a day's whole amount."""
    rest = text[amount.end() :]
    others = len(_OTHER_AMOUNT.findall(text))
    if others > 1 or _STRENGTH.match(rest) or _BY_WEIGHT.search(rest) or (_PER_DAY.search(text) and not rhythm):
        return None
    value = Decimal(amount["value"])
    if not value:
        return None
    unit = amount["unit"].casefold()
    per = re.sub(r"[\s^]", "", amount["per"] or "").replace("²", "2").casefold()
    written = amount["unit"] + per
    exact = int(value) if "." not in amount["value"] else value
    return {"value": exact, "unit": written, "system": UCUM, "code": _UNITS[unit] + per}
