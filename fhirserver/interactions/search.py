"""search: a page of matches and what they include, as a Bundle.

https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fhirserver.errors import BadRequest


def query_params(query: str) -> list[tuple[str, str]]:
    """The parameters of a query string in order, each as often as it stands there."""
    try:
        return parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=500)
    except UnicodeDecodeError:
        raise BadRequest("The query is not percent-encoded UTF-8.", expression="query") from None
    except ValueError:
        raise BadRequest("The query has more than 500 parameters.", expression="query", code="too-costly") from None
