"""The floor: what a minimal application of its own, on the same libraries, would do with the same requests.

Bare ASGI, as few PyMongo calls as the work allows, a few fields of its own beside the stored bytes, which are returned
as they are. Nothing is validated. It answers these requests and no others: `python -m bench.floor URI DATABASE PORT`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uuid_utils
import uvicorn
from pymongo import ASCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import floor_documents as documents
from bench.floor_documents import Document

PAGE = 50
FHIR_JSON = "application/fhir+json; charset=utf-8"
INDEXES = {
    "Patient": ("identifier", "name", "birthDate"),
    "ResearchStudy": ("identifier",),
    "ResearchSubject": ("study", "subject"),
    "Observation": ("subject,code", "code,date"),
    "Condition": ("subject", "code"),
}


class Floor:
    """The handlers on one database."""

    def __init__(self, client: AsyncMongoClient[Document], database: str) -> None:
        self.client = client
        self.db = client[database]
        self.history = self.db["history"]

    async def prepare(self) -> None:
        """Makes the indexes that the searches need."""
        for type, indexes in INDEXES.items():
            models = [IndexModel([(field, ASCENDING) for field in index.split(",")]) for index in indexes]
            await self.db[type].create_indexes(models)
        await self.db.create_collection("history")

    async def read(self, request: Request) -> Response:
        """One find."""
        found = await self.db[request.path_params["type"]].find_one(
            {"_id": request.path_params["id"]}, {"v": 1, "b": 1}
        )
        if found is None:
            return Response(status_code=404)
        return _answer(found)

    async def search(self, request: Request) -> Response:
        """One find; one more for a chain and for _include."""
        type = request.path_params["type"]
        params = dict(request.query_params)
        include = params.pop("_include", None)
        if nct := params.pop("study.identifier", None):
            study = await self.db["ResearchStudy"].find_one({"identifier": nct}, {"_id": 1})
            params["study"] = f"ResearchStudy/{study['_id']}" if study else ""
        fields = {"b": 1, "subject": 1} if include else {"b": 1}
        found = await self.db[type].find(documents.filter_of(type, params), fields).limit(PAGE).to_list()
        included: list[Document] = []
        if include:
            ids = list({one["subject"].partition("/")[2] for one in found})
            included = await self.db["Patient"].find({"_id": {"$in": ids}}, {"b": 1}).to_list()
        base = str(request.base_url)
        return Response(documents.searchset(base, str(request.url), type, found, included), media_type=FHIR_JSON)

    async def create(self, request: Request) -> Response:
        """One insert."""
        type = request.path_params["type"]
        document = documents.document(type, _new_id(), 1, documents.decode(await request.body()))
        await self.db[type].insert_one(document)
        return _answer(document, 201, f"{request.base_url}r5/{type}/{document['_id']}/_history/1")

    async def update(self, request: Request) -> Response:
        """One find, one insert into the history, one replace."""
        type, id = request.path_params["type"], request.path_params["id"]
        collection = self.db[type]
        before = await collection.find_one({"_id": id})
        if before is None:
            return Response(status_code=404)
        document = documents.document(type, id, before["v"] + 1, documents.decode(await request.body()))
        await self.history.insert_one(before | {"_id": f"{type}/{id}/{before['v']}"})
        replaced = await collection.replace_one({"_id": id, "v": before["v"]}, document)
        return _answer(document) if replaced.matched_count else Response(status_code=409)

    async def transaction(self, request: Request) -> Response:
        """One MongoDB transaction, one insert a type."""
        by_type = documents.transaction(await request.body(), _new_id)

        async def work(session: AsyncClientSession) -> None:
            for type, new in by_type.items():
                if len(new) == 1:
                    await self.db[type].insert_one(new[0], session=session)
                else:
                    await self.db[type].insert_many(new, session=session)

        async with self.client.start_session() as session:
            await session.with_transaction(work)
        return Response(documents.transaction_response(by_type), media_type=FHIR_JSON)


def _new_id() -> str:
    return str(uuid_utils.uuid7())


def _answer(document: Document, status: int = 200, location: str | None = None) -> Response:
    headers = {"ETag": f'W/"{document["v"]}"'}
    if location:
        headers["Location"] = location
    return Response(document["b"], status, headers, FHIR_JSON)


def application(uri: str, database: str) -> Starlette:
    """The floor as an ASGI application."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(uri, w="majority", journal=True)
    floor = Floor(client, database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await floor.prepare()
        yield
        await client.close()

    routes = [
        Route("/r5/", floor.transaction, methods=["POST"]),
        Route("/r5/{type}", floor.search, methods=["GET"]),
        Route("/r5/{type}", floor.create, methods=["POST"]),
        Route("/r5/{type}/{id}", floor.read, methods=["GET"]),
        Route("/r5/{type}/{id}", floor.update, methods=["PUT"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main(arguments: Sequence[str]) -> None:
    """Serves the floor until it is told to stop."""
    uri, database, port = arguments
    app = application(uri, database)
    options: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "log_level": "warning", "access_log": False}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=int(port), workers=1, **options))
    server.run()


if __name__ == "__main__":
    main(sys.argv[1:])
