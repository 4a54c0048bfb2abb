"""What a person says about the skip trace: ask again for what is missing, go on, take the older ones, too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from leadsync import events
from leadsync.core.trace import Pause
from leadsync.errors import Bug, UsageMistake
from leadsync.jobs.desk import Office, Surroundings
from leadsync.jobs.trace_desk import terms_of
from leadsync.store.trace_ledger import TraceLedger


class TraceWord:
    """One per process; `ring` is told when something is to be done about it."""

    def __init__(self, office: Office, traces: TraceLedger, around: Surroundings, ring: Callable[[], None]) -> None:
        self._office = office
        self._traces = traces
        self._around = around
        self._ring = ring

    async def do(self, what: str, arguments: Mapping[str, Any]) -> str:
        """Carry out what a person wants: `again`, `resume` or `older`; return what the operator is told."""
        match what:
            case "again":
                told = await self._ask_again(arguments["batches"])
            case "resume":
                told = await self._resume()
            case "older":
                told = await self._include_older(arguments["job"])
            case _:
                raise Bug(f"nobody knows how to {what} the skip trace")
        self._ring()
        return told

    async def _ask_again(self, batches: Sequence[str]) -> str:
        if terms_of(self._office.settings) is None:
            raise UsageMistake(
                "no owners are asked for, since no job has any found: set enabled = true under [skip_trace] in a job's"
                " file first; nothing was changed"
            )
        count = await self._traces.ask_again(batches, self._around.now())
        if count is None:
            raise UsageMistake(
                "answers have come that are not read yet, perhaps about these; nothing was changed. The daemon reads"
                " them, or the next one that is started; then try again"
            )
        if not count:
            raise UsageMistake("nobody is missing there; nothing was changed. `leadsync traces list` shows the batches")
        _log.info(events.TRACES_ASKED_AGAIN, count=count)
        return f"{count:,} owners are asked for again, within the budget of [skip_trace]; they may be billed twice"

    async def _resume(self) -> str:
        if await self._traces.pause() == Pause():
            raise UsageMistake("the skip trace is not paused; nothing was changed")
        await self._traces.go_on(self._around.now())
        _log.info(events.TRACE_RESUMED, why="a person has said so")
        return "the skip trace goes on: whoever waits is asked for by the daemon, or the next one that is started"

    async def _include_older(self, job: str) -> str:
        count = await self._traces.include_older(job)
        if count is None:
            raise UsageMistake(
                f"the owners of {job} are not found: set enabled = true under [skip_trace] in its file first; nothing"
                " was changed"
            )
        return (
            f"the owners of all {count:,} properties that {job} has delivered are asked for, within the budget of"
            " [skip_trace]; those whose answers are there and fresh cost nothing"
        )


_log = structlog.get_logger()
