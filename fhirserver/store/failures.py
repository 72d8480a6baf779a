"""What the driver raises, told as refusals a client understands; the one place that knows both sides.

https://www.mongodb.com/docs/manual/reference/error-codes/
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from fhirserver.errors import Conflict, FhirError, TooCostly, TooLarge, Unavailable, Unprocessable

_TIMED_OUT = {50, 262}
_TOO_LARGE = {10334, 17419, 17420}
_TOO_MUCH = 388
"""A transaction that changes more keys than the cache may hold unwritten."""
_WRITE_CONFLICT = 112
DUPLICATE = 11000
"""The code of an insert that met a document with the same `_id`."""
_DISK_FULL = {14031}
_DOWN = {91, 189, 11600, 11602, 13436}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into FhirError kinds; what cannot be a client's or an outage's fault passes through."""
    try:
        yield
    except (PyMongoError, BSONError, OverflowError, UnicodeEncodeError) as error:
        refusal = refusal_for(error)
        if refusal is None:
            raise
        raise refusal from error


def refusal_for(error: Exception) -> FhirError | None:
    """The refusal an error of the driver stands for, if any."""
    code = error.code if isinstance(error, OperationFailure) else None
    match error:
        case WaitQueueTimeoutError():
            return Unavailable("The store is busy: try again in a moment.", code="throttled")
        case DocumentTooLarge():
            return _too_large()
        case AutoReconnect() | ConnectionFailure():
            return Unavailable("The store cannot be reached now: try again in a moment.")
        case ExecutionTimeout():
            return _too_costly()
        case BulkWriteError():
            codes = {e.get("code") for e in (error.details or {}).get("writeErrors", ())}
            if codes & _TOO_LARGE:
                return _too_large()
            if _TOO_MUCH in codes:
                return _too_much()
            return Conflict(_CONFLICT) if codes & {_WRITE_CONFLICT, DUPLICATE} else None
        case OperationFailure() if code in _TIMED_OUT:
            return _too_costly()
        case OperationFailure() if code in _TOO_LARGE or "BSONObjectTooLarge" in str(error):
            return _too_large()
        case OperationFailure() if code == _TOO_MUCH:
            return _too_much()
        case OperationFailure() if code == _WRITE_CONFLICT or error.has_error_label("TransientTransactionError"):
            return Conflict(_CONFLICT)
        case OperationFailure() if code in _DOWN or error.has_error_label("RetryableWriteError"):
            return Unavailable("The store is changing over: try again in a moment.")
        case OperationFailure() if code in _DISK_FULL:
            return Unavailable("The store's disk is full: its operator must make room.")
        case InvalidOperation() if "closed" in str(error) or "after close" in str(error):
            return Unavailable("The store is shutting down.")
        case BSONError() | OverflowError() | UnicodeEncodeError():
            return Unprocessable("The resource holds a name or a value that cannot be stored.", code="value")
    return None


_CONFLICT = "Another client changed the same resource at the same time: read it again and repeat the request."


def _too_large() -> TooLarge:
    return TooLarge("The resource is larger than the 16 MB that can be stored: split it.")


def _too_much() -> TooLarge:
    return TooLarge(
        "The transaction has more to be indexed than the database's cache can hold: send it in several, or raise the "
        "cache (of a private database by the setting mongodb_cache_mb)."
    )


def _too_costly() -> TooCostly:
    return TooCostly("The search took too long and was ended: narrow it with further parameters.")


def is_duplicate(error: Exception) -> bool:
    """Whether an insert met a document with the same `_id`."""
    if isinstance(error, BulkWriteError):
        errors = (error.details or {}).get("writeErrors", ())
        return bool(errors) and all(e.get("code") == DUPLICATE for e in errors)
    return isinstance(error, DuplicateKeyError)


def is_transient(error: BaseException) -> bool:
    """Whether a transaction that failed with `error` may succeed when run again."""
    return isinstance(error, PyMongoError) and (
        error.has_error_label("TransientTransactionError")
        or (isinstance(error, OperationFailure) and error.code == _WRITE_CONFLICT)
    )


def is_commit_unknown(error: BaseException) -> bool:
    """Whether a commit may have happened all the same."""
    return isinstance(error, PyMongoError) and error.has_error_label("UnknownTransactionCommitResult")
