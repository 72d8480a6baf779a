"""What the driver's errors mean to a client."""

from __future__ import annotations

import pytest
from pymongo.errors import BulkWriteError, OperationFailure

from fhirserver.errors import TooLarge
from fhirserver.store.failures import refusal_for, translated


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("transaction is too large and will not fit in the storage engine cache", 388),
        BulkWriteError({"writeErrors": [{"index": 1, "code": 388, "errmsg": "transaction is too large"}]}),
    ],
)
def test_a_transaction_beyond_the_cache_says_what_to_do(error: Exception) -> None:
    refusal = refusal_for(error)
    assert isinstance(refusal, TooLarge)
    assert "mongodb_cache_mb" in str(refusal.issues[0].diagnostics)
    with pytest.raises(TooLarge), translated():
        raise error
