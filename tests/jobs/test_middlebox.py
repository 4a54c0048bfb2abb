"""What stands between us and the vendor: it sends a request twice, or delivers it when we have long given it up."""

import asyncio
from collections.abc import Callable

import httpx  # noqa: TID251 - the test edge plays the network
import pytest

from leadsync.app import App
from leadsync.core.model import Outcome
from tests.jobs.books import assert_books_agree
from tests.jobs.house import HOUR_S, foreign, somebody_is_faster
from tests.stage import Stage, Wire

Build = Callable[..., Stage]


def again(request: httpx.Request) -> httpx.Request:
    """The same request, to be carried once more."""
    return httpx.Request(request.method, request.url, headers=request.headers, content=request.content)


class Doubling(Wire):
    """Carries every search twice, and answers with the second answer."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, twice there and once back."""
        if request.method == "POST":
            await super().handle_async_request(again(request))
        return await super().handle_async_request(request)


class Late(Wire):
    """Loses the n-th search, and delivers it after all, so many searches later; nobody hears its answer."""

    def __init__(self, wire: Wire, lost: int, delay: int) -> None:
        super().__init__(wire.simulator)
        self._lost, self._delay, self._kept = lost, delay, list[httpx.Request]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, there and back, unless it is kept."""
        if request.method != "POST":
            return await super().handle_async_request(request)
        if self.searches + 1 == self._lost and not self._kept:
            self._kept.append(again(request))
            raise httpx.ReadTimeout("lost for now", request=request)
        response = await super().handle_async_request(request)
        if self._kept and self.searches == self._lost + self._delay:
            await super().handle_async_request(self._kept[0])
        await asyncio.sleep(0)
        return response


def test_a_request_that_is_doubled_costs_nothing(build: Build) -> None:
    """Two of each on the wire: the vendor knows the key, and one page is billed and stored."""
    stage = build(size=250)
    stage.job()
    stage.change(transport=Doubling(stage.sim))
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_request_that_comes_late_costs_nothing(build: Build, lost: int) -> None:
    """It arrives when its replay has been answered: the vendor knows its key, and the books agree all the same."""
    stage = build(size=250)
    stage.job()
    stage.change(transport=Late(stage.wire, lost, delay=0))
    assert stage.end().outcome is Outcome.COMPLETE
    assert len(stage.logged("reply.lost")) == 1
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


def test_a_request_that_comes_after_a_later_key_costs_nothing(build: Build) -> None:
    """Much later, when the next page has been stored: a known key moves nothing, whenever it comes."""
    stage = build(size=250)
    stage.job()
    stage.change(transport=Late(stage.wire, 1, delay=1))
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert stage.end().outcome is Outcome.COMPLETE


def refused_with_a_key_on_its_way(build: Build) -> Stage:
    """A job whose first request is not answered, and whose replay finds that somebody has taken the last slot."""
    stage = build(size=250, account="session_cap = 3\nsession_reserve = 0", session_cap=3)
    foreign(stage, 2)
    stage.job(schedule='every = "7d"')
    late = Late(stage.wire, 1, delay=1)
    late.before[1] = lambda: somebody_is_faster(stage)
    stage.change(transport=late)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.WAITING, None)
    assert stage.rows("SELECT state FROM page") == [("asked",)]
    return stage


def test_a_request_that_comes_once_a_slot_is_free_costs_nothing(build: Build) -> None:
    """Its replay was refused for want of a slot: the same key is sent again then, so that its page is not lost."""
    stage = refused_with_a_key_on_its_way(build)
    stage.sim.delete_session("faster")
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_who_waits_with_a_key_on_its_way_is_called(build: Build) -> None:
    """The slot that it needs is its own: a running daemon sends the key again as soon as the vendor may have room."""
    stage = refused_with_a_key_on_its_way(build)

    async def then_there_is_room(_: App) -> None:
        await asyncio.sleep(HOUR_S)
        stage.sim.delete_session("faster")

    stage.serve(3 * HOUR_S, then_there_is_room)
    assert [outcome for (outcome,) in stage.rows("SELECT outcome FROM run ORDER BY id")][-1] == "complete"
    assert_books_agree(stage)
