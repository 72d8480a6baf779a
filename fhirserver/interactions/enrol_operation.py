"""ResearchStudy/{id}/$enroll: a ResearchSubject made of parameters and written by the rules that hold for all.

https://hl7.org/fhir/R5/operations.html; the rules are in docs/enrolment.md.
"""

from __future__ import annotations

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.enrolment import rules, words
from fhirserver.enrolment.parameters import PARAMETERS, request
from fhirserver.errors import FhirError
from fhirserver.interactions import write
from fhirserver.interactions.enrol_facts import STUDY, SUBJECT
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Server
from fhirserver.resources import research_subject
from fhirserver.resources.arguments import Arguments, Parameter


async def _enroll(server: Server, call: Call, given: Arguments) -> Answer:
    asks, server = server.release, server.seen_in(server.form(SUBJECT))  # the rules speak the form that is stored
    study = await read(server, STUDY, call.id or "", within=call.within)
    asked = request(given)
    subject = research_subject.compose(
        f"{STUDY}/{study.id}",
        asked.subject,
        asked.state,
        fhirjson.today(),
        assignedComparisonGroup=asked.comparison_group,
        consent=[asked.consent] if asked.consent else None,
        identifier=[asked.identifier] if asked.identifier else None,
    )
    try:
        rules.refuse(rules.initial(asked.state, "ResearchSubject.progress"))
        found = await write.accept(server, SUBJECT, subject)
        operation = write.Put(SUBJECT, write.new_id(), subject, create_only=True, notes=found)
        if call.within is not None:
            done = await write.apply_within(server, call.within, [operation], ())
        else:
            done = await write.apply(server, [operation])
    except FhirError as error:
        raise words.refusal(asks, asked.explained(error)) from None
    notes = tuple(asked.explain(issue) for issue in words.told(asks, done[0].warnings))
    return Answer(written=structs.replace(done[0], warnings=notes))


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
)
