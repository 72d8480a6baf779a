"""The ids of one trial's resources, made once from its registry number and the labels of its arms and interventions.

https://hl7.org/fhir/R5/datatypes.html#id
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.mappers.identity import slugs
from fhirserver.mappers.trial import Reading


@dataclass(frozen=True, slots=True)
class Naming:
    """Ids. An arm's comes from its label, so that a record with its arms in another order keeps every roster."""

    stem: str
    arms: tuple[str, ...]
    interventions: tuple[str, ...]
    outcomes: tuple[str, ...]

    @property
    def eligibility(self) -> str:
        """Who may take part."""
        return f"{self.stem}-eligibility"

    @property
    def enrolled(self) -> str:
        """Who takes part."""
        return f"{self.stem}-enrolled"

    @property
    def protocol(self) -> str:
        """What is done."""
        return f"{self.stem}-protocol"

    def arm(self, position: int) -> str:
        """Who is in an arm."""
        return f"{self.stem}-arm-{self.arms[position]}"

    def intervention(self, position: int) -> str:
        """What is given."""
        return f"{self.stem}-intervention-{self.interventions[position]}"

    def exposure(self, position: int) -> str:
        """What is given, as a variable."""
        return f"{self.stem}-exposure-{self.interventions[position]}"

    def outcome(self, position: int) -> str:
        """What is measured, as a variable."""
        return f"{self.stem}-outcome-{self.outcomes[position]}"


def naming(reading: Reading) -> Naming:
    """Ids for a trial; a record without a registry number is known by its hash."""
    trial = reading.trial
    return Naming(
        stem=trial.registry_id or f"record-{reading.sha256[:12]}",
        arms=tuple(slugs([arm.label for arm in trial.arms])),
        interventions=tuple(slugs([one.name for one in trial.interventions])),
        outcomes=tuple(slugs([f"{one.kind} {one.measure}" for one in trial.outcomes])),
    )
