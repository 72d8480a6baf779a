"""ResearchStudy/{id}/$enroll as an operation; what it does is in enrol.py.

https://hl7.org/fhir/R5/operations.html; the rules are in docs/enrolment.md.
"""

from __future__ import annotations

from fhirserver.enrolment.parameters import PARAMETERS, request
from fhirserver.interactions.enrol import enroll
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server
from fhirserver.interactions.write import Outcome
from fhirserver.resources.arguments import Arguments, Parameter


async def _enroll(server: Server, call: Call, given: Arguments) -> Answer:
    version, notes = await enroll(server.store, server.settings, server.release, call.id or "", request(given))
    return Answer(written=Outcome(version, created=True, warnings=tuple(notes)))


ENROLL = Operation(
    code="enroll",
    title="Enrol a patient in a study",
    description=(
        "Creates a ResearchSubject by the rules of enrolment: the study is open, the patient has no other active "
        "enrolment in it, the comparison group is the study's, a place is free. The study's roster, the Group of "
        "the comparison group and recruitment.actualNumber follow in the same transaction. A refusal names the "
        "rule in OperationOutcome.issue.details."
    ),
    handler=_enroll,
    levels=("instance",),
    types=("ResearchStudy",),
    parameters=PARAMETERS,
    returns=Parameter("return", "ResearchSubject", "The ResearchSubject that was created.", min=1),
    affects_state=True,
    alone=True,
)
