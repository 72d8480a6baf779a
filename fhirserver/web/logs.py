"""Logs, a line each on standard error: JSON for programs, text for people, and never a patient's data.

A line holds what the server knows by itself: names from closed sets, numbers, places in the code. What clients send
(addresses, bodies, headers, and messages of errors that may quote them) stays out of it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal, TextIO

import msgspec

from fhirserver.settings import Settings
from fhirserver.web.record import Done, current

_requests = logging.getLogger("fhirserver.request")
_encoder = msgspec.json.Encoder()
_QUIET = frozenset({"health", "metrics"})
"""Asked every few seconds by machines: logged at the level debug."""


def log_requests(done: Iterable[Done]) -> None:
    """A line for each request that is over; those of a level go through the machinery of logging together."""
    wall = time.time() - time.perf_counter()
    for level, alike in groupby(done, _level):
        if _requests.isEnabledFor(level):
            lines = logging.LogRecord(_requests.name, level, __file__, 0, "requests", None, None)
            lines.requests = [_line(each, lines.levelname.lower(), wall) for each in alike]
            _requests.handle(lines)


class RequestLine(msgspec.Struct, frozen=True, gc=False):
    """The line of a request, in its order."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str
    interaction: str
    type: str | None
    status: int
    ms: float
    database_ms: float
    bytes: int
    release: str | None


def _line(done: Done, level: str, wall: float) -> RequestLine:
    return RequestLine(
        _instant(wall + done.ended),
        level,
        _requests.name,
        "request",
        done.id.decode(),
        done.interaction,
        done.type or None,
        done.status,
        round(done.took * 1000, 2),
        round(done.database * 1000, 2),
        done.size,
        done.release,
    )


def _level(done: Done) -> int:
    if done.status >= 500:
        return logging.ERROR if done.status == 500 else logging.WARNING
    return logging.DEBUG if done.interaction in _QUIET else logging.INFO


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
    """What both forms share: one line, or those of several requests."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        requests: list[RequestLine] | None = record.__dict__.get("requests")
        if requests is not None:
            return self.requests(requests)
        parts = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        request = current()
        if request is not None:
            parts["request_id"] = request.id.decode()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            parts |= {"error": type(error).__name__, "place": place(error)}
        return self.line(parts)

    def line(self, parts: dict[str, Any]) -> str:
        """A line of its parts."""
        raise NotImplementedError

    def requests(self, lines: list[RequestLine]) -> str:
        """Lines of requests."""
        return "\n".join([self.line(msgspec.structs.asdict(line)) for line in lines])


def _instant(at: float) -> str:
    return f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"


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

    def line(self, parts: dict[str, Any]) -> str:
        """As an object."""
        return msgspec.json.encode(parts).decode()

    def requests(self, lines: list[RequestLine]) -> str:
        """As objects, all of them in one step."""
        return _encoder.encode_lines(lines).decode().rstrip()


class TextLines(_Formatter):
    """A line for people: the hour, the level, what happened, then the rest by name."""

    def line(self, parts: dict[str, Any]) -> str:
        """As words."""
        time, level, message = parts.pop("time")[11:23], parts.pop("level"), parts.pop("message")
        parts.pop("logger")
        if "interaction" in parts:
            named = [parts.pop(name) for name in ("interaction", "type", "status")]
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
