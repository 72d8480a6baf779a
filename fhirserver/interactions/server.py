"""What every interaction needs to know: the settings, the store, the release and the address it answers under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from fhirserver.errors import Gone, NotFound
from fhirserver.resources.registry import VERSIONS, Release, resource_types, stored_release
from fhirserver.settings import Settings
from fhirserver.store.documents import Version
from fhirserver.store.store import Store, Tx

BASES: Mapping[str, Release | None] = MappingProxyType({"r5": "R5", "r4": "R4", "fhir": None})
"""The release that a base is fixed to; None for the one that goes by what each request asks for."""


@dataclass(frozen=True, slots=True)
class Server:
    """One base of the server: `base` is its URL without a slash at the end, such as http://127.0.0.1:8000/r5."""

    settings: Settings
    store: Store
    release: Release
    base: str

    def form(self, type_: str) -> Release:
        """The release in whose form resources of a type are stored."""
        return stored_release(self.release, type_)

    def seen_in(self, release: Release) -> Server:
        """The same address, over what is stored as a base of another release sees it."""
        return self if release == self.release else replace(self, release=release, store=self.store.seen_in(release))

    @property
    def bases(self) -> tuple[str, ...]:
        """All bases of this server, its own first: what is stored may refer by any of them."""
        origin, _, name = self.base.rpartition("/")
        return (
            (self.base, *(f"{origin}/{other}" for other in BASES if other != name)) if name in BASES else (self.base,)
        )

    def url(self, type_: str, id_: str) -> str:
        """The address of a resource."""
        return f"{self.base}/{type_}/{id_}"

    def at(self, base: str) -> Server:
        """The same server under another address."""
        return self if base == self.base else replace(self, base=base)


def shown(text: str) -> str:
    """What a client sent, short and without control characters, to be quoted in a sentence."""
    return text[:80].encode("unicode_escape").decode() if not text[:80].isprintable() else text[:80]


def known_type(server: Server, type_: str) -> None:
    """Refuses a type that the release does not have."""
    if type_ not in resource_types(server.release):
        raise NotFound(
            f"FHIR {VERSIONS[server.release]} has no resource type '{shown(type_)}': see the CapabilityStatement at "
            f"{server.base}/metadata.",
            code="not-supported",
        )


def present(server: Server, version: Version | None, name: str) -> Version:
    """The version if it is there and not deleted; NotFound or Gone otherwise. `name` is for the sentence: Patient/7."""
    if version is None:
        raise NotFound(f"There is no {name} here.")
    if version.gone:
        raise Gone(
            f"{name} was deleted; its earlier versions are at {version.type}/{version.id}/_history.",
            headers={"ETag": f'W/"{version.version}"'},
        )
    return version


Reader = Store | Tx
"""Where an interaction reads: the store, or a transaction of it."""
