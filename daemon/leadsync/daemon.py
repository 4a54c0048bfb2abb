"""The daemon from its first line to its last: everything built, listening, ready, at work, and ended in order."""

import asyncio
import os
import signal
from contextlib import closing
from functools import partial

import structlog

from leadsync import __version__, events
from leadsync.app import open_app
from leadsync.config import Settings
from leadsync.control.board import Board
from leadsync.control.server import listening
from leadsync.heartbeat import Heartbeat
from leadsync.keys import read_telling, set_up_log, start_log
from leadsync.outside import Outside
from leadsync.reception import receiving
from leadsync.reload import Reload
from leadsync.service import Service
from leadsync.signals import on_signal, stopping_on_signals
from leadsync.store.engine import sqlite_file
from leadsync.store.lock import DAEMON
from leadsync.systemd import Manager
from leadsync.watching import watching


async def run_daemon(settings: Settings, outside: Outside) -> None:
    """Run the jobs at their times and carry out commands, until a signal comes. Raises Busy beside another leadsync."""
    hung_up = asyncio.Event()
    # From the first moment to the last: without us SIGHUP ends a process, and systemd takes that for a clean end.
    with on_signal(signal.SIGHUP, lambda _: hung_up.set()):
        board = Board()
        keys = start_log(settings, outside, board.post, read_telling(settings, outside.environ))
        async with open_app(settings, keys, outside, DAEMON) as app:
            service = Service(app.office, app.ledger, app.around, app.dispatch, hands=app.hands)
            heartbeat = Heartbeat(Manager(outside.environ), app.office, app.ledger, app.around)
            relog = partial(set_up_log, outside=outside, listener=board.post)
            reload = Reload(app, service, outside, heartbeat=heartbeat, relog=relog, asked=hung_up)
            with stopping_on_signals(app.around):
                async with (
                    listening(sqlite_file(settings.store.url), service.commands, board, app.ledger.feel_pulse),
                    receiving(settings, app.ledger, app.around, app.unpack.ring, outside.environ),
                ):
                    with closing(outside.alarms()) as alarms:
                        async with watching(app.watched, alarms, outside):
                            await service.run(alarms, beside=app.beside(heartbeat.keep, reload.keep))
    _log.info(events.DAEMON_STOPPED, version=__version__, process=os.getpid())


_log = structlog.get_logger()
