"""What the enrolments of one transaction look up and write, kept together: of many, each costs a few round trips less.

What is asked about many subjects is asked at once. What follows from them, members and numbers of Groups, the studies'
numbers, is written once, when all were judged; whoever must see it in the store before has it written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from fhirserver import fhirjson
from fhirserver.enrolment.facts import Enrolment
from fhirserver.errors import NotFound
from fhirserver.fhirjson import Resource
from fhirserver.interactions import enrol_facts
from fhirserver.interactions.enrol_facts import STUDY, SUBJECT
from fhirserver.interactions.indexed import indexed
from fhirserver.resources import research_study
from fhirserver.resources.registry import Release
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.settings import Settings
from fhirserver.store.documents import Put, Written
from fhirserver.store.groups import Touch
from fhirserver.store.store import Tx

_TOGETHER = 500
"""Subjects that are asked about at once."""

_ALL = 1_000_000

Pair = tuple[str, str]
"""A study and a subject, as Type/id."""


@dataclass(slots=True)
class Books:
    """The books of one transaction; `flush` writes what they hold, and `written` says what became of the subjects."""

    tx: Tx
    settings: Settings
    release: Release
    written: dict[str, Written] = field(default_factory=dict)
    _subjects: list[Put] = field(default_factory=list)
    _listed: dict[Pair, dict[str, Enrolment]] = field(default_factory=dict)
    _studies: dict[str, Resource] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _groups: dict[str, Resource] = field(default_factory=dict)
    _joining: dict[str, list[Resource]] = field(default_factory=dict)
    _held: dict[tuple[str, str], bool] = field(default_factory=dict)
    _rolls: dict[str, set[str]] = field(default_factory=dict)
    _unsaved: set[str | None] = field(default_factory=set)

    # -- looking up ----------------------------------------------------------------------------------------------------

    async def foresee(self, ids: Sequence[str], subjects: Sequence[Resource]) -> None:
        """Looks up together what the rules will ask for one by one: `ids` are those of all ResearchSubjects."""
        said = [enrol_facts.enrolment(self.settings, subject) for subject in subjects]
        wanted = [(SUBJECT, id_) for id_ in ids]
        for one in said:
            wanted += [_key(name) for name in (one.local_study, one.local_subject) if name]
        await self.tx.read_many(wanted)
        pairs = list(dict.fromkeys([pair for one in said if (pair := _pair(one))]))
        for begin in range(0, len(pairs), _TOGETHER):
            await self._list(pairs[begin : begin + _TOGETHER])
            await self._look(pairs[begin : begin + _TOGETHER])

    async def _list(self, pairs: Sequence[Pair]) -> None:
        """Learns of all enrolments of these subjects in these studies."""
        studies, subjects = (sorted({pair[at] for pair in pairs}) for at in (0, 1))
        asked = [("study", ",".join(studies)), ("subject", ",".join(subjects))]
        where = to_mongo(parse(self.release, SUBJECT, asked, strict=True).filter, self.release)
        ids = await self.tx.ids(SUBJECT, where, _ALL)
        self._listed.update({pair: {} for pair in pairs})
        for version in (await self.tx.read_many([(SUBJECT, id_) for id_ in ids])).values():
            found = enrol_facts.content(version)
            name = enrol_facts.enrolment(self.settings, found).local_study if found else None
            study = await self.study(name) if name else None
            if found is not None and study is not None:
                self._note(version.id, enrol_facts.enrolment(self.settings, found, study))

    async def _look(self, pairs: Sequence[Pair]) -> None:
        """Learns which of these subjects are in the Groups of their studies."""
        groups: set[str] = set()
        for name in sorted({study for study, _ in pairs}):
            if study := await self.study(name):
                groups.update(_groups_of(study))
        if groups:
            entities = sorted({subject for _, subject in pairs})
            held = await self.tx.holds(sorted(groups), entities)
            self._held.update({(group, entity): (group, entity) in held for group in groups for entity in entities})

    async def study(self, name: str) -> Resource | None:
        """The study Type/id as it will be."""
        if name not in self._studies:
            found = await enrol_facts.read(self.tx, name)
            if found is None:
                return None
            self._studies[name] = found
        return self._studies[name]

    async def others(self, study: str, subject: str, *, but: str) -> tuple[Enrolment, ...]:
        """The enrolments of a subject in a study, without the ResearchSubject of id `but`."""
        if (study, subject) not in self._listed:
            await self._saved(study)
            await self._list([(study, subject)])
        return tuple(one for id_, one in self._listed[study, subject].items() if id_ != but)

    async def everyone(self, study: Resource, *, but: str) -> AsyncIterator[Enrolment]:
        """All enrolments in a study, without the ResearchSubject of id `but`."""
        await self._saved(f"{STUDY}/{study['id']}")
        async for one in enrol_facts.subjects(self.tx, self.settings, self.release, study, but=but):
            yield one

    async def holds(self, group: str, entity: str) -> bool:
        """Whether a Group has this entity as a member."""
        if group in self._rolls:
            return entity in self._rolls[group]
        if (group, entity) not in self._held:
            self._held[group, entity] = await self.tx.has_member(group, entity)
        return self._held[group, entity]

    async def group(self, id_: str) -> Resource | None:
        """A Group with all of its members."""
        if id_ in self._joining:
            await self.flush()
        return await enrol_facts.read(self.tx, f"Group/{id_}")

    # -- writing -------------------------------------------------------------------------------------------------------

    def note(self, id_: str, before: Enrolment | None, after: Enrolment | None) -> None:
        """Lets what comes later know of a write of the ResearchSubject `id_`."""
        if before is not None and (pair := _pair(before)) in self._listed:
            self._listed[pair].pop(id_, None)
        if after is not None:
            self._note(id_, after)
        self._unsaved |= {one.local_study for one in (before, after) if one is not None}

    async def _saved(self, study: str) -> None:
        """Has the ResearchSubjects of a study written, which a search is about to count."""
        if study in self._unsaved:
            await self.flush()

    def _note(self, id_: str, one: Enrolment) -> None:
        if (pair := _pair(one)) in self._listed:
            self._listed[pair][id_] = one

    def write(self, item: Put) -> None:
        """Writes a ResearchSubject."""
        self._subjects.append(item)

    def rewrite(self, study: Resource) -> None:
        """Writes the next version of a study."""
        name = f"{STUDY}/{study['id']}"
        self._studies[name] = study
        self._changed.add(name)

    async def join(self, group: str, member: Resource, touch: Touch) -> None:
        """Appends a member to a Group; NotFound when it is not there."""
        if group not in self._groups:
            found = await self.tx.frame(group)
            if found is None:
                raise NotFound(f"Group/{group} is not there: create it first.")
            self._groups[group] = found
        self._groups[group] = touch(self._groups[group])
        self._joining.setdefault(group, []).append(member)
        self._know(group, member["entity"]["reference"], member=True)

    async def edit(self, group: str, entity: str, edit: Callable[[Resource], Resource], touch: Touch) -> None:
        """Changes a member of a Group; NotFound when it is none."""
        await self._alone(group)
        await self.tx.set_member(group, entity, edit, release=self.release, touch=touch)

    async def leave(self, group: str, entity: str, touch: Touch) -> None:
        """Ends a membership."""
        await self._alone(group)
        await self.tx.remove_members(group, [entity], release=self.release, touch=touch)
        self._know(group, entity, member=False)

    async def put_group(self, id_: str, made: Resource) -> None:
        """Writes a whole Group."""
        await self._alone(id_)
        entry = indexed(self.settings, self.release, made)
        await self.tx.put(made, type="Group", id=id_, release=self.release, entry=entry)
        self._rolls[id_] = {one["entity"]["reference"] for one in made.get("member", ()) if "entity" in one}

    def _know(self, group: str, entity: str, *, member: bool) -> None:
        self._held[group, entity] = member
        if group in self._rolls:
            (self._rolls[group].add if member else self._rolls[group].discard)(entity)

    async def _alone(self, group: str) -> None:
        if group in self._joining:
            await self.flush()
        self._groups.pop(group, None)

    async def flush(self) -> None:
        """Writes all that is held back."""
        joining, self._joining = self._joining, {}
        for group, new in joining.items():
            made = partial(_instead, self._groups[group])
            await self.tx.add_members(group, new, release=self.release, touch=made)
        puts = [self._study(name) for name in sorted(self._changed)] + self._subjects
        self._changed, self._subjects, self._unsaved = set(), [], set()
        if puts:
            for item, written in zip(puts, await self.tx.put_many(puts), strict=True):
                if item.type == SUBJECT:
                    self.written[item.id] = written

    def _study(self, name: str) -> Put:
        made = self._studies[name]
        return Put(made, STUDY, made["id"], self.release, indexed(self.settings, self.release, made))


def _instead(made: Resource, _before: Resource) -> Resource:
    return made


def _key(name: str) -> tuple[str, str]:
    type_, _, id_ = name.partition("/")
    return type_, id_


def _pair(one: Enrolment) -> Pair | None:
    if one.local_study and one.local_study.startswith(f"{STUDY}/") and one.local_subject:
        return one.local_study, one.local_subject
    return None


def _groups_of(study: Resource) -> Iterable[str]:
    """The ids of the Groups that a study lists its subjects in."""
    arms = study.get("comparisonGroup", ())
    for element in (research_study.recruitment(study).get("actualGroup"), *(arm.get("observedGroup") for arm in arms)):
        reference = element.get("reference") if element else None
        found = fhirjson.literal(reference) if isinstance(reference, str) else None
        if found is not None and found.base is None and found.type == "Group":
            yield found.id
