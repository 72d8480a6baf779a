"""Turns: one at a time, in their order, and what else the loop has to do goes on between them."""

from __future__ import annotations

import asyncio

from fhirserver.store.turns import ROUNDS, Turns


async def test_turns_are_taken_in_order_with_the_loop_going_round_in_between() -> None:
    turns, met = Turns(), list[str]()

    async def busy(name: str) -> None:
        await turns.take()
        met.append(name)

    async def beside() -> None:
        for _ in range(5 * ROUNDS):
            met.append("-")
            await asyncio.sleep(0)

    await asyncio.gather(*(busy(name) for name in "abcd"), beside())
    assert [each for each in met if each != "-"] == list("abcd")
    first, last = met.index("a"), met.index("d")
    assert met[first : last + 1].count("-") >= 3 * ROUNDS


async def test_a_turn_is_under_way_until_the_last_one_is_over() -> None:
    turns, met = Turns(), list[bool]()
    assert not turns.under_way

    async def busy() -> None:
        await turns.take()
        met.append(turns.under_way)

    await asyncio.gather(*(busy() for _ in range(3)))
    assert met == [True, True, True]
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    assert not turns.under_way


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    turns = Turns()
    waiting = [asyncio.create_task(turns.take()) for _ in range(6)]
    await asyncio.sleep(0)
    for each in waiting[::2]:
        each.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting, return_exceptions=True)
        await turns.take()
