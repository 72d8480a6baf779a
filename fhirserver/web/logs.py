"""Logs, a line each on standard error: JSON for programs, text for people, and never a patient's data.

A line holds what the server knows by itself: names from closed sets, numbers, places in the code. What clients send
(addresses, bodies, headers, and messages of errors that may quote them) stays out of it.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TextIO

import msgspec

from fhirserver.settings import Settings
from fhirserver.web.record import RECORD, Record

_requests = logging.getLogger("fhirserver.request")
_QUIET = frozenset({"health", "metrics"})
"""Asked every few seconds by machines: logged at the level debug."""


def log_request(record: Record, seconds: float) -> None:
    """The line of a request that was answered."""
    if record.status == 500:
        level = logging.ERROR
    elif record.status > 500:
        level = logging.WARNING
    else:
        level = logging.DEBUG if record.interaction in _QUIET else logging.INFO
    if not _requests.isEnabledFor(level):
        return
    # logging's own shortcut would look for the calling line, which is always this one.
    line = logging.LogRecord(_requests.name, level, __file__, 0, "request", None, None)
    line.fields = {
        "interaction": record.interaction,
        "type": record.type or None,
        "status": record.status,
        "ms": round(seconds * 1000, 2),
        "database_ms": round(record.tally.seconds * 1000, 2),
        "bytes": record.size,
        "release": record.release,
    }
    _requests.handle(line)


def place(error: BaseException | None) -> str:
    """Where an error was raised: file and line of the innermost frames, without values."""
    places = []
    frame = error.__traceback__ if error is not None else None
    while frame is not None:
        code = frame.tb_frame.f_code
        _, package, below = code.co_filename.rpartition("fhirserver/")
        places.append(f"{below if package else code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}")
        frame = frame.tb_next
    return " > ".join(places[-6:])


class _Formatter(logging.Formatter):
    """What both forms of a line share."""

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        """The parts of a line in order, without those that are empty."""
        found = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        current = RECORD.get()
        if current is not None:
            found["request_id"] = current.id
        fields = record.__dict__.get("fields")
        if fields:
            found.update(fields)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            found |= {"error": type(error).__name__, "place": place(error)}
        return found


@lru_cache(2)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def _message(record: logging.LogRecord) -> str:
    """A message; of those that are not ours the first line, and what others fill into it is left out."""
    ours = record.name.startswith(("fhirserver", "uvicorn"))
    if not ours and not isinstance(record.msg, str):
        return type(record.msg).__name__
    text = record.getMessage() if ours else record.msg
    return text.strip().partition("\n")[0]


class JsonLines(_Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return msgspec.json.encode(self.parts(record)).decode()


class TextLines(_Formatter):
    """A line for people: the hour, the level, what happened, then the rest by name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        parts = self.parts(record)
        time, level, message = parts.pop("time")[11:23], parts.pop("level"), parts.pop("message", "")
        parts.pop("logger")
        if "interaction" in parts:
            named = [parts.pop(name, None) for name in ("interaction", "type", "status")]
            message = " ".join(str(part) for part in named if part is not None)
        rest = " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)
        return f"{time} {level:<7} {message}  {rest}".rstrip()


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines to standard error, which needs no flushing; requests wait for it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        try:
            self.stream.write(self.format(record) + "\n")
        except (OSError, ValueError):
            self.handleError(record)


FORMATS: dict[Literal["json", "text"], type[_Formatter]] = {"json": JsonLines, "text": TextLines}


def configuration(settings: Settings) -> dict[str, Any]:
    """The configuration of logging for this process and its workers, as logging.config.dictConfig takes it."""
    chosen = settings.log_format
    if chosen == "auto":
        chosen = "text" if sys.stderr.isatty() else "json"
    formatter = FORMATS[chosen]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__name__}"}},
        "handlers": {"stderr": {"()": f"{Lines.__module__}.{Lines.__name__}", "formatter": "line"}},
        # Drivers and libraries say a client's data at lower levels.
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"fhirserver": {"level": settings.log_level.upper()}},
    }
