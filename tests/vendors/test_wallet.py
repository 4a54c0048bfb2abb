"""The wallet on the wire and through the client, and the vendor's clock as its replies tell it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from leadsync.core.model import Reason
from leadsync.core.replies import Denied, Lost, Refused, Throttled, VendorReply
from leadsync.simulator import Simulator, Switches, World
from leadsync.simulator.spoiling import NO_ABILITY
from leadsync.vendors.batchdata import Access, BatchData
from leadsync.vendors.wire import Trouble, Wallet, decipher_wallet, http_date
from tests.transport import SimulatorTransport
from tests.virtual_time import run_virtually

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)


async def _never(*_given: object) -> None:
    raise AssertionError("nothing here is read on another thread")


def _ask(our_clock: datetime = NOW, **switches: Any) -> tuple[Wallet | Trouble, timedelta | None]:
    """Ask a simulated vendor, whose clock says NOW, for the balance; return it, and how far ahead ours is."""
    simulator = Simulator(World(7, 10), now=lambda: NOW, switches=Switches(**switches))

    async def ask() -> tuple[Wallet | Trouble, timedelta | None]:
        access = Access("https://vendor.example", simulator.token, 3_000)
        client = BatchData(access, transport=SimulatorTransport(simulator), now=lambda: our_clock, off_loop=_never)
        assert client.clock_ahead is None
        wallet = await client.wallet()
        await client.close()
        return wallet, client.clock_ahead

    found = run_virtually(ask())
    assert simulator.bill.records == 0
    return found


def test_the_balance_comes_for_nothing() -> None:
    """What is in the wallet, exactly as it was written; nothing is billed for the question."""
    wallet, _ = _ask(wallet_dollars=42.5)
    assert wallet == Wallet(Decimal("42.5"), "USD")


def test_a_token_that_may_not_look_is_told_so() -> None:
    """The ability `wallet-balance` is one of its own: its lack is no sign that the wallet is empty."""
    wallet, _ = _ask(wallet_ability=False)
    assert wallet == Denied(Reason.ABILITY_MISSING, 403, NO_ABILITY)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=12), -timedelta(days=400)])
def test_the_clock_is_compared_with_the_replys_date(ahead: timedelta) -> None:
    """Also where the reply is a refusal: its Date is as good as any."""
    assert _ask(NOW + ahead)[1] == ahead
    assert _ask(NOW + ahead, wallet_ability=False)[1] == ahead


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"{}",
        b'{"results":{}}',
        b'{"results":{"balance":null}}',
        b'{"results":{"balance":true}}',
        b'{"results":{"balance":1e999}}',
        b'{"results":{"balance":"NaN"}}',
        b'{"results":{"balance":"-Infinity"}}',
        b'{"results":{"balance":1,"currency":"two lines\\n of text"}}',
    ],
)
def test_a_balance_that_is_none_is_lost(body: bytes) -> None:
    """HTML with 200 is no empty wallet, and no figure is shown that cannot be one."""
    assert isinstance(decipher_wallet(200, {}, body, NOW), Lost)


@pytest.mark.parametrize("written", [b"42.5", b'"42.5"', b"4.25e1"])
def test_a_balance_may_be_written_in_several_ways(written: bytes) -> None:
    """A number or a string, with or without a currency; other members are nobody's concern."""
    body = b'{"results":{"balance":' + written + b',"asOf":"2026-11-01"}}'
    assert decipher_wallet(200, {}, body, NOW) == Wallet(Decimal("42.5"), "USD")


@pytest.mark.parametrize(
    ("status", "event"), [(401, Denied), (403, Denied), (429, Throttled), (400, Refused), (502, Lost)]
)
def test_trouble_with_the_wallet(status: int, event: type[VendorReply]) -> None:
    """The same statuses mean the same."""
    assert isinstance(decipher_wallet(status, {}, b"", NOW), event)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Sun, 01 Nov 2026 06:00:00 GMT", NOW),
        ("Sun, 01 Nov 2026 07:00:00 +0100", NOW),
        ("Sun, 01 Nov 2026 06:00:00 -0000", NOW),
        ("yesterday", None),
        ("Sun, 99 Nov 2026 06:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_read_or_it_is_none(written: str | None, moment: datetime | None) -> None:
    """Nonsense in a header is no time, and no error."""
    assert http_date(written) == moment
