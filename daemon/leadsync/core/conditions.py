"""What leadsync watches itself for: every condition by its name, with what it means and what a person does about it.

A condition lasts: it begins, may become worse, and ends. So one cause is one condition, however often it is looked at.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How soon a person is needed."""

    NOTE = "note"
    """It goes on by itself, or a look is enough."""

    WARNING = "warning"
    """Somebody should see to it today."""

    URGENT = "urgent"
    """Leads stand still until somebody does."""

    @property
    def rank(self) -> int:
        """The higher, the sooner."""
        return list(Severity).index(self)


class Condition(StrEnum):
    """The names; a subject goes with each: a job, an account, or nothing where the whole daemon is meant."""

    JOB_OVERDUE = "job_overdue"
    JOB_STUCK = "job_stuck"
    JOB_FAILING = "job_failing"
    JOB_PARKED = "job_parked"
    JOB_WAITING = "job_waiting"
    JOB_EMPTY = "job_empty"
    JOB_LITTLE = "job_little"
    JOB_MUCH = "job_much"
    ACCOUNT_PAUSED = "account_paused"
    VENDOR_SILENT = "vendor_silent"
    BUDGET_NEARLY_SPENT = "budget_nearly_spent"
    BUDGET_SPENT = "budget_spent"
    SLOTS_LOW = "slots_low"
    INBOX_QUARANTINED = "inbox_quarantined"
    TRACE_PAUSED = "trace_paused"
    TRACES_MISSING = "traces_missing"
    RELOAD_REFUSED = "reload_refused"
    STORE_DOUBTED = "store_doubted"
    STORE_FAILING = "store_failing"
    DISK_LOW = "disk_low"
    DISK_FULL = "disk_full"
    WAL_LARGE = "wal_large"
    LOOP_LAGS = "loop_lags"
    SCHEDULER_SILENT = "scheduler_silent"

    @property
    def about(self) -> "About":
        """Its entry in the catalogue."""
        return CATALOGUE[self]


@dataclass(frozen=True, slots=True)
class About:
    """What a condition means and what a person does.

    `patience`: how long it must last before anybody is told, so that a passing cloud wakes nobody. `settle`: how long
    it must be gone before it has ended, so that what flickers is one condition.
    """

    severity: Severity
    meaning: str
    do: str
    patience: timedelta = timedelta(0)
    settle: timedelta = timedelta(0)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


