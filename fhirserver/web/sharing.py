"""Which browsers' apps may call the FHIR bases, and which headers they may send and see (CORS).

https://fetch.spec.whatwg.org/#http-cors-protocol, https://hl7.org/fhir/R5/http.html#security
"""

from __future__ import annotations

from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp

from fhirserver.errors import Forbidden
from fhirserver.settings import Settings
from fhirserver.web.responses import refusal
from fhirserver.web.routes import ROUTES

EXPOSED = (
    "Allow",
    "Content-Disposition",
    "Content-Location",
    "ETag",
    "Last-Modified",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "Warning",
    "WWW-Authenticate",
    "X-Correlation-Id",
    "X-Request-Id",
)
"""Headers of an answer that scripts may read, beside those that they always may (Content-Type, Cache-Control …)."""


class Sharing(CORSMiddleware):
    """Answers browsers that ask first, and says on other answers who may read them.

    Any header may be sent: a SMART app's Authorization, If-Match, Prefer and the like need permission one by one.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=sorted({"HEAD", *(method for method, *_ in ROUTES)}),
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to OPTIONS; an OperationOutcome where the answer is no."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        said = "This server is not shared like that with other origins: ask its operator for the setting cors_origins."
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return refusal(Forbidden(said, expression="Origin", headers=headers))
