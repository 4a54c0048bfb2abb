"""Figures for Prometheus: what the store says, read briefly for each scrape, and how the daemon's loop is.

It answers on threads of its own, off the loop and beside the writer. So a loop that hangs is still told of: its own
time stamps stop. What is money is added up from the store, and so survives a restart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server  # noqa: TID251 - the one module
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric  # noqa: TID251 - the same
from prometheus_client.registry import Collector  # noqa: TID251 - the same
from sqlalchemy import Connection

from leadsync import __version__
from leadsync.config import Settings
from leadsync.config.limits import limits_of
from leadsync.config.units import split_address
from leadsync.core.budget import Share, Spent, shares
from leadsync.core.slots import Room
from leadsync.errors import BadWeather, CannotListen, OperatorMistake
from leadsync.store import trace_figures
from leadsync.store.engine import sqlite_file, wal_bytes
from leadsync.store.figures import bought, last_good_ends, open_keys
from leadsync.store.reading import reading
from leadsync.store.watching import Look, Watched, look, open_conditions

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = Iterable[tuple[Labels, float]]

METRICS: Final[dict[str, tuple[str, Labels]]] = {
    "leadsync_build_info": ("The version that is running; always 1.", ("version",)),
    "leadsync_store_readable": ("Whether the store could be read for this scrape.", ()),
    "leadsync_pages_total": ("Pages stored.", ("account", "job")),
    "leadsync_records_billed_total": ("Records billed and stored: deliveries.", ("account", "job")),
    "leadsync_records_new_total": ("Of these, records that came for the first time.", ("account", "job")),
    "leadsync_replays_total": ("Pages asked for again because an answer was lost; not billed.", ("account", "job")),
    "leadsync_spend_dollars_total": ("US dollars that stored pages have cost.", ("account", "job")),
    "leadsync_budget_used_percent": ("Billed of a limit of the budget, in percent.", ("account", "limit")),
    "leadsync_budget_left_records": ("Records for which a limit has room beside open keys.", ("account", "limit")),
    "leadsync_keys_open": ("Keys without an answer yet: their pages may be billed.", ("account",)),
    "leadsync_account_paused": ("Whether the vendor turns the account down.", ("account",)),
    "leadsync_slots_used": ("Session slots in use at the vendor.", ("account",)),
    "leadsync_slots_cap": ("Session slots that the team has.", ("account",)),
    "leadsync_job_last_success_timestamp_seconds": ("When a recurring job last ended well.", ("account", "job")),
    "leadsync_job_next_run_timestamp_seconds": ("When the job is due next.", ("account", "job")),
    "leadsync_job_running": ("Whether a run is under way.", ("account", "job")),
    "leadsync_job_parked": ("Whether the job waits for a person.", ("account", "job")),
    "leadsync_webhook_queue": ("Webhooks that wait to be read.", ()),
    "leadsync_webhooks_quarantined": ("Webhooks that nobody can read.", ()),
    "leadsync_trace_owners": ("Owners by what has become of them.", ("state",)),
    "leadsync_trace_batches_out": ("Batches of owners whose answers are awaited.", ()),
    "leadsync_trace_matches_total": ("Owners who were found.", ()),
    "leadsync_trace_spend_dollars_total": ("US dollars that these cost.", ()),
    "leadsync_trace_paused": ("Whether no owner is asked for until somebody acts.", ()),
    "leadsync_condition": ("Conditions that are held; always 1.", ("condition", "subject", "severity")),
    "leadsync_loop_lag_seconds": ("The latest that the event loop was in the last minute.", ()),
    "leadsync_loop_seen_timestamp_seconds": ("When the event loop last came round.", ()),
    "leadsync_scheduler_rang_timestamp_seconds": ("When the scheduler's alarm last rang.", ()),
    "leadsync_watch_looked_timestamp_seconds": ("When the watch last looked, through loop and store.", ()),
    "leadsync_store_bytes": ("The size of the store's file.", ()),
    "leadsync_store_wal_bytes": ("The size of its write-ahead log.", ()),
    "leadsync_disk_free_bytes": ("What is free where the store lies.", ()),
}
"""Every metric by its name, with its meaning and its labels."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the store does not know: by metric, without labels."""

    values: Mapping[str, float] = field(default_factory=dict)