CATALOGUE: Final[dict[Condition, About]] = {
    Condition.JOB_OVERDUE: About(
        Severity.URGENT,
        "the job's time passed a quarter of an hour ago, and it does not run",
        "read the log from that time on; restart the daemon (systemctl restart leadsync), which makes up for it",
    ),
    Condition.JOB_STUCK: About(
        Severity.URGENT,
        "a run has gone on for half an hour longer than its run_timeout allows",
        "restart the daemon (systemctl restart leadsync): no page is lost by that; report it with the log",
    ),
    Condition.JOB_FAILING: About(
        Severity.WARNING,
        "the job's last two runs failed, while the vendor answers others or nobody else asks",
        "read the message of its last run (leadsync runs --job JOB); it is tried again by itself",
    ),
    Condition.JOB_PARKED: About(
        Severity.URGENT,
        "the job waits for an answer that only a person can give, and spends nothing until then",
        "leadsync status names the reason and the command that answers it",
    ),
    Condition.JOB_WAITING: About(
        Severity.WARNING,
        "the job needs a new session, and no slot is free",
        "leadsync sessions list shows who holds them; leadsync sessions delete ID frees one that nobody needs",
        patience=_minutes(15),
    ),
    Condition.JOB_EMPTY: About(
        Severity.WARNING,
        "the job brings nothing, for longer than its own history knows",
        "compare its search with the vendor's web site; a holiday, or a list that is drained, is a reason too",
    ),
    Condition.JOB_LITTLE: About(
        Severity.NOTE,
        "the job brought far less on a day than its own history knows",
        "compare its search with the vendor's web site",
    ),
    Condition.JOB_MUCH: About(
        Severity.WARNING,
        "the job brought, and was billed for, far more on a day than its own history knows",
        "look at what came (leadsync export --job JOB) and at the budget; set records_per_run where it should not be",
    ),
    Condition.ACCOUNT_PAUSED: About(
        Severity.URGENT,
        "the vendor turns the account down: its token, an ability or its wallet",
        "renew the token, give it the ability, or fill the wallet; the next due run tries once by itself",
    ),
    Condition.VENDOR_SILENT: About(
        Severity.WARNING,
        "the vendor answers nobody of the account",
        "look at the vendor's status and at the network; when it answers, every job goes on by itself",
        patience=_minutes(15),
        settle=_minutes(5),
    ),
    Condition.BUDGET_NEARLY_SPENT: About(
        Severity.NOTE,
        "four fifths of a limit of the account's budget are billed",
        "nothing, or raise the limit: at its end the account's jobs stand still until the next day or month",
    ),
    Condition.BUDGET_SPENT: About(
        Severity.WARNING,
        "a limit of the account's budget is spent, so nothing more is asked for until the next day or month",
        "nothing, or raise the limit",
    ),
    Condition.SLOTS_LOW: About(
        Severity.WARNING,
        "hardly any session slot is left for a job that needs a new one",
        "leadsync sessions list shows who holds them; leadsync sessions prune frees what the policy lets go",
    ),
    Condition.INBOX_QUARANTINED: About(
        Severity.WARNING,
        "webhooks came that nobody can read; they are kept, and hold up no other",
        "leadsync inbox list says why each waits, and leadsync inbox release lets it be read again",
    ),
    Condition.TRACE_PAUSED: About(
        Severity.WARNING,
        "no owner is asked for: the vendor turns the API key down, has refused a batch, or a person must speak",
        "leadsync status names the reason; mend it, then leadsync traces resume",
    ),
    Condition.TRACES_MISSING: About(
        Severity.WARNING,
        "owners were asked for, and the vendor said nothing about them in time; they may be billed",
        "leadsync traces list shows of which batches; leadsync traces again asks again, which may cost twice",
    ),
    Condition.RELOAD_REFUSED: About(
        Severity.WARNING,
        "the last reload was refused, so the daemon goes by the configuration that it had before",
        "mend the files until leadsync check is content, then reload again (systemctl reload leadsync)",
    ),
    Condition.STORE_DOUBTED: About(
        Severity.URGENT,
        "the store was moved, copied or restored, and nothing is spent until somebody has said which",
        "leadsync resume --store moved, or copied, or restored",
    ),
    Condition.STORE_FAILING: About(
        Severity.URGENT,
        "the store cannot be read or written, so nothing is asked for",
        "look at the disk; the log says what it complained of",
        patience=_minutes(5),
    ),
    Condition.DISK_LOW: About(
        Severity.WARNING,
        "less than 1 GiB is free where the store lies",
        "make room: below 128 MiB nothing is asked for any more",
        settle=_minutes(10),
    ),
    Condition.DISK_FULL: About(
        Severity.URGENT,
        "less than 128 MiB is free where the store lies, so nothing is asked for",
        "make room; the jobs then go on by themselves",
        settle=_minutes(10),
    ),
    Condition.WAL_LARGE: About(
        Severity.WARNING,
        "the store's write-ahead log is larger than 256 MiB: a reader holds it open",
        "end whatever has the store open for long: an export, or sqlite3 in a terminal",
        patience=_minutes(15),
        settle=_minutes(10),
    ),
    Condition.LOOP_LAGS: About(
        Severity.NOTE,
        "the daemon's event loop answered late by a second or more",
        "look at the machine's load and memory; report it where the machine is idle",
        patience=_minutes(10),
        settle=_minutes(10),
    ),
    Condition.SCHEDULER_SILENT: About(
        Severity.URGENT,
        "the alarms of the daemon do not ring any more, so no job runs by its schedule",
        "restart the daemon (systemctl restart leadsync), which makes up for what passed; report it with the log",
    ),
}
