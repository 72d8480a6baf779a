"""The sample trials and patients, loaded once into a store."""

from __future__ import annotations

from pathlib import Path

from fhirserver import fhirjson
from fhirserver.cli.common import err
from fhirserver.errors import StartupError
from fhirserver.interactions import bundle
from fhirserver.interactions.import_record import import_record
from fhirserver.interactions.server import Server

MARK = "seeded"


def seed_dir(server: Server) -> Path:
    """The directory of the seed: the setting, else seed/ beside the package or here."""
    chosen = server.settings.seed_dir
    for place in [chosen] if chosen else [Path(__file__).parents[2] / "seed", Path("seed")]:
        if (place / "trials").is_dir():
            return place
    raise StartupError("There is no seed directory here: give one with FHIRSERVER_SEED_DIR, or start with --no-seed.")


async def seed_once(server: Server) -> None:
    """Imports seed/trials and loads seed/fhir, unless that was done before (what was deleted since stays away)."""
    if await server.store.marked(MARK):
        return
    place = seed_dir(server)
    trials = sorted((place / "trials").glob("*.json"))
    bundles = sorted((place / "fhir").glob("*.json"))
    for path in trials:
        await import_record(server, path.read_bytes())
    for path in bundles:
        await bundle.process(server, fhirjson.loads_resource(path.read_bytes()))
    await server.store.mark(MARK)
    err.print(f"Loaded the seed: {len(trials)} trial records and {len(bundles)} bundles of sample patients.")
