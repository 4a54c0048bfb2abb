"""What only shows when all files lie side by side: which account pays, two jobs on one session, the same list twice.

It looks at the raw tables, so a fault elsewhere in a file hides nothing here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from leadsync.config.documents import Document
from leadsync.config.fault import Fault, member
from leadsync.config.wording import listed
from leadsync.errors import Problem, did_you_mean


def with_defaults(job: Document, accounts: Sequence[str]) -> dict[str, Any]:
    """Return the job's table with its name, and the session, and the account where there is one, that it leaves out."""
    account = {"account": accounts[0]} if len(accounts) == 1 else {}
    return {"session": job.name, **account, **job.table, "name": job.name}


def account_faults(table: Mapping[str, Any], accounts: Sequence[str]) -> Iterator[Fault]:
    """Find a job that names no account where there are several, or one that is not there."""
    account = table.get("account")
    if account is None and len(accounts) > 1:
        yield Fault(("account",), f"is missing: there are several accounts, so write {listed(accounts)}")
    elif isinstance(account, str) and accounts and account not in accounts:
        known = f"there is {listed(accounts)}"
        yield Fault(("account",), f"is not an account of the configuration; {known}{did_you_mean(account, accounts)}")


def shared_sessions(jobs: Sequence[Document], accounts: Sequence[str]) -> Iterator[Problem]:
    """Find enabled jobs on one session of one account, and name each the others: one page would be two jobs'."""
    enabled = [job for job in jobs if job.table.get("enabled", True) is True and job.table.get("kind") != "one_shot"]
    for group in _groups(enabled, {job.name: _session(job, accounts) for job in enabled}):
        for job in group:
            others = listed(other.name for other in group if other is not job)
            message = f"is the session of {others} too: give each its own, or disable one"
            yield job.problem(Fault(("session",), message))


def same_criteria(jobs: Sequence[Document], accounts: Sequence[str]) -> Iterator[Problem]:
    """Find enabled jobs that would buy what another session of the account buys; without `buy_again` they park."""
    for group in _groups(jobs, {job.name: _criteria(job, accounts) for job in jobs}):
        first, *later = group
        for job in later:
            anew = job.table.get("buy_again") is not True and job.table.get("enabled", True) is True
            if anew and _session(job, accounts) != _session(first, accounts):
                message = (
                    f"is the same as that of {first.name}: the second of the two to run parks as criteria_known, "
                    "since it would buy that list again; buy_again = true allows it"
                )
                yield job.problem(Fault(("search",), message))


def untraceable(table: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Fault]:
    """Find a job whose owners cannot be traced, since config.toml does not say with what key or where answers go."""
    if member(table, "skip_trace", "enabled") is True:
        missing = [f"[{name}]" for name in ("webhooks", "skip_trace") if name not in config]
        if missing:
            message = f"needs {' and '.join(missing)} in config.toml: add what is missing there, or set it to false"
            yield Fault(("skip_trace", "enabled"), message)


def _groups(jobs: Sequence[Document], key_of: Mapping[str, str]) -> Iterator[list[Document]]:
    """Yield the jobs that share a key, two or more, in their order; an empty key is shared with nobody."""
    keyed = sorted((job for job in jobs if key_of[job.name]), key=lambda job: key_of[job.name])
    for _, group in groupby(keyed, key=lambda job: key_of[job.name]):
        members = list(group)
        if len(members) > 1:
            yield members


def _session(job: Document, accounts: Sequence[str]) -> str:
    table = with_defaults(job, accounts)
    return f"{table.get('account')} {table['session']}"


def _criteria(job: Document, accounts: Sequence[str]) -> str:
    search = member(job.table, "search")
    if not search:
        return ""
    account = with_defaults(job, accounts).get("account")
    return json.dumps([account, search, member(job.table, "options", "sort")], sort_keys=True, default=str)
