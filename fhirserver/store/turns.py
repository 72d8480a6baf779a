"""One request at a time of those that keep the processor busy: between two of them the event loop goes round.

Many that come at the same moment would else all be worked on before anything that the database has answered meanwhile;
then all wait for the database together, and it for them. https://docs.python.org/3/library/asyncio-eventloop.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

ROUNDS = 6
"""Times that the loop goes round for a turn: the driver takes about as many steps from an answer of the database to
whoever waits for it, and each would else wait for another request's turn."""


@dataclass(slots=True)
class Turns:
    """Those of one event loop that wait for their turn, first come first served."""

    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _called: bool = False

    @property
    def under_way(self) -> bool:
        """Whether somebody has a turn, or waits for one."""
        return self._called

    async def take(self) -> None:
        """Waits for a turn, which ends when the task waits for something else."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if not self._called:
            self._called = True
            loop.call_soon(self._next, loop)
        await mine

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = bool(self._waiting)
        while self._waiting:
            mine = self._waiting.popleft()
            if not mine.done():  # whoever waited may have gone
                mine.set_result(None)
                break
        if self._called:
            # After the last one too, whose turn is over by then.
            loop.call_soon(self._rest, loop, ROUNDS - 1)

    def _rest(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if rounds:
            loop.call_soon(self._rest, loop, rounds - 1)
        else:
            self._next(loop)
