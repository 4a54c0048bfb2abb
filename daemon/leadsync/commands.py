"""What the command line asks for: carried out by the daemon where one has the store, else in a process of our own."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from leadsync.app import App, open_app, start_log
from leadsync.config import Job, Settings
from leadsync.config.fingerprint import fingerprint
from leadsync.control.client import ask
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.logs import Listener, LogStyle, printer
from leadsync.outside import Outside
from leadsync.signals import stopping_on_signals
from leadsync.store.engine import sqlite_file

T = TypeVar("T")


def once(settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None) -> dict[str, End]:
    """Run these jobs now: by the daemon, where one has the store, else in a process of our own."""
    refuse_unknown_jobs(settings, names)
    reply = _ask_daemon(settings, "once", names, {}, listener)
    if reply is None:
        return asyncio.run(run_once(settings, names, outside, listener))
    return {name: _end(**end) for name, end in reply["ends"].items()}


def resume(settings: Settings, name: str, choice: Choice | None, outside: Outside) -> str:
    """Answer a parked job, by the daemon where one has the store; return what the operator is told.

    A disabled one, too: its open key is settled once somebody has answered.
    """
    _job(settings, name)
    reply = _ask_daemon(settings, "resume", [name], {"choice": choice}, None)
    if reply is None:
        return asyncio.run(_here(settings, outside, lambda app: app.resume(name, choice)))
    return str(reply["message"])


def answer_store(settings: Settings, answer: StoreAnswer, outside: Outside) -> str:
    """Say what has happened to the store, to the daemon where one has it; return what the operator is told."""
    reply = _ask_daemon(settings, "answer_store", (), {"answer": answer}, None)
    if reply is None:
        return asyncio.run(_here(settings, outside, lambda app: app.answer_store(answer)))
    return str(reply["message"])


def release(settings: Settings, messages: list[int], outside: Outside) -> str:
    """Let webhooks out of quarantine, by the daemon where one has the store; return what the operator is told."""
    reply = _ask_daemon(settings, "release", (), {"messages": messages}, None)
    if reply is None:
        return asyncio.run(_here(settings, outside, lambda app: app.release(messages)))
    return str(reply["message"])


def plan(settings: Settings, outside: Outside) -> dict[str, Any]:
    """Return what the next runs would do, as the daemon sees it where one has the store."""
    reply = _ask_daemon(settings, "plan", settings.jobs, {}, None)
    return asyncio.run(_here(settings, outside, App.plan)) if reply is None else reply


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
    settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None
) -> dict[str, End]:
    """Run these jobs now, in this process. Raises Busy beside another leadsync."""
    return await _here(settings, outside, lambda app: app.once(names), listener)


async def _here(
    settings: Settings, outside: Outside, do: Callable[[App], Awaitable[T]], listener: Listener | None = None
) -> T:
    """Build everything in this process, and do one thing with it. Raises Busy beside another leadsync."""
    async with open_app(settings, start_log(settings, outside, listener), outside) as app:
        with stopping_on_signals(app.around):
            return await do(app)


def refuse_unknown_jobs(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageMistake for a name that is no job, or a job that somebody has disabled."""
    for name in names:
        if not _job(settings, name).enabled:
            raise UsageMistake(f"job {name} is disabled; set enabled = true in its file to run it")


def _job(settings: Settings, name: str) -> Job:
    job = settings.jobs.get(name)
    if job is None:
        hint = did_you_mean(name, settings.jobs)
        raise UsageMistake(f"there is no job {name}{hint}; jobs are the files of {settings.path.parent / 'jobs.d'}")
    return job
