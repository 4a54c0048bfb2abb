"""One account, judged: token, vendor, slots, wallet, clock. Pure: what was asked and heard in, checks out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from leadsync.core.model import Listing, Reason
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.slots import SKEW_MAX
from leadsync.reports.doctor.check import Check, ok, unknown, wrong
from leadsync.reports.text import money
from leadsync.vendors.wire import Trouble, Wallet

FILL: Final = "add funds to the team's wallet"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the vendor said to the free questions; None is one that was not asked.

    `clock_ahead` is how far our clock was ahead of the reply's `Date`, None where it had none.
    """

    listed: Listing | Trouble
    wallet: Wallet | Trouble | None = None
    clock_ahead: timedelta | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account. `heard` is None where nothing was asked, since there is no token to ask with.

    `sessions` are those of its enabled jobs; `run_cost` is what one run of each may cost at most, None without a limit;
    `page_cost` what one page of each does.
    """

    name: str
    base_url: str
    heard: Heard | None
    slots: int
    slots_reserved: int
    sessions: tuple[str, ...]
    price: Decimal
    run_cost: Decimal | None
    page_cost: Decimal


def judge_account(facts: AccountFacts) -> Iterator[Check]:
    """Judge what the vendor said, and name what no free question shows."""
    at = f"accounts.{facts.name}"
    heard = facts.heard
    if heard is None:
        for what in ("vendor", "sessions", "wallet", "clock"):
            yield unknown(f"{at}.{what}", "not asked, since the token cannot be read")
    else:
        yield judge_vendor(f"{at}.vendor", facts.base_url, heard.listed)
        yield judge_sessions(f"{at}.sessions", facts, heard.listed)
        yield judge_wallet(f"{at}.wallet", facts, heard.wallet)
        yield judge_clock(f"{at}.clock", heard.clock_ahead)
    yield unknown(
        f"{at}.search",
        "no free call shows whether the token may use property search, nor whether take is honoured; the first page of"
        " a run does",
    )
    yield unknown(
        f"{at}.price",
        f"no free call shows what a record costs; the configuration says ${facts.price}",
        "compare price_per_record with the contract",
    )


def judge_vendor(name: str, base_url: str, listed: Listing | Trouble) -> Check:
    """Whether the vendor is reached, takes the token, and lets it see its sessions."""
    match listed:
        case Denied():
            return _denied(name, listed)
        case SlotsFull(status, message) | Refused(status, message):
            what = f"the vendor refuses the session list (HTTP {status}: {message})"
            return wrong(name, what, f"see that base_url is the vendor's: {base_url}")
        case Throttled():
            return unknown(name, "the vendor's rate limit is used up just now", "try again in a minute")
        case Lost(why):
            what = f"the session list could not be had from {base_url} ({why})"
            return wrong(
                name, what, "see that base_url is right, and DNS, proxy and firewall let it through; try again"
            )
        case _:
            return ok(name, "answers, and takes the token; it has the ability property-search-sessions")


def _denied(name: str, denied: Denied) -> Check:
    vendor = f"(HTTP {denied.status}: {denied.message})"
    if denied.reason is Reason.TOKEN_REFUSED:
        do = "put a token of this team where the configuration says that it lies"
        return wrong(name, f"the vendor refuses the token {vendor}", do)
    if denied.reason is Reason.WALLET_EMPTY:
        return wrong(name, f"the wallet is empty {vendor}", FILL)
    do = "give the token that ability in the vendor's console, or make one that has it"
    return wrong(name, f"the token lacks the ability property-search-sessions {vendor}", do)


def judge_sessions(name: str, facts: AccountFacts, listed: Listing | Trouble) -> Check:
    """Whether the jobs' new sessions find slots."""
    if not isinstance(listed, Mapping):
        return unknown(name, "not counted, since the session list could not be had")
    new = [session for session in facts.sessions if session not in listed]
    free = max(facts.slots - facts.slots_reserved - len(listed), 0)
    message = f"{len(listed)} of {facts.slots} slots in use, {facts.slots_reserved} kept free, {free} left"
    if len(new) > free:
        do = "delete sessions that nobody uses, or lower session_reserve"
        return wrong(name, f"{message}; {len(new)} job(s) need a new session, so {len(new) - free} will wait", do)
    return ok(name, f"{message}; {len(new)} job(s) need a new session")


def judge_wallet(name: str, facts: AccountFacts, wallet: Wallet | Trouble | None) -> Check:
    """Whether the next runs can be paid."""
    match wallet:
        case None:
            return unknown(name, "not asked, since the vendor did not answer or refused the token")
        case Denied(Reason.ABILITY_MISSING):
            do = "give the token that ability, to see the balance here"
            return unknown(name, "the token lacks the ability wallet-balance; jobs do without it", do)
        case Denied(Reason.WALLET_EMPTY, status, message):
            return wrong(name, f"the wallet is empty (HTTP {status}: {message})", FILL)
        case Wallet(balance, "USD"):
            return _dollars(name, facts, balance)
        case Wallet(balance, currency):
            return unknown(name, f"holds {balance:,f} {currency}; the configuration reckons in US dollars")
        case _:
            return unknown(name, "the balance could not be had", "try again in a minute")


def _dollars(name: str, facts: AccountFacts, balance: Decimal) -> Check:
    message = f"holds {money(float(balance))}"
    if balance < facts.price:
        return wrong(name, f"{message}, which does not pay for one record", FILL)
    one_page = facts.run_cost is None
    cost = facts.page_cost if facts.run_cost is None else facts.run_cost
    what = f"one {'page' if one_page else 'run'} of each job may cost {money(float(cost))}"
    if balance < cost:
        return ok(name, f"{message}, which is low: {what}", f"{FILL} before the next runs")
    return ok(name, f"{message}; {what}")


def judge_clock(name: str, ahead: timedelta | None) -> Check:
    """Whether this machine's clock is the vendor's."""
    if ahead is None:
        return unknown(name, "no reply of the vendor with a Date")
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    by = f"{abs(ahead.total_seconds()):,.0f} s {direction} the vendor's"
    if abs(ahead) > SKEW_MAX:
        do = "set the clock (timedatectl; is chrony or systemd-timesyncd at work?): schedules and budgets go by it"
        return wrong(name, f"this machine's clock is {by}", do)
    return ok(name, f"this machine's clock is {by}" if abs(ahead) >= timedelta(seconds=1) else "as the vendor's")
