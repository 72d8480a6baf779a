"""The words of classic ClinicalTrials.gov XML and the codes of the registry's present data model behind them.

https://clinicaltrials.gov/data-api/about-api/study-data-structure lists the codes.
"""

from __future__ import annotations

import re

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DATE = re.compile(r"(?P<month>[A-Za-z]+)\s+(?:(?P<day>\d{1,2}),\s+)?(?P<year>\d{4})")
_NUMERIC = re.compile(r"(?:(?P<month>\d{1,2})/)?(?:(?P<day>\d{1,2})/)?(?P<year>\d{4})")
_OTHER = re.compile(r"[^A-Z0-9]+")
_BLOCK = re.compile(r"\n[ \t]*\n")

_CODES = {
    "n/a": "NA",
    "unknown status": "UNKNOWN",
    "u.s. fed": "FED",
    "other u.s. federal agency": "FED",
    "other government": "OTHER_GOV",
    "individual": "INDIV",
    "ambiguous": "AMBIG",
    "educational/counseling/training": "ECT",
    "none (open label)": "NONE",
    "open label": "NONE",
    "2-sided": "TWO_SIDED",
    "1-sided": "ONE_SIDED",
    "statistical analysis plan (sap)": "SAP",
    "statistical analysis plan": "SAP",
    "informed consent form (icf)": "ICF",
    "informed consent form": "ICF",
    "clinical study report (csr)": "CSR",
    "clinical study report": "CSR",
    "97.5% confidence interval": "CONFIDENCE_975",
    "no description": None,
}
_KINDS = {"NIH", "FDA", "VA", "CDC", "AHRQ", "SAMHSA"}


def code(words: str) -> str | None:
    """'Active, not recruiting' is ACTIVE_NOT_RECRUITING; words that are no code of the registry keep their letters."""
    key = " ".join(words.casefold().split())
    if key in _CODES:
        return _CODES[key]
    if key.endswith("% confidence interval"):
        return f"CONFIDENCE_{key.partition('%')[0]}"
    return _OTHER.sub("_", words.upper()).strip("_") or None


def model(words: str) -> str | None:
    """'Parallel Assignment' is PARALLEL."""
    return code(re.sub(r"\s+Assignment$", "", words))


def ecologic(words: str) -> str | None:
    """The observational models, one of which is written in several ways."""
    found = code(words)
    return "ECOLOGIC_OR_COMMUNITY" if found and found.startswith("ECOLOGIC") else found


def phases(words: str) -> list[str]:
    """'Phase 2/Phase 3' is two."""
    if words.casefold() == "n/a":
        return ["NA"]
    return [(code(part) or "").replace("PHASE_", "PHASE") for part in words.split("/")]


def masking(words: str) -> tuple[str | None, list[str]]:
    """'Double (Participant, Investigator)' is DOUBLE, and who is masked."""
    head, _, who = words.partition("(")
    if words.casefold() in _CODES:
        return code(words), []
    masked = [found for part in who.rstrip(") ").split(",") if (found := code(part))]
    return code(re.sub(r"[\s-]*blind\b.*", "", head, flags=re.IGNORECASE)), masked


def flag(words: str) -> bool | str | None:
    """Yes and No; other words are passed on, for the reader to report."""
    return {"yes": True, "no": False}.get(words.casefold(), words)


def number(words: str) -> int | str:
    """A whole number; other words are passed on, for the reader to report."""
    return int(words) if words.isascii() and words.isdigit() and len(words) < 10 else words


def date_type(words: str) -> str:
    """Anticipated and Estimate are one code now."""
    return "ACTUAL" if words.casefold() == "actual" else "ESTIMATED"


def date(words: str) -> str:
    """'April 15, 2004', 'November 2003', '05/2017' as FHIR writes dates; other words are passed on, to be reported."""
    if match := _DATE.fullmatch(words):
        month = match["month"].casefold()
        if month in _MONTHS:
            found = f"{match['year']}-{_MONTHS.index(month) + 1:02}"
            return f"{found}-{int(match['day']):02}" if match["day"] else found
    if match := _NUMERIC.fullmatch(words):
        parts = (match["year"], match["month"], match["day"])
        return "-".join(part.zfill(2) for part in parts if part)
    return words


def processed(words: str) -> str | None:
    """The date in 'ClinicalTrials.gov processed this data on May 11, 2018'."""
    match = _DATE.search(words)
    found = date(match[0]) if match else words
    return found if found != words else None


def prose(text: str) -> str:
    """A block of text without the line breaks of its layout: what stands between empty lines is one paragraph or item.

    The indentation of an item below that of the block is kept, for it says what is nested in what.
    """
    lines = [line.expandtabs(8) for line in text.splitlines()]
    least = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    text = "\n".join([lines[0], *(line[least:] for line in lines[1:])]) if lines else ""
    blocks = []
    for block in _BLOCK.split(text):
        if block.strip():
            block = block.strip("\n")
            indent = " " * (len(block) - len(block.lstrip()))
            blocks.append(indent + " ".join(line.strip() for line in block.splitlines()))
    return "\n\n".join(blocks).strip()
