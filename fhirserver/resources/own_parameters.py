"""Search parameters of this server's own: studies by what a recruiter asks for.

Their definitions are served as SearchParameters beside those of the release. What a study's eligibility Group admits is
a parameter of the Group; a study is found by way of the Group. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Own:
    """What a parameter of our own means, for people; `chain` says how it is asked of another resource.

    A chain is a reference parameter, the type it leads to and that type's parameter. `stored` is the kind that the
    values are kept as which the server works out itself; without either it is a parameter like any other. `same` is
    what R5 calls it, where that is another name.
    """

    description: str
    chain: tuple[str, str, str] | None = None
    stored: str | None = None
    same: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter of one type."""

    code: str
    kind: str
    expression: str
    own: Own
    targets: tuple[str, ...] = ()


_AGE = "Group.characteristic.where(code.coding.where(code = '397669002').exists()).value"
_SEX = "Group.characteristic.where(code.coding.where(code = '46098-0').exists()).value"
_HEALTHY = "Group.characteristic.where(code.text = 'Accepts healthy volunteers').value"

_GROUP = (
    Row(
        "admits-age",
        "special",
        _AGE,
        Own(
            "Groups of people, defined by characteristics, that admit an age: 42 (years) or 6|http://unitsofmeasure.org|mo."
            " Every characteristic of age counts, one that excludes too, whatever its unit; a Group without any admits "
            "all ages. With a prefix, Groups that admit an age above (gt, ge, sa) or below (lt, le, eb) the value.",
            stored="number",
        ),
    ),
    Row(
        "admits-sex",
        "token",
        _SEX,
        Own(
            "Groups of people, defined by characteristics, that admit a sex: female, male, other or unknown. A Group "
            "without a characteristic of sex admits all.",
            stored="token",
        ),
    ),
    Row(
        "admits-healthy",
        "token",
        _HEALTHY,
        Own("Groups that say whether they admit healthy volunteers: true or false.", stored="token"),
    ),
)


def _study(eligibility: str, element: str, *more: Row) -> tuple[Row, ...]:
    """The parameters of studies whose eligibility is named by a parameter."""
    through = f"ResearchStudy.{element}.resolve()"
    return (
        Row(
            "age",
            "special",
            f"{through}.{_AGE.removeprefix('Group.')}",
            Own(
                "Studies whose eligibility admits an age: 42 (years) or 6|http://unitsofmeasure.org|mo; see Group's "
                "admits-age.",
                chain=(eligibility, "Group", "admits-age"),
            ),
        ),
        Row(
            "eligible-sex",
            "token",
            f"{through}.{_SEX.removeprefix('Group.')}",
            Own(
                "Studies whose eligibility admits a sex: female, male, other or unknown; see Group's admits-sex.",
                chain=(eligibility, "Group", "admits-sex"),
            ),
        ),
        Row(
            "healthy-volunteers",
            "token",
            f"{through}.{_HEALTHY.removeprefix('Group.')}",
            Own(
                "Studies whose eligibility says whether it admits healthy volunteers: true or false.",
                chain=(eligibility, "Group", "admits-healthy"),
            ),
        ),
        Row(
            "near",
            "special",
            "ResearchStudy.site.resolve().position",
            Own(
                "Studies with a site near a point: latitude|longitude|distance|units, as Location's near.",
                chain=("site", "Location", "near"),
            ),
        ),
        *more,
    )


def _recruiting(expression: str, states: str) -> Row:
    return Row(
        "recruiting",
        "token",
        expression,
        Own(
            f"Studies that take new subjects today (true): {states}. All others with false, those of an unknown state "
            "too.",
            stored="date",
        ),
    )


ROWS: Mapping[str, Mapping[str, tuple[Row, ...]]] = MappingProxyType(
    {
        "R5": {
            "Group": _GROUP,
            "ResearchStudy": _study(
                "eligibility",
                "recruitment.eligibility",
                _recruiting(
                    "ResearchStudy.progressStatus.state",
                    "the present entry of progressStatus is active, recruiting or enrolling-by-invitation",
                ),
            ),
        },
        "R4": {
            "Group": _GROUP,
            "ResearchStudy": _study(
                "enrollment",
                "enrollment",
                Row(
                    "enrollment",
                    "reference",
                    "ResearchStudy.enrollment",
                    Own("Studies by the Group of those who may take part or do.", same="eligibility"),
                    ("Group",),
                ),
                _recruiting("ResearchStudy.status", "the status is active"),
            ),
        },
    }
)
"""Release → type → its parameters."""
