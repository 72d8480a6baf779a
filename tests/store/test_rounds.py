"""Rounds: nobody is left waiting, nothing waits for company, and what goes wrong concerns its own round alone."""

from __future__ import annotations

import asyncio

import pytest

from fhirserver.store.rounds import Round, Rounds

Sizes = list[list[int]]


def counting(met: Sizes, *, at_once: int = 1, most: int = 8, begun: asyncio.Event | None = None) -> Rounds[int, int]:
    """Rounds that double what is asked for, take two turns of the loop, and write down what was together."""

    async def carry_out(together: Round[int, int]) -> None:
        met.append([each.asked for each in together])
        if begun is not None:
            begun.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for each in together:
            each.answer(2 * each.asked)

    return Rounds(carry_out, at_once, most, lambda asked: asked)


async def test_what_is_asked_for_alone_is_carried_out_alone_and_what_comes_meanwhile_together() -> None:
    met: Sizes = []
    begun = asyncio.Event()
    rounds = counting(met, begun=begun)
    assert await rounds.ask(3) == 6
    assert met == [[3]]
    begun.clear()
    first = asyncio.create_task(rounds.ask(1))
    await begun.wait()
    assert await asyncio.gather(*(rounds.ask(2) for _ in range(3))) == [4, 4, 4]
    assert await first == 2
    assert met == [[3], [1], [2, 2, 2]]


async def test_a_round_takes_as_much_as_it_may_or_one_that_is_larger() -> None:
    met: Sizes = []
    rounds = counting(met)
    asked = [3, 3, 3, 9, 8, 1]
    assert await asyncio.gather(*(rounds.ask(each) for each in asked)) == [2 * each for each in asked]
    assert met == [[3, 3], [3], [9], [8], [1]]


async def test_a_round_waits_for_what_is_coming_until_it_is_full_or_nothing_comes_any_more() -> None:
    met: Sizes = []
    coming = True
    rounds = counting(met, at_once=2, most=60)
    rounds.coming = lambda: coming
    few = [asyncio.create_task(rounds.ask(20)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert met == [], "more is coming, and there is room"
    few.append(asyncio.create_task(rounds.ask(20)))
    assert await asyncio.gather(*few) == [40, 40, 40]
    assert met == [[20, 20, 20]], "full"
    last = asyncio.create_task(rounds.ask(1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(met) == 1
    coming = False
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert met == [[20, 20, 20], [1]]
    assert await last == 2


async def test_a_round_does_not_wait_for_ever_for_what_never_comes() -> None:
    rounds = counting([], most=6)
    rounds.coming = lambda: True
    async with asyncio.timeout(5):
        assert await rounds.ask(1) == 2


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_who_comes_the_moment_a_round_ends_is_answered(at_once: int) -> None:
    met: Sizes = []
    rounds = counting(met, at_once=at_once)

    async def several(number: int) -> None:
        for turn in range(50):
            assert await rounds.ask(turn) == 2 * turn
            for _ in range((turn + number) % 4):
                await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(several(number) for number in range(2 * at_once)))
    assert sum(map(len, met)) == 100 * at_once


async def test_what_a_round_raises_comes_to_those_that_it_left_unanswered() -> None:
    async def carry_out(together: Round[int, int]) -> None:
        together[0].answer(0)
        if any(each.asked < 0 for each in together):
            raise ValueError("below zero")
        for each in together:
            each.answer(each.asked)

    rounds: Rounds[int, int] = Rounds(carry_out, 1, 3)
    found = await asyncio.gather(*(rounds.ask(each) for each in (1, -1, 2, 7, 8, 9)), return_exceptions=True)
    assert [str(each) for each in found] == ["0", "below zero", "below zero", "0", "8", "9"]


async def test_who_gives_up_waiting_leaves_the_others_answered() -> None:
    rounds = counting([], most=100)
    asked = [asyncio.create_task(rounds.ask(number)) for number in range(8)]
    await asyncio.sleep(0)
    for each in asked[::2]:
        each.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[1::2] == [2, 6, 10, 14]
    assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])


async def test_a_round_that_is_cancelled_keeps_nobody_waiting() -> None:
    async def carry_out(together: Round[int, int]) -> None:
        raise asyncio.CancelledError

    rounds: Rounds[int, int] = Rounds(carry_out, 1, 3)
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(rounds.ask(each) for each in range(7)), return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in found)
