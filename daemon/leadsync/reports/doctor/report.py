"""The doctor's round: gathers, judges, and puts the checks into one structure, in the order in which they are read."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from leadsync.config import Settings, load, sources_of_all, sources_of_telling
from leadsync.errors import ConfigInvalid, StoreFailed, StoreRefused
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.doctor import look
from leadsync.reports.doctor.account import AccountFacts, Heard, judge_account
from leadsync.reports.doctor.ask import ask
from leadsync.reports.doctor.check import Check, State, unknown
from leadsync.reports.doctor.configuration import judge_config_modes, judge_configuration, judge_secret
from leadsync.reports.doctor.look import Hands
from leadsync.reports.doctor.machine import judge_disk, judge_process, judge_sqlite, judge_time_zones
from leadsync.reports.doctor.peek import peek, reading
from leadsync.reports.doctor.service import Wanted, judge_public_url, judge_unit
from leadsync.reports.doctor.store import judge_store
from leadsync.reports.plan import as_totals, plan, view_of
from leadsync.store.engine import sqlite_file
from leadsync.vendors.batchdata import Access

UNREAD: Final = "not looked at, since the configuration cannot be read"


async def doctor(path: Path, hands: Hands) -> dict[str, Any]:
    """Return `ok` and `checks`, each with `name`, `state` (ok, wrong, unknown), `message` and `do`.

    `ok` is whether nothing is wrong; what is unknown is not. What it finds is never an exception.
    """
    modes = judge_config_modes(look.config_modes(path))
    try:
        settings = load(path, hands.environ)
    except ConfigInvalid as error:
        unseen = [unknown(name, UNREAD) for name in ("accounts", "disk", "store", "process")]
        return _report([judge_configuration(path, error.problems), modes, *unseen, *_machine(hands)])
    found = {name: look.secret(account.token, hands, path.parent) for name, account in settings.accounts.items()}
    tokens = {name: token for name, (_, token) in found.items() if token}
    heard = await _ask(settings, tokens, hands)
    checks = [judge_configuration(path, settings), modes]
    for facts in _accounts(settings, heard, hands):
        checks += [judge_secret(found[facts.name][0]), *judge_account(facts)]
    checks += [*_further_secrets(settings, hands), *_state(settings, hands), *_service(settings, hands)]
    if settings.webhooks:
        url = settings.webhooks.public_url
        checks.append(judge_public_url(url, await look.answer_at(url, hands)))
    checks += _machine(hands)
    return _report([check.masked(tokens.values()) for check in checks])


def in_words(report: Mapping[str, Any]) -> str:
    """Show it to a person: a line a check, what to do below it, and the sum at the end."""
    lines = []
    for check in report["checks"]:
        lines.append(f"{check['state']:<8} {check['name']}: {check['message']}")
        if check["do"]:
            lines.append(f"{'':<8} -> {check['do']}")
    bad = sum(check["state"] == State.WRONG for check in report["checks"])
    return "\n".join([*lines, "", "nothing is wrong" if not bad else f"{bad} of {len(report['checks'])} checks: wrong"])


async def _ask(settings: Settings, tokens: Mapping[str, str], hands: Hands) -> dict[str, Heard]:
    """Ask for all accounts at once."""
    async with asyncio.TaskGroup() as group:
        asked = {
            name: group.create_task(ask(Access(account.base_url, tokens[name], account.requests_per_minute), hands))
            for name, account in settings.accounts.items()
            if name in tokens
        }
    return {name: task.result() for name, task in asked.items()}


def _accounts(settings: Settings, heard: Mapping[str, Heard], hands: Hands) -> Iterator[AccountFacts]:
    costs = _run_costs(settings, heard, hands)
    for name, account in settings.accounts.items():
        jobs = [job for job in settings.jobs.values() if job.account == name and job.enabled]
        yield AccountFacts(
            name=name,
            base_url=account.base_url,
            heard=heard.get(name),
            slots=account.session_cap,
            slots_reserved=account.session_reserve,
            sessions=tuple(job.session for job in jobs if job.kind == "incremental"),
            price=account.price_per_record,
            run_cost=costs.get(name),
            page_cost=sum(job.page_size for job in jobs) * account.price_per_record,
        )


def _run_costs(settings: Settings, heard: Mapping[str, Heard], hands: Hands) -> dict[str, Decimal]:
    """What one run of each job may cost at most, by account, as `plan` says it; without those that have no limit."""
    lists = {name: as_totals(heard[name].listed) if name in heard else "not asked" for name in settings.accounts}
    now = hands.now()
    try:
        with reading(sqlite_file(settings.store.url)) as connection:
            views = {name: view_of(settings, connection, name, totals, now) for name, totals in lists.items()}
    except (StoreRefused, StoreFailed, OSError):
        return {}
    at_most = {one["name"]: one["at_most"]["dollars"] for one in plan(settings, views)["accounts"]}
    return {name: Decimal(str(dollars)) for name, dollars in at_most.items() if dollars is not None}


def _further_secrets(settings: Settings, hands: Hands) -> Iterator[Check]:
    """Without one of them the daemon does not start, as little as without a token."""
    key = [settings.skip_trace.api_key] if settings.skip_trace else []
    for source in (*key, *sources_of_telling(settings)):
        yield judge_secret(look.secret(source, hands, settings.path.parent)[0])


def _state(settings: Settings, hands: Hands) -> Iterator[Check]:
    """The store and whatever lies around it."""
    file = sqlite_file(settings.store.url)
    yield judge_disk(look.disk(hands, file))
    yield from judge_store(peek(file, hands.now))
    yield judge_process(look.process(hands, settings, file))


def _service(settings: Settings, hands: Hands) -> Iterator[Check]:
    credentials = {secret.name for secret in sources_of_all(settings) if secret.kind == "credential"}
    wanted = Wanted(credentials, sqlite_file(settings.store.url), settings.webhooks is not None)
    return judge_unit(look.unit(hands), wanted)


def _machine(hands: Hands) -> Iterator[Check]:
    yield judge_time_zones(look.time_zones(hands.now()))
    yield judge_sqlite(sqlite3.sqlite_version_info)


def _report(checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(check.state is not State.WRONG for check in checks),
        "checks": [asdict(check) for check in checks],
    }
