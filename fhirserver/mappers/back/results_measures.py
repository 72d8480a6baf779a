"""baselineCharacteristicsModule and outcomeMeasuresModule: measures with their tables.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#OutcomeMeasuresModule
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.report import (
    Statistic,
    Table,
    counted,
    denominators,
    group_id,
    groups,
    looked_at,
    statistics,
    tables,
    time_frame,
    unlabelled,
    value_of,
)
from fhirserver.mappers.back.results_analyses import analyses
from fhirserver.mappers.back.shape import after, markup, notes, text_of
from fhirserver.mappers.results.measures import (
    ANALYSIS_POPULATION,
    DENOMINATOR,
    DISPERSION,
    LOWER,
    PARAMETER,
    PARTICIPANTS,
    PERCENTAGE,
    SPREAD,
    UNIT,
    UNITS_ANALYSED,
    UPPER,
    VALUE,
)
from fhirserver.mappers.results.report import BASELINE_SECTION, EXPECTED, OUTCOMES_SECTION
from fhirserver.mappers.results.words import DISPERSIONS, KINDS, PARAMETERS, PERCENTAGES, REPORTING, of

_ID = re.compile(r"r(\d+)(?:c(\d+))?(?:n\d+)?")


def baseline(found: Gathered) -> Resource:
    """Who took part; the first table says how many were looked at."""
    analysed, *measures = tables(found, BASELINE_SECTION) or [Table({}, {}, ())]
    prose = notes(analysed.measured)
    return {
        "populationDescription": markup(after(prose, ANALYSIS_POPULATION)),
        "typeUnitsAnalyzed": after(prose, UNITS_ANALYSED),
        "groups": groups(found, analysed.found),
        "denoms": denominators([(group_id(one), _counts(one)) for one in analysed.found]),
        "measures": [
            _measure(one, lambda text: of(DISPERSIONS, text)) | {"denoms": _denominators(one)} for one in measures
        ],
    }


def _counts(evidence: Resource) -> list[tuple[str, str]]:
    return [
        (one.get("quantity", {}).get("unit", ""), value_of(one.get("quantity"), notes(one), VALUE) or "")
        for one in evidence.get("statistic", ())
    ]


def outcomes(found: Gathered) -> Resource:
    """What was measured as an outcome, and found."""
    return {"outcomeMeasures": [_outcome(found, one) for one in tables(found, OUTCOMES_SECTION)]}


def _outcome(found: Gathered, one: Table) -> Resource:
    kinds = {words: code for code, (_, words) in KINDS.items()}
    kind = text_of(one.section.get("focus"))
    said = [text_of(each) or "" for each in one.section.get("entryClassifier", ())]
    status = unlabelled(said, EXPECTED)
    return _measure(one, lambda text: text) | {
        "type": kinds.get(kind or "", kind),
        "reportingStatus": of(REPORTING, status),
        "anticipatedPostingDate": after(said, EXPECTED),
        "groups": groups(found, one.found),
        "denoms": _denominators(one),
        "analyses": analyses(found, one.section),
    }


def _measure(one: Table, dispersion: Callable[[str | None], str | None]) -> Resource:
    prose = notes(one.measured)
    cells = list(statistics(one.found))
    percentages = after(prose, PERCENTAGE)
    return {
        "title": one.measured.get("title"),
        "description": markup(one.measured.get("description")),
        "populationDescription": markup(after(prose, ANALYSIS_POPULATION)),
        "timeFrame": time_frame(one.measured),
        "paramType": of(PARAMETERS, _first(cells, lambda cell: text_of(cell.get("statisticType"))))
        or after(prose, PARAMETER),
        "dispersionType": dispersion(_first(cells, _dispersion)) or after(prose, DISPERSION),
        "unitOfMeasure": _first(cells, lambda cell: cell.get("quantity", {}).get("unit")) or after(prose, UNIT),
        "calculatePct": of(PERCENTAGES, percentages),
        "typeUnitsAnalyzed": after(prose, UNITS_ANALYSED),
        "denomUnitsSelected": after(prose, DENOMINATOR),
        "classes": _classes(cells),
    }


def _first(cells: list[Statistic], what: Callable[[Resource], str | None]) -> str | None:
    return next((said for cell in cells if (said := what(cell.said))), None)


def _dispersion(cell: Resource) -> str | None:
    return next((text_of(one.get("type")) for one in cell.get("attributeEstimate", ())), None)


def _denominators(one: Table) -> list[Resource]:
    return denominators([(group_id(each), looked_at(each)) for each in one.found])


def _classes(cells: list[Statistic]) -> list[Resource]:
    """The rows of a table, each with its columns, by the ids of their statistics."""
    rows: dict[int, list[tuple[int | None, Statistic]]] = {}
    for cell in cells:
        if match := _ID.fullmatch(cell.id):
            rows.setdefault(int(match[1]), []).append((int(match[2]) if match[2] else None, cell))
    return [_class(rows[number]) for number in sorted(rows)]


def _class(cells: list[tuple[int | None, Statistic]]) -> Resource:
    columns: dict[int, list[Statistic]] = {}
    sizes: dict[str | None, list[tuple[str, str]]] = {}
    for column, cell in cells:
        if column is not None:
            columns.setdefault(column, []).append(cell)
        sizes.setdefault(cell.group, _sizes(cell.said))
    return {
        "title": cells[0][1].said.get("description"),
        "denoms": denominators(list(sizes.items())),
        "categories": [_category(columns[number]) for number in sorted(columns)],
    }


def _sizes(cell: Resource) -> list[tuple[str, str]]:
    """Those of a group that were looked at in a row."""
    sample = cell.get("sampleSize", {})
    known = sample.get("knownDataCount")
    found = [] if known is None else [(PARTICIPANTS, str(known))]
    return found + [counted(text) for text in notes(sample)]


def _category(cells: list[Statistic]) -> Resource:
    return {
        "title": text_of(cells[0].said.get("category")),
        "measurements": [told for cell in cells if len(told := _measurement(cell)) > 1],
    }


def _measurement(cell: Statistic) -> Resource:
    texts = notes(cell.said)
    estimate: Resource = next(iter(cell.said.get("attributeEstimate", ())), {})
    between, odd = estimate.get("range", {}), notes(estimate)
    told = {
        "groupId": cell.group,
        "value": value_of(cell.said.get("quantity"), texts, VALUE),
        "spread": value_of(estimate.get("quantity"), odd, SPREAD),
        "lowerLimit": value_of(between.get("low"), odd, LOWER),
        "upperLimit": value_of(between.get("high"), odd, UPPER),
        "comment": markup(unlabelled(texts, VALUE)),
    }
    return {name: value for name, value in told.items() if value is not None}
