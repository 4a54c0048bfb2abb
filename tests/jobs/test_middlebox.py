"""What stands between us and the vendor: it sends a request twice, or delivers it when we have long given it up."""

import asyncio
from collections.abc import Callable

import httpx  # noqa: TID251 - the test edge plays the network
import pytest

from leadsync.core.model import Outcome
from tests.jobs.books import assert_books_agree
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
