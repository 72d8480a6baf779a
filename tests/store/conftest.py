"""The store's tests run under both drivers."""

from __future__ import annotations

import importlib.util

import pytest

from fhirserver.settings import Settings


@pytest.fixture(params=["pymongo", "motor"])
def settings(request: pytest.FixtureRequest, mongodb_uri: str, database: str) -> Settings:
    if request.param == "motor" and importlib.util.find_spec("motor") is None:
        pytest.skip("motor is not installed: pip install 'fhirserver[motor]'")
    return Settings(mongodb_uri=mongodb_uri, database=database, mongodb_driver=request.param)
