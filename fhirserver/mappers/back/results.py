"""The modules of the results section, in the registry's order.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ResultsSection
"""

from __future__ import annotations

from collections.abc import Callable

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back import results_events, results_flow, results_measures
from fhirserver.mappers.back.gathered import Gathered

RESULTS: dict[str, Callable[[Gathered], Resource]] = {
    "participantFlowModule": results_flow.module,
    "baselineCharacteristicsModule": results_measures.baseline,
    "outcomeMeasuresModule": results_measures.outcomes,
    "adverseEventsModule": results_events.module,
    "moreInfoModule": results_events.more,
}
