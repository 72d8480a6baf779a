"""The table of settings: a flag, an environment variable FHIRSERVER_<NAME>, a default and a sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

READ = (
    "ActivityDefinition",
    "ArtifactAssessment",
    "Citation",
    "Composition",
    "DocumentReference",
    "Evidence",
    "EvidenceReport",
    "EvidenceVariable",
    "Group",
    "Library",
    "List",
    "Location",
    "Organization",
    "PlanDefinition",
    "ResearchStudy",
)
"""Types that people write texts in, neither by the thousand in a package nor by the million in a hospital."""

NAMED = (
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "Patient.family",
    "Patient.given",
    "Patient.name",
    "Patient.phonetic",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "RelatedPerson",
    "ResearchStudy",
)
"""Types that people look for by a part of a name; of Patient not the addresses, with which a write would cost a third
more."""


class Settings(BaseSettings):
    """Every setting; docs/settings.md is written from this table and a test holds the two together."""

    model_config = SettingsConfigDict(env_prefix="FHIRSERVER_", frozen=True, extra="forbid", env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="Address to listen on; the default is reached from this machine alone.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    base_url: str | None = Field(
        None,
        description="Address that clients use, without /r5; for a server behind a proxy. Default: from each request.",
    )
    mongodb_uri: SecretStr | None = Field(
        None,
        description="MongoDB to use, a replica set or sharded cluster. Default: a private mongod on data_dir.",
    )
    database: str = Field("fhirserver", min_length=1, max_length=63, description="Name of the database.")
    data_dir: Path = Field(Path(".fhirserver"), description="Directory of the private mongod's data.")
    mongodb_driver: Literal["pymongo", "motor"] = Field(
        "pymongo", description="Driver: PyMongo's own async API, or Motor (needs the extra 'motor')."
    )
    mongodb_cache_mb: int | None = Field(
        None,
        ge=256,
        description="Memory the private mongod may use as its cache, in MB. Default: an eighth of all, 512 to 2048.",
    )
    workers: int = Field(1, ge=1, le=64, description="Number of server processes.")
    seed: bool = Field(
        False, description="Load the trials and sample patients of the seed directory into an empty store."
    )
    seed_dir: Path | None = Field(None, description="Directory of the seed. Default: seed/ beside the package or here.")
    default_count: int = Field(50, ge=1, description="Entries on a page of search results when _count is not given.")
    max_count: int = Field(1000, ge=1, description="Most entries on a page; a larger _count is lowered to it.")
    max_included: int = Field(1000, ge=1, description="Most resources that _include and _revinclude add to a page.")
    max_chained: int = Field(
        20000,
        ge=1,
        le=50000,
        description="Most resources that chains, _has, _list and _in of a search lead to; more are refused with 422. "
        "Pages of a chain that is a criterion by itself have no such bound.",
    )
    max_expansion: int = Field(
        10000, ge=1, description="Most codes of an expansion, and of a value set that a search asks for with :in."
    )
    max_body_mb: int = Field(64, ge=1, description="Largest request body, in MB; a larger one is refused with 413.")
    max_bundle_entries: int = Field(
        10000, ge=1, description="Most entries of a batch or transaction; a larger one is refused with 413."
    )
    search_timeout_s: float = Field(
        20, gt=0, description="Seconds a search may take in the database before it is ended."
    )
    max_scanned: int = Field(
        20000,
        ge=0,
        description="Resources of a type up to which a search looks through all of them where no index answers it, as "
        "for ':contains' on what contains_index does not list; of more it is refused with 422, unless the parameter "
        "has few different values.",
    )
    explain: Literal["local", "all", "none"] = Field(
        "local",
        description="Who may have a search explained by `_explain=true` or `Prefer: explain`: clients on the server's "
        "own machine that come through no proxy, everybody, or nobody.",
    )
    cache_mb: int | None = Field(
        None,
        ge=0,
        description="Memory of each server process for resource versions ready to send, in MB. Default: a "
        "thirty-second of all, 64 to 256.",
    )
    validation: Literal["strict", "structure"] = Field(
        "strict",
        description="What a written resource must satisfy: 'structure' alone, or required bindings, the types of "
        "references, invariants and the profiles that it claims too.",
    )
    conditional_delete: Literal["single", "multiple"] = Field(
        "single",
        description="What a conditional delete that matches several does: refuse with 412, or delete them all.",
    )
    referential_integrity: Literal["enrolment", "all", "none"] = Field(
        "enrolment",
        description="Whose references must lead somewhere, so that what they name is not deleted: those of "
        "ResearchSubjects, of all resources (run `fhirserver reindex` once after changing to it), or of none.",
    )
    enforce_target_number: bool = Field(
        True, description="Refuse an enrolment that would exceed the study's recruitment.targetNumber."
    )
    full_text: list[str] = Field(
        default_factory=lambda: list(READ),
        description="Types whose words can be searched by _content and _text, as a JSON list; '*' is every type (run "
        "`fhirserver reindex` once after changing it). Each costs a posting for every word on a write.",
    )
    contains_index: list[str] = Field(
        default_factory=lambda: list(NAMED),
        description="Types, or single parameters as Patient.address, whose strings are indexed by three letters and by "
        "words, so that ':contains' and ':text' cost what they find, as a JSON list; '*' is every type (run "
        "`fhirserver reindex` once after changing it).",
    )
    cors_origins: list[str] = Field(
        default_factory=lambda: ["*"], description="Origins whose browser apps may call, as a JSON list."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged; requests are logged at 'info', failed ones above."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Form of a log line: JSON for programs, text for people; 'auto' is text on a terminal."
    )
    metrics: bool = Field(True, description="Serve /metrics to Prometheus.")
