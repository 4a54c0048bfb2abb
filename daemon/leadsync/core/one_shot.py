"""A one-shot job: so many records, once. It has lives: `--again` begins the next, and what has ended stays ended.

Each life has a seat in the ledger, where its pages are counted: a throw-away session, or, on the plain route, a name
that the vendor never hears.
"""

from dataclasses import dataclass, replace

from leadsync.core.model import End, Outcome, Route


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run of a one-shot is for. `again` begins the next life, whatever became of the last."""

    account: str
    job: str
    records: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """One life as the ledger has it. `route` is None until it is chosen; it is kept from the first request on.

    `cursor` is where a plain search goes on, `unknown` how many records of lost answers nobody has asked for again.
    `ended`: how it ended, None while it is open.
    """

    life_id: int
    number: int
    seat: str
    wanted: int
    delivered: int
    route: Route | None
    asked: bool
    cursor: str | None
    unknown: int
    ended: Outcome | None


def seat_name(job: str, installation: str, number: int) -> str:
    """Return the name of a life's session: it fits the vendor's pattern, and no other installation's is the same."""
    return f"{job}-{installation}-{number}"


def judge_end(end: End, *, wanted: int, delivered: int) -> tuple[End, bool]:
    """Return how the run ends for the one-shot, and whether its life ends with it."""
    if delivered >= wanted and end.outcome.ended_well:
        return replace(end, outcome=Outcome.COMPLETE, message=f"all {wanted:,} records are here"), True
    if end.outcome is Outcome.COMPLETE:
        message = f"{delivered:,} of {wanted:,} records: {end.message}"
        return replace(end, outcome=Outcome.PARTIAL, message=message), True
    return end, False


def told_again(job: str, life: Life) -> End:
    """What somebody hears who runs a job that is done."""
    got = f"{life.delivered:,} of {life.wanted:,} records"
    message = f"done before, with {got}; nothing was asked. `leadsync once {job} --again` buys the list anew"
    return End(life.ended or Outcome.COMPLETE, message)


def another_list(job: str) -> End:
    """How a run ends that would go on with the windows of one list in another."""
    return End(
        Outcome.PARTIAL,
        "[search] or the sort was changed while its list was being pulled by windows; nothing more is asked. Undo the"
        f" change, and `leadsync once {job}` goes on; `leadsync once {job} --again` begins with the new list",
    )
