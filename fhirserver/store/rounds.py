"""What several ask for at the same time, carried out in rounds: what comes while one is under way waits for the next.

Nothing waits for company that is not on its way: what is asked for alone is carried out at once, and many share what a
round costs.
https://docs.python.org/3/library/asyncio-task.html
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

PATIENCE = 100
"""Times that the event loop goes round while a round waits for what is coming."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[Asked, Answer]):
    """One thing that is asked for, by somebody who waits; whoever asked may have gone, and then nobody is told."""

    asked: Asked
    done: asyncio.Future[Answer]

    def answer(self, found: Answer) -> None:
        """Tells what came of it."""
        if not self.done.done():
            self.done.set_result(found)

    def fail(self, error: BaseException) -> None:
        """Tells that nothing came of it."""
        if not self.done.done():
            self.done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())


Round = Sequence[Wanted[Asked, Answer]]


@dataclass(slots=True)
class Rounds(Generic[Asked, Answer]):
    """What waits in one process, and the rounds under way, `at_once` of them at most.

    `carry_out` answers all of a round, whose `size` together is `most` at most unless it is one alone. What it leaves
    unanswered fails with what it raises. `coming` says whether more is about to be asked for: then a round begins when
    it is full, or a little later, for two small ones cost more than one.
    """

    carry_out: Callable[[Round[Asked, Answer]], Awaitable[None]]
    at_once: int
    most: int
    size: Callable[[Asked], int] = lambda _: 1
    coming: Callable[[], bool] = lambda: False
    _waiting: deque[Wanted[Asked, Answer]] = field(default_factory=deque)
    _workers: int = 0
    _under_way: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, asked: Asked) -> Answer:
        """What comes of one; it may raise what concerns this one alone."""
        wanted: Wanted[Asked, Answer] = Wanted(asked, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        if self._workers < self.at_once:
            self._workers += 1
            # It works for many: what it does is counted and logged as none's.
            task = asyncio.create_task(self._work(), context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await wanted.done

    async def _work(self) -> None:
        try:
            # Those that come in one go come one after the other: let them.
            await asyncio.sleep(0)
            while await self._ready():
                await self._round(self._next())
        except BaseException as error:
            # The process ends: nobody is left waiting for what will not be done.
            while self._waiting:
                self._waiting.popleft().fail(error)
            raise
        finally:
            # At once, not when the task is seen to have ended: who comes in between would wait for nobody.
            self._workers -= 1

    async def _ready(self) -> bool:
        """Whether there is a round to begin, once it is worth beginning."""
        for _ in range(PATIENCE):
            if not self._waiting or not self.coming() or self._full():
                break
            await asyncio.sleep(0)
        return bool(self._waiting)

    def _full(self) -> bool:
        """Whether as much waits as a round takes."""
        size = 0
        return any((size := size + self.size(wanted.asked)) >= self.most for wanted in self._waiting)

    async def _round(self, together: Round[Asked, Answer]) -> None:
        self._under_way += 1
        try:
            await self.carry_out(together)
        except BaseException as error:
            for wanted in together:
                wanted.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._under_way -= 1

    def _next(self) -> list[Wanted[Asked, Answer]]:
        together = [self._waiting.popleft()]
        size = self.size(together[0].asked)
        while self._waiting and (size := size + self.size(self._waiting[0].asked)) <= self.most:
            together.append(self._waiting.popleft())
        return together
