"""Opens the one client of the database; the only place that chooses a driver.

https://pymongo.readthedocs.io/en/stable/api/pymongo/asynchronous/mongo_client.html
"""

from __future__ import annotations

import warnings
from typing import Any, cast

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidName,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.monitoring import CommandListener

from fhirserver.errors import StartupError
from fhirserver.search.richness import Richness
from fhirserver.settings import Settings
from fhirserver.store import indexes, memory
from fhirserver.store.cache import Cache
from fhirserver.store.codec import OPTIONS, Document
from fhirserver.store.context import Context
from fhirserver.store.locks import Queues
from fhirserver.store.store import Store

_UNAUTHORISED = {13, 18, 8000}

_OPTIONS: dict[str, Any] = {
    "appname": "fhirserver",
    "w": "majority",
    "journal": True,
    "retryWrites": True,
    "retryReads": True,
    # What is cached forever must not be rolled back: only what a majority has is read.
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "serverSelectionTimeoutMS": 5000,
    "connectTimeoutMS": 5000,
    "waitQueueTimeoutMS": 10000,
}


async def connect(settings: Settings, uri: str, *listeners: CommandListener) -> Store:
    """Opens the store at `uri`; StartupError when it is unreachable, refuses us, or cannot do transactions.

    `listeners` are told of every command, which costs a read a tenth of its time.
    """
    where = host_of(uri)
    try:
        client = _open(settings.mongodb_driver, uri, *listeners)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise StartupError(
            f"The MongoDB address of {where} is not understood ({type(error).__name__}): write "
            "mongodb://user:password@host:port/?options, with special characters percent-encoded."
        ) from None
    try:
        return await _checked(settings, client, uri)
    except BaseException:
        closed: Any = client.close()
        if closed is not None:
            await closed
        raise


async def _checked(settings: Settings, client: AsyncMongoClient[Document], uri: str) -> Store:
    where = host_of(uri)
    try:
        hello = await client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StartupError(
                f"MongoDB at {where} is a standalone server, which has no transactions: start it with --replSet and "
                "run rs.initiate() once, or leave --mongodb-uri out to use the embedded one."
            )
        db = client.get_database(settings.database, codec_options=OPTIONS)
        await indexes.prepare(db, Richness(frozenset(settings.full_text), frozenset(settings.contains_index)))
    except ConnectionFailure:
        raise StartupError(
            f"MongoDB at {where} cannot be reached: check that it runs and that the address is right."
        ) from None
    except InvalidName:
        raise StartupError(
            f"'{settings.database}' is no name for a database: choose another with --database."
        ) from None
    except OperationFailure as error:
        if error.code in _UNAUTHORISED:
            raise StartupError(
                f"MongoDB at {where} refuses the user: check name, password and authSource, and that the role "
                f"readWrite on '{settings.database}' is granted."
            ) from None
        raise StartupError(f"MongoDB at {where} cannot be used: {_plain(error)}.") from None
    except PyMongoError as error:
        raise StartupError(f"MongoDB at {where} cannot be used: {_plain(error)}.") from None
    cache = Cache(_cache_mb(settings) * 2**20)
    timeout = max(1, int(settings.search_timeout_s * 1000))
    ctx = Context(db, cache, Queues(), timeout, set(), max_scanned=settings.max_scanned)

    def listening(listener: CommandListener) -> AsyncDatabase[Document]:
        return _open(settings.mongodb_driver, uri, listener).get_database(settings.database, codec_options=OPTIONS)

    return Store(ctx, listening)


def _cache_mb(settings: Settings) -> int:
    return memory.VERSIONS.mb() if settings.cache_mb is None else settings.cache_mb


def _open(driver: str, uri: str, *listeners: CommandListener) -> AsyncMongoClient[Document]:
    options = _OPTIONS | {"event_listeners": listeners} if listeners else _OPTIONS
    if driver == "pymongo":
        return AsyncMongoClient(uri, **options)
    try:
        with warnings.catch_warnings():
            # Its makers deprecate it; who chose it by a setting need not be told at every start.
            warnings.simplefilter("ignore", DeprecationWarning)
            from motor.motor_asyncio import AsyncIOMotorClient

            return cast("AsyncMongoClient[Document]", AsyncIOMotorClient(uri, **options))
    except ImportError:
        raise StartupError(
            "The Motor driver is not installed: run `pip install 'fhirserver[motor]'` or leave "
            "FHIRSERVER_MONGODB_DRIVER out."
        ) from None


def host_of(uri: str) -> str:
    """The hosts in a MongoDB address, without user, password and options."""
    rest = uri.partition("://")[2] or uri
    hosts = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return hosts.replace("%2F", "/") or "an empty address"


def _plain(error: PyMongoError) -> str:
    details = getattr(error, "details", None)
    text = details.get("errmsg") if isinstance(details, dict) else None
    return str(text or error).splitlines()[0][:200].rstrip(".")
