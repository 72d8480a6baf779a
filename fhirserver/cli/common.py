"""What the commands share: settings from flags, an open server, files, a progress bar."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fhirserver.errors import FhirError, StartupError
from fhirserver.interactions.in_force import watching
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import RELEASES, Release
from fhirserver.search.added import in_force
from fhirserver.settings import Settings
from fhirserver.store import embedded
from fhirserver.store.client import connect

T = TypeVar("T")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Uri = Annotated[
    str | None,
    typer.Option("--mongodb-uri", help="MongoDB to use.", show_default="a private mongod on the data directory"),
]
Database = Annotated[str | None, typer.Option("--database", help="Name of the database.", show_default="fhirserver")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of the private mongod's data.", show_default=".fhirserver"),
]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders.", metavar="PATH")]


def release_named(name: str) -> Release:
    """The release that a flag names."""
    for release in RELEASES:
        if name == release:
            return release
    raise StartupError(f"There is no FHIR release '{name}' here: choose R5 or R4.")


def settings(**given: Any) -> Settings:
    """The settings: flags that were given over the environment over the defaults."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise StartupError(
            f"The setting '{name}' (FHIRSERVER_{name.upper()}) is wrong: {first['msg']}. docs/settings.md lists all."
        ) from None


@contextmanager
def database(chosen: Settings, *, exclusive: bool = False) -> Iterator[str]:
    """The address of the MongoDB to use; a private mongod runs as long as the context."""
    if chosen.mongodb_uri is not None:
        yield chosen.mongodb_uri.get_secret_value()
        return
    with embedded.running(chosen, exclusive=exclusive) as mongod:
        yield mongod.uri


def with_server(chosen: Settings, work: Callable[[Server], Awaitable[T]], release: Release = "R5") -> T:
    """Runs `work` on an open server, on the mongod of a running server if there is one."""

    async def go(uri: str) -> T:
        async with opened(chosen, uri, release) as server:
            return await work(server)

    with database(chosen) as uri:
        return asyncio.run(go(uri))


@asynccontextmanager
async def opened(chosen: Settings, uri: str, release: Release = "R5") -> AsyncIterator[Server]:
    """An open server of one release."""
    store = await connect(chosen, uri)
    try:
        origin = chosen.base_url.rstrip("/") if chosen.base_url else f"http://{chosen.host}:{chosen.port}"
        async with watching(store) as parameters:
            with in_force(parameters.now):
                yield Server(chosen, store.seen_in(release), release, f"{origin}/{release.lower()}")
    finally:
        await store.close()


def files(paths: Sequence[Path], endings: Sequence[str]) -> list[Path]:
    """The files named, and those with one of `endings` in the folders named, in order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            walk = ((Path(top) / name) for top, _, names in os.walk(path) for name in names)
            found.extend(sorted(file for file in walk if file.suffix.lower() in endings))
        elif path.exists():
            found.append(path)
        else:
            raise StartupError(f"There is no file or folder {path}: check the path.")
    if not found:
        raise StartupError(f"There is no file ending in {', '.join(endings)} in {', '.join(map(str, paths))}.")
    return found


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr where a person looks on; calling what it yields moves it by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def progress_of_bytes(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """The same for records in files of so many bytes, or of unknown length; what it yields is told of each record."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[records]} records, {task.fields[rate]:.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=total, records=0, rate=0.0)
        count = 0

        def advance(size: int) -> None:
            nonlocal count
            count += 1
            rate = count / max(time.monotonic() - began, 0.001)
            bar.update(task, advance=size, records=count, rate=rate)

        yield advance


def complain(place: object, sentence: object) -> None:
    """One failure on stderr; of a refusal every issue with the elements it is about."""
    said = str(sentence)
    if isinstance(sentence, FhirError):
        said = "; ".join(f"{' '.join(each.expression)} {each.diagnostics}".strip() for each in sentence.issues)
    err.print(f"[red]{escape(str(place))}[/red]: {escape(said)}", soft_wrap=True)
