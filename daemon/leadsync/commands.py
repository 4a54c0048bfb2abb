"""What the command line asks for: carried out by the daemon where one has the store, else in a process of our own."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from leadsync.app import App, open_app
from leadsync.config import JOBS_FOLDER, Job, Settings
from leadsync.config.fingerprint import fingerprint, trace_fingerprint
from leadsync.control.client import ask
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.household import Household
from leadsync.keys import start_log
from leadsync.logs import Listener, LogStyle, printer
from leadsync.outside import Outside
from leadsync.reception import door
from leadsync.signals import stopping_on_signals
from leadsync.store.engine import sqlite_file
from leadsync.watching import notifiers_of

T = TypeVar("T")
Here: TypeAlias = Callable[[App], Awaitable[T]]
"""How a command is carried out in a process of our own."""

TEST_NOTICE: Final = "Somebody has asked for this message with `leadsync notify --test`. Nothing is wrong."


def once(
    settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None, *, again: bool = False
) -> dict[str, End]:
    """Run these jobs now: by the daemon, where one has the store, else in a process of our own.

    `again` begins one-shots anew. Raises UsageMistake for a job that cannot be run so.
    """
    refuse_unknown_jobs(settings, names)
    if again:
        refuse_endless_jobs(settings, names)
    reply = _ask_daemon(settings, "once", names, {"again": again}, listener)
    if reply is None:
        return asyncio.run(run_once(settings, names, outside, listener, again=again))
    return {name: _end(**end) for name, end in reply["ends"].items()}


def resume(settings: Settings, name: str, choice: Choice | None, outside: Outside) -> str:
    """Answer a parked job, also a disabled one: its open key is settled then; return what the operator is told."""
    _job(settings, name)
    return _told(settings, outside, "resume", {"choice": choice}, lambda app: app.resume(name, choice), jobs=[name])


def answer_store(settings: Settings, answer: StoreAnswer, outside: Outside) -> str:
    """Say what has happened to the store; return what the operator is told."""
    return _told(settings, outside, "answer_store", {"answer": answer}, lambda app: app.answer_store(answer))


def release(settings: Settings, messages: list[int], outside: Outside) -> str:
    """Let webhooks out of quarantine; return what the operator is told."""
    return _told(settings, outside, "release", {"messages": messages}, lambda app: app.shelf.release(messages))


def discard(settings: Settings, messages: list[int], outside: Outside) -> str:
    """Give webhooks up that wait in quarantine; return what the operator is told."""
    return _told(settings, outside, "discard", {"messages": messages}, lambda app: app.shelf.discard(messages))


def trace(settings: Settings, what: str, arguments: Mapping[str, Any], outside: Outside) -> str:
    """Do something about the skip trace; return what the operator is told."""
    if settings.skip_trace is None:
        raise UsageMistake(f"there is no [skip_trace] in {settings.path}; nothing was done")
    more = {"traced": trace_fingerprint(settings), **arguments}
    return _told(settings, outside, f"traces_{what}", more, lambda app: app.tracing.word.do(what, arguments))


def plan(settings: Settings, outside: Outside) -> dict[str, Any]:
    """Return what the next runs would do, as the daemon sees it where one has the store."""
    return _reported(settings, outside, "plan", {}, App.plan, jobs=settings.jobs)


async def try_notifiers(settings: Settings, names: list[str], outside: Outside) -> dict[str, str]:
    """Send a message to these notifiers, or to all; return for each why that failed, "" where it did not."""
    known = settings.notify.to if settings.notify else {}
    if not known:
        raise UsageMistake(f"there is no notifier; put a table [notify.to.NAME] into {settings.path}")
    for name in names:
        if name not in known:
            raise UsageMistake(f"there is no notifier {name}{did_you_mean(name, known)}")
    wanted = [one for one in notifiers_of(settings, outside) if one.name in (names or known)]
    whys = await asyncio.gather(*(one.send("leadsync: a test", TEST_NOTICE) for one in wanted))
    return {one.name: why for one, why in zip(wanted, whys, strict=True)}


def sessions(settings: Settings, outside: Outside) -> dict[str, Any]:
    """Return every session of the teams and what is done about it, as the daemon sees it where one has the store."""
    return _of_house(settings, outside, "sessions", {}, lambda app: app.household.sessions())


def prune(settings: Settings, named: Mapping[str, list[str]], outside: Outside) -> dict[str, Any]:
    """Delete those of the named sessions that the policy lets go; return what became of each."""
    return _of_house(settings, outside, "prune", {"named": named}, lambda app: app.household.prune(named))


def look_at_session(
    settings: Settings, session: str, account: str | None, *, force: bool, outside: Outside
) -> dict[str, Any]:
    """Return what the deletion of a session would mean, and what was seen of it."""
    more = {"session": session, "account": account, "force": force}
    here = partial(Household.look_at, session=session, account=account, force=force)
    return _of_house(settings, outside, "look_at_session", more, lambda app: here(app.household))


def delete_session(settings: Settings, found: Mapping[str, Any], *, force: bool, outside: Outside) -> str:
    """Delete the session that was looked at, if it has not moved since; return what the operator is told."""
    account, seen = found["account"], found["seen"]
    more = {"account": account, "seen": seen, "force": force}
    here = partial(Household.delete, account=account, seen=seen, force=force)
    return str(_of_house(settings, outside, "delete_session", more, lambda app: here(app.household))["message"])


def _of_house(
    settings: Settings, outside: Outside, command: str, more: Mapping[str, Any], here: Here[dict[str, Any]]
) -> dict[str, Any]:
    """Carry out a command about all slots: a daemon must have read the same jobs and policy as we."""
    policy = {"policy": repr(settings.housekeeping)}
    return _reported(settings, outside, command, {**policy, **more}, here, jobs=settings.jobs)


def _told(
    settings: Settings,
    outside: Outside,
    command: str,
    more: Mapping[str, Any],
    here: Here[str],
    *,
    jobs: Iterable[str] = (),
) -> str:
    """Have the daemon carry a command out where one has the store, else do it `here`; return what is told of it."""
    reply = _ask_daemon(settings, command, jobs, more, None)
    return asyncio.run(_here(settings, outside, here)) if reply is None else str(reply["message"])


def _reported(
    settings: Settings,
    outside: Outside,
    command: str,
    more: Mapping[str, Any],
    here: Here[dict[str, Any]],
    *,
    jobs: Iterable[str],
) -> dict[str, Any]:
    """Do the same with a command that is answered by a report."""
    reply = _ask_daemon(settings, command, jobs, more, None)
    return asyncio.run(_here(settings, outside, here)) if reply is None else reply


def _ask_daemon(
    settings: Settings, command: str, names: Iterable[str], more: Mapping[str, Any], listener: Listener | None
) -> dict[str, Any] | None:
    """Have a daemon carry out a command about jobs, and show what its log says of it; None where there is none."""
    show = printer(LogStyle.for_stream(settings.log.level, settings.log.format, sys.stderr, os.environ), sys.stderr)

    def hear(line: dict[str, Any]) -> None:
        show(line)
        if listener is not None:
            listener(line)

    asked = {"jobs": {name: fingerprint(settings, name) for name in names}, **more}
    return ask(sqlite_file(settings.store.url), command, asked, hear)


def _end(outcome: str, message: str, reason: str | None) -> End:
    return End(Outcome(outcome), message, Reason(reason) if reason else None)


async def run_once(
    settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None, *, again: bool = False
) -> dict[str, End]:
    """Run these jobs now, in this process, with an inbox where they need one. Raises Busy beside another leadsync."""

    async def run(app: App) -> dict[str, End]:
        if settings.webhooks is None or not await app.needs_inbox(names):
            return await app.once(names, again=again)
        async with door(settings.webhooks, app.ledger, app.around, app.unpack.ring, outside.environ):
            return await app.once(names, again=again)

    return await _here(settings, outside, run, listener)


async def _here(settings: Settings, outside: Outside, do: Here[T], listener: Listener | None = None) -> T:
    """Build everything in this process, and do one thing with it. Raises Busy beside another leadsync."""
    async with open_app(settings, start_log(settings, outside, listener), outside) as app:
        with stopping_on_signals(app.around):
            return await do(app)


def refuse_unknown_jobs(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageMistake for a name that is no job, or a job that somebody has disabled."""
    for name in names:
        if not _job(settings, name).enabled:
            raise UsageMistake(f"job {name} is disabled; set enabled = true in its file to run it")


def refuse_endless_jobs(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageMistake for a job that has no end from which it could begin anew."""
    for name in names:
        if _job(settings, name).kind != "one_shot":
            raise UsageMistake(f"job {name} is no one-shot, so --again means nothing: it goes on with what is new")


def _job(settings: Settings, name: str) -> Job:
    job = settings.jobs.get(name)
    if job is None:
        hint = did_you_mean(name, settings.jobs)
        raise UsageMistake(f"there is no job {name}{hint}; jobs are the files of {settings.path.parent / JOBS_FOLDER}")
    return job