class StoreCollector(Collector):
    """Reads everything anew for each scrape, on the scrape's own thread."""

    def __init__(self, settings: Callable[[], Settings], live: Callable[[], Live], now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._live = live
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Give the figures; those of the store are left out where it cannot be read."""
        settings = self._settings()
        file = sqlite_file(settings.store.url)
        found: dict[str, Values] = {name: [((), value)] for name, value in self._live().values.items()}
        found["leadsync_build_info"] = [((__version__,), 1.0)]
        try:
            with reading(file) as connection:
                if connection is not None:
                    found |= _of_store(connection, settings, self._now())
                    found |= _of_files(file)
        except (BadWeather, OperatorMistake):
            connection = None
        found["leadsync_store_readable"] = [((), float(connection is not None))]
        for name, (meaning, labels) in METRICS.items():
            if name in found:
                yield _family(name, meaning, labels, found[name])


def _family(name: str, meaning: str, labels: Labels, values: Values) -> Metric:
    family = (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(name, meaning, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _of_files(file: Path) -> dict[str, Values]:
    return {
        "leadsync_store_bytes": [((), float(file.stat().st_size))],
        "leadsync_store_wal_bytes": [((), float(wal_bytes(file)))],
    }


def _of_store(connection: Connection, settings: Settings, now: datetime) -> dict[str, Values]:
    granted = {
        name: (limits_of(account), Room(account.session_cap, account.session_reserve))
        for name, account in settings.accounts.items()
    }
    jobs = {job.name: (job.account, job.named_session) for job in settings.jobs.values() if job.enabled}
    seen = look(connection, Watched(granted, jobs), now)
    held = [
        ((one.key.condition.value, one.key.subject, one.key.condition.about.severity.value), 1.0)
        for one in open_conditions(connection)
    ]
    return {
        **_of_purchases(connection),
        **_of_accounts(connection, settings, seen),
        **_of_jobs(connection, settings, seen),
        **_of_traces(connection, seen),
        "leadsync_webhook_queue": [((), float(seen.inbox["waiting"]))],
        "leadsync_webhooks_quarantined": [((), float(seen.inbox["quarantined"]))],
        "leadsync_condition": held,
    }


def _of_traces(connection: Connection, seen: Look) -> dict[str, Values]:
    found = trace_figures.figures(connection)
    return {
        "leadsync_trace_owners": [((state.value,), float(count)) for state, count in found.subjects.items()],
        "leadsync_trace_batches_out": [((), float(found.out))],
        "leadsync_trace_matches_total": [((), float(found.items.matched))],
        "leadsync_trace_spend_dollars_total": [((), found.dollars)],
        "leadsync_trace_paused": [((), float(seen.traces.paused is not None))],
    }


def _of_purchases(connection: Connection) -> dict[str, Values]:
    sums = [((one.account, one.job), one) for one in bought(connection)]
    return {
        "leadsync_pages_total": [(of, float(one.pages)) for of, one in sums],
        "leadsync_records_billed_total": [(of, float(one.records)) for of, one in sums],
        "leadsync_records_new_total": [(of, float(one.new)) for of, one in sums],
        "leadsync_replays_total": [(of, float(one.replays)) for of, one in sums],
        "leadsync_spend_dollars_total": [(of, one.dollars) for of, one in sums],
    }


def _of_accounts(connection: Connection, settings: Settings, seen: Look) -> dict[str, Values]:
    keys = open_keys(connection)
    billed = _shares_of(settings, {name: one.billed for name, one in seen.accounts.items()})
    used = _shares_of(settings, {name: one.used for name, one in seen.accounts.items()})
    return {
        "leadsync_budget_used_percent": [(of, float(share.percent)) for of, share in billed],
        "leadsync_budget_left_records": [(of, float(share.left)) for of, share in used],
        "leadsync_keys_open": [((name,), float(keys.get(name, 0))) for name in seen.accounts],
        "leadsync_account_paused": [((name,), float(one.paused is not None)) for name, one in seen.accounts.items()],
        "leadsync_slots_used": [
            ((name,), float(one.slots.used)) for name, one in seen.accounts.items() if one.slots is not None
        ],
        "leadsync_slots_cap": [((name,), float(account.session_cap)) for name, account in settings.accounts.items()],
    }


def _shares_of(settings: Settings, amounts: Mapping[str, Spent]) -> list[tuple[Labels, Share]]:
    return [
        ((name, share.limit), share)
        for name, amount in amounts.items()
        for share in shares(limits_of(settings.accounts[name]), amount)
    ]


def _of_jobs(connection: Connection, settings: Settings, seen: Look) -> dict[str, Values]:
    jobs = {job: (settings.jobs[job].account, job) for job in seen.jobs}
    # What has had its only time, or is done, will not end well again: an alarm on that would never end.
    good = last_good_ends(connection, (job for job in jobs if settings.jobs[job].recurs))
    return {
        "leadsync_job_last_success_timestamp_seconds": [(jobs[job], at.timestamp()) for job, at in good.items()],
        "leadsync_job_next_run_timestamp_seconds": [
            (jobs[job], one.next_at.timestamp()) for job, one in seen.jobs.items() if one.next_at is not None
        ],
        "leadsync_job_running": [(jobs[job], float(one.running_since is not None)) for job, one in seen.jobs.items()],
        "leadsync_job_parked": [(jobs[job], float(one.parked is not None)) for job, one in seen.jobs.items()],
    }


@contextmanager
def exposing(listen: str, collector: Collector) -> Iterator[int]:
    """Answer scrapes at /metrics while the block lasts; give the port. Raises CannotListen where it is taken.

    Its end waits for half a second at most, when all work is done.
    """
    host, port = split_address(listen)
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise CannotListen(f"the metrics cannot listen on {listen} ({error.strerror or error})") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
