"""Whether this store is the one that was spent from: looked at when it is opened, answered by a person.

Functions of one connection, each within one transaction.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, assert_never

from sqlalchemy import Connection, func, select, update
from sqlmodel import col

from leadsync.core.model import Reason
from leadsync.core.witness import StoreAnswer, Witness, doubt
from leadsync.store import inbox, one_shots, sessions, slots, trace_pause
from leadsync.store.tables import Installation, Page, SearchSession
from leadsync.store.trace_tables import TraceBatch
from leadsync.store.witness import WitnessFile

MACHINE_ID: Final = Path("/etc/machine-id")

CHANGES_A_GENERATION: Final = 1_000_000_000
"""A restored store counts its changes from here on: no number that was given before the restore is given again."""


def look(connection: Connection, file: Path, witness: WitnessFile) -> Reason | None:
    """Compare the store with its witness, write the witness anew where they agree, and return the doubt, if any.

    A doubt stays in the store until a person has answered it. A store that was put back goes on from the last
    generation that its witness knows of, so that none is given twice.
    """
    row = connection.execute(select(Installation)).mappings().one()
    here = _here(connection, file)
    found = witness.read()
    reason = Reason(row["doubt"]) if row["doubt"] else None
    if reason is None:
        there = found is not None and found.place != here.place and _is_seen(Path(found.place))
        reason = doubt(found, here, expected=row["witnessed"], original_there=there)
    last = here.generation
    if found is not None and found.installation == here.installation:
        last = max(last, found.generation)
    connection.execute(update(Installation).values(doubt=reason and reason.value, witnessed=True, generation=last))
    if reason is None:
        witness.write(here)
    return reason


def _is_seen(place: Path) -> bool:
    """Whether a store can be seen there; a unit may not look into the home where it was tried out."""
    try:
        return place.exists()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says has happened; `name` is for the installation of a copy.

    `sessions` are those of the jobs that there are, as account, session and job, `one_shots` the others, as account and
    job: a restored store may know nothing of some that it has used.
    """

    answer: StoreAnswer
    name: str
    sessions: Collection[tuple[str, str, str]] = ()
    one_shots: Collection[tuple[str, str]] = ()


def answer(connection: Connection, said: Said, file: Path, now: datetime) -> Witness:
    """Do what a person has said, and return the witness that is true from now on."""
    values: dict[str, Any] = {"doubt": None}
    match said.answer:
        case StoreAnswer.COPIED:
            values["name"] = said.name
            _leave_sessions(connection, now)
            one_shots.leave_to_the_original(connection, now)
            slots.leave_actions(connection, now)
            inbox.disown(connection, now)
            trace_pause.leave_to_a_person(connection, Reason.STORE_COPIED, now)
        case StoreAnswer.RESTORED:
            generation = connection.execute(select(col(Installation.generation))).scalar_one() + 1
            values["generation"] = generation
            for account, session, job in said.sessions:
                sessions.enter(connection, account, session, job)
            for account, job in said.one_shots:
                sessions.enter(connection, account, one_shots.next_seat(connection, account, job), job)
            connection.execute(update(SearchSession).values(recovering=True, recover_until=None))
            slots.leave_actions(connection, now)
            _number_changes_from(connection, generation * CHANGES_A_GENERATION)
            trace_pause.leave_to_a_person(connection, Reason.STORE_RESTORED, now)
        case StoreAnswer.MOVED:
            pass
        case never:
            assert_never(never)
    connection.execute(update(Installation).values(**values))
    return _here(connection, file)


def _here(connection: Connection, file: Path) -> Witness:
    name, generation = connection.execute(select(col(Installation.name), col(Installation.generation))).one()
    keys = connection.execute(select(func.coalesce(func.max(col(Page.id)), 0))).scalar_one()
    try:
        machine = hashlib.sha256(MACHINE_ID.read_bytes()).hexdigest()[:16]
    except OSError:
        machine = ""
    batches = connection.execute(select(func.coalesce(func.max(col(TraceBatch.id)), 0))).scalar_one()
    return Witness(name, machine, str(file.resolve()), keys or 0, batches or 0, generation)


def _leave_sessions(connection: Connection, now: datetime) -> None:
    """What the copied store knew of its sessions is the original's: begin with none of them, and none of its keys."""
    void = update(Page).where(col(Page.state).in_(("asked", "awaited"))).values(state="void", settled_at=now)
    connection.execute(void)
    nothing_said = {"accepted": None, "recovering": False, "throwaway": False, "drained_at": None}
    anew = {**sessions.UNASKED, **sessions.NOT_PARKED, **nothing_said}
    connection.execute(update(SearchSession).values(epoch=col(SearchSession.epoch) + 1, **anew))


def _number_changes_from(connection: Connection, first: int) -> None:
    """SQLite keeps the last number of an AUTOINCREMENT in a table of its own."""
    moved = connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'change'", (first,))
    if not moved.rowcount:
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('change', ?)", (first,))
