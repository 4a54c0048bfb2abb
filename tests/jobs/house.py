"""A team's house for the tests of its slots: foreign sessions, jobs of ours, and what may never be deleted."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from leadsync.core.model import Outcome
from tests.simulator.caller import page
from tests.stage import Stage

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
DELETE = "/api/v2/property/search-sessions/"


def foreign(stage: Stage, count: int) -> list[str]:
    """So many sessions that somebody else has made."""
    names = [f"other-{number:02}" for number in range(count)]
    for name in names:
        page(stage.sim, f"key-{name}", session=name, take=1)
    return names


def somebody_is_faster(stage: Stage) -> None:
    """Another program of the team makes a session."""
    stage.sim.sessions["faster"] = replace(stage.sim.sessions["other-00"], id="faster")


def keep_house(stage: Stage, delete: str = "orphans", *, orphans: int = 0, stale: int = 1, every: str = "6h") -> None:
    """Add [housekeeping] to the configuration."""
    text = (stage.folder / "config.toml").read_text().split("[housekeeping]", maxsplit=1)[0]
    table = f'[housekeeping]\nevery = "{every}"\ndelete = "{delete}"\n'
    ages = f"orphan_after_days = {orphans}\nstale_after_days = {stale}\n"
    (stage.folder / "config.toml").write_text(text + table + ages)


def waiting_for_a_slot(build: Callable[..., Stage]) -> Stage:
    """A job without times that waits, since somebody else has both slots; the vendor's list is taken each hour."""
    stage = build(size=20, account="session_cap = 2\nsession_reserve = 0", session_cap=2)
    foreign(stage, 2)
    stage.job()
    keep_house(stage, "never", every="1h")
    assert stage.end().outcome is Outcome.WAITING
    return stage


def asked_to_delete(stage: Stage) -> list[str]:
    """The sessions whose deletion reached the vendor, in order."""
    return [
        seen.path.removeprefix(DELETE)
        for seen in stage.sim.bill.requests
        if (seen.method, seen.path[-1:]) != ("", "") and seen.method == "DELETE"
    ]


def assert_deletions_in_order(stage: Stage, foreigners: Iterable[str] = ()) -> None:
    """P7: what was deleted is in the ledger, before and after, and nobody else's was ever asked for."""
    written = {name for (name,) in stage.rows("SELECT session FROM slot_action")}
    asked = set(asked_to_delete(stage))
    assert asked <= written
    assert not asked & set(foreigners)
    assert set(foreigners) <= set(stage.sim.sessions)
    assert stage.one("SELECT count(*) FROM slot_action WHERE (state = 'asked') != (ended_at IS NULL)") == 0


def actions(stage: Stage) -> list[tuple[str, str, str]]:
    """Session, who wanted it deleted, and how that ended."""
    return [(name, by, state) for name, by, state in stage.rows("SELECT session, asked_by, state FROM slot_action")]
