"""fhirserver serve: a private mongod, the seed, the server, and all of it ended again."""

from __future__ import annotations

import asyncio
import http.client
import logging.config
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from fhirserver.app import MONGODB_URI, create_app
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Uri
from fhirserver.cli.seeding import seed_once
from fhirserver.errors import StartupError
from fhirserver.garbage import settle
from fhirserver.interactions import operations, standard_parameters
from fhirserver.resources.registry import RELEASES
from fhirserver.settings import Settings
from fhirserver.web import logs
from fhirserver.web.application import Application
from fhirserver.web.workers import shared


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Number of server processes.", show_default="1")] = None,
    seed: Annotated[
        bool | None,
        typer.Option("--seed/--no-seed", help="Load the sample trials and patients once.", show_default="no-seed"),
    ] = None,
) -> None:
    """Run the server; without --mongodb-uri it starts a private mongod of its own and stops it again."""
    chosen = common.settings(
        host=host,
        port=port,
        mongodb_uri=mongodb_uri,
        database=database,
        data_dir=data_dir,
        workers=workers,
        seed=seed,
    )
    logging.config.dictConfig(logs.configuration(chosen))
    signal.signal(signal.SIGTERM, _leave)
    with listening(chosen) as listener, common.database(chosen, exclusive=True) as uri:
        place = _address(chosen, listener)
        asyncio.run(_prepare(chosen, uri, place))
        _run(chosen, uri, listener, place)


def _leave(signum: int, frame: FrameType | None) -> None:
    # uvicorn raises the signal again when it is done: leave by the front door, so that mongod is stopped too.
    sys.exit(0)


def listening(chosen: Settings) -> socket.socket:
    """The listening socket, taken before anything else is started."""
    try:
        family, *_ = socket.getaddrinfo(chosen.host, chosen.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((chosen.host, chosen.port))
        listener.listen(2048)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {chosen.host}:{chosen.port} ({error.strerror}): choose another port with --port."
        ) from None
    return listener


def _address(chosen: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return chosen.base_url.rstrip("/") if chosen.base_url else f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _prepare(chosen: Settings, uri: str, place: str) -> None:
    async with common.opened(chosen.model_copy(update={"base_url": place}), uri) as server:
        for release in RELEASES:
            base = replace(server.seen_in(release), base=f"{place}/{release.lower()}")
            await operations.publish(base)
            await standard_parameters.publish(base)
        if chosen.seed:
            await seed_once(server)


class _Announcing(uvicorn.Server):
    """Says where to look once it answers."""

    chosen: Settings
    place: str

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            settle()
            announce(self.chosen, self.place)


def _config(chosen: Settings, application: Application | str) -> uvicorn.Config:
    """How uvicorn serves: an application, or for several workers the name of what makes one in each."""
    return uvicorn.Config(
        application,
        factory=isinstance(application, str),
        workers=chosen.workers,
        log_config=logs.configuration(chosen),
        log_level=chosen.log_level if chosen.log_level != "info" else "warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def _run(chosen: Settings, uri: str, listener: socket.socket, place: str) -> None:
    if chosen.workers == 1:
        server = _Announcing(_config(chosen, create_app(chosen, uri)))
        server.chosen, server.place = chosen, place
        server.run(sockets=[listener])
        return
    os.environ[MONGODB_URI] = uri
    os.environ.update(
        (f"FHIRSERVER_{name.upper()}", str(getattr(chosen, name))) for name in ("host", "port", "database", "data_dir")
    )
    config = _config(chosen, "fhirserver.app:from_environment")
    threading.Thread(target=_announce_when_ready, args=(chosen, listener, place), daemon=True).start()
    with shared():
        Multiprocess(config, [listener]).run()


def _announce_when_ready(chosen: Settings, listener: socket.socket, place: str) -> None:
    """Workers say nothing themselves: a first request waits in the queue until one of them answers it."""
    host, port = listener.getsockname()[:2]
    probe = http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, port, timeout=60)  # noqa: S104
    try:
        probe.request("GET", "/health/ready")
        if probe.getresponse().status == 200:
            announce(chosen, place)
    except OSError:
        return  # the workers did not come up, which uvicorn says
    finally:
        probe.close()


KEEP_ALIVE_S = 75
"""Seconds a connection may idle: longer than the pools of integration engines keep theirs, so that they close first."""

SEEDED = (
    "curl '{r5}/ResearchStudy?identifier=NCT02083731&_include=ResearchStudy:protocol&_pretty=true'",
    "curl '{r5}/Condition?code:text=Cytomegalovirus&_include=Condition:subject&_pretty=true'",
    "curl '{r5}/ResearchStudy/NCT02083731/$enroll' -H 'Content-Type: application/fhir+json' -d "
    """'{{"resourceType":"Parameters","parameter":[{{"name":"subject","valueReference":"""
    """{{"reference":"Patient/mei-synthetic"}}}}]}}'""",
)
BARE = (
    "curl '{r5}/metadata?_pretty=true'",
    "fhirserver import RECORD.json",
    "curl '{r5}/ResearchStudy?_pretty=true'",
)


def announce(chosen: Settings, place: str) -> None:
    """Where to look, and three lines to try."""
    lines = [line.format(r5=f"{place}/r5") for line in (SEEDED if chosen.seed else BARE)]
    text = "\n  ".join([f"fhirserver is ready at {place} (FHIR R5 at {place}/r5; Ctrl-C stops it). Try:", *lines])
    common.out.print(text, soft_wrap=True, markup=False)
