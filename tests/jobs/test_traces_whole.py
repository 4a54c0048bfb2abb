"""The whole way: shared owners, three shapes, copies, a lost acknowledgement and a death in the middle."""

import io
import json
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from leadsync.app import App
from leadsync.reports.export import ExportFormat
from leadsync.reports.export.files import export_to_stream
from leadsync.reports.export.rows import Wanted
from leadsync.simulator import Fault, World
from tests.jobs.deaths import Death, Fate, Moment, MortalExecutor, MortalWire
from tests.jobs.tracing import DAY_S, TRACED, TracedStage


class SharedOwners(World):
    """Every property has an owner; the same ones come again after so many."""

    def __init__(self, size: int, owners: int) -> None:
        super().__init__(7, size)
        self._owners = owners

    def record(self, index: int) -> bytes:
        """The record, with one of the owners."""
        number = index % self._owners
        record: dict[str, Any] = json.loads(super().record(index))
        at = {"street": f"{100 + number} Quillfeather Ct", "city": "Mesa", "state": "AZ", "zip": "85201"}
        names = [{"first": f"Pat{number}", "last": "Fenwick", "full": f"Pat{number} Fenwick"}]
        record["owner"] = {"fullName": names[0]["full"], "names": names, "mailingAddress": at}
        record.get("quickLists", {}).clear()
        return json.dumps(record).encode()


class Midway(Fate):
    """Death once so many answers have been taken."""

    def __init__(self, stage: TracedStage, answers: int) -> None:
        super().__init__(0, "before")
        self._stage = stage
        self._answers = answers

    def strike(self, moment: Moment) -> None:
        """Die if the time has come, and stay dead."""
        del moment
        self.dead = self.dead or self._stage.statuses.count(200) >= self._answers
        if self.dead:
            raise Death


OWNERS = 14
STEPS_MIN = 40
"""Fewer steps than this and the search for a place to die has missed the answers."""


@pytest.mark.parametrize(
    ("properties", "owners", "batches"), [(90, 60, 1), pytest.param(1_700, 1_133, 2, marks=pytest.mark.long)]
)
def test_every_owner_is_asked_for_once_and_found(tmp_path: Path, properties: int, owners: int, batches: int) -> None:
    """Whatever is lost, doubled or dies: as few batches as can be, each owner once; a second job costs nothing."""
    stage = TracedStage(tmp_path, size=properties)
    stage.sim.world = SharedOwners(properties, owners)
    stage.job(search=TRACED, page_size=500)
    stage.switch(item_shape="mixed", miss_shape="mixed", copies_rate=0.2, shuffled=True)
    stage.sim.traces.faults.next(*[None] * (batches - 1), Fault.CUT_AFTER)
    assert ends_in_death(stage, Midway(stage, owners // 2))
    stage.serve(1_800, resuming(stage))
    assert [batch[1:3] for batch in stage.batches()] == [("settled", batch[2]) for batch in stage.batches()]
    assert len(stage.batches()) == batches
    assert (len(stage.asked), set(stage.asked)) == (owners, {1})
    assert stage.subjects().keys() == {"matched", "missed"}
    assert stage.one("SELECT count(DISTINCT delivery_id) FROM trace_delivery") == properties
    dollars = stage.sim.traces.dollars
    stage.job("tampa", search=TRACED, page_size=500, buy_again=True)
    stage.work("tampa")
    assert (stage.sim.traces.dollars, len(stage.asked)) == (dollars, owners)
    assert stage.one("SELECT count(DISTINCT delivery_id) FROM trace_delivery") == 2 * properties
    assert stage.one("SELECT count(*) FROM inbox_message WHERE state != 'taken'") == 0
    stage.assert_nobody_is_named()


def ends_in_death(stage: TracedStage, fate: Fate) -> bool:
    """Do what `leadsync once` does in a process with that fate; return whether it died."""
    alive = stage.outside
    stage.change(executor=lambda: MortalExecutor(fate), transport=MortalWire(stage.wire, fate))
    try:
        stage.once("phoenix")
    except* Death:
        pass
    stage.outside = alive
    return fate.dead


def resuming(stage: TracedStage, *jobs: str) -> Callable[[App], Coroutine[Any, Any, None]]:
    """Run jobs, and have the vendor send what was cut off with the process that it was for."""

    async def resume(app: App) -> None:
        for job in jobs:
            await app.dispatch.run(job, "once")
        await stage.sim.traces.resume()

    return resume


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.long)])
def test_death_at_any_step_forgets_nobody_and_asks_nobody_twice(tmp_path: Path, every: int) -> None:
    """From the end of the run to the last answer: whatever step is the last, the next process goes on from there."""
    for step in count(every, every):
        stage = TracedStage(tmp_path / str(step), size=OWNERS)
        stage.job(search=TRACED)
        died = ends_in_death(stage, Fate(step, "before"))
        stage.serve(2 * DAY_S, resuming(stage, "phoenix"))
        assert set(stage.asked) <= {1}
        states = stage.subjects()
        # Whether a batch had left when its process died nobody knows: then its owners are listed, and nobody is bought.
        assert sum(states.values()) == max(len(stage.asked), states.get("missing", 0)) == OWNERS
        assert states.keys() <= {"matched", "missed", "missing"}
        if not died:
            break
    assert step > STEPS_MIN


def exported(stage: TracedStage, **wanted: Any) -> dict[int, Any]:
    """The contacts of the exported leads, by delivery."""
    out = io.BytesIO()
    export_to_stream(stage.settings(), Wanted(**wanted), ExportFormat.JSONL, out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return {line["delivery_id"]: line["contacts"] for line in lines}


def test_exports_carry_what_came(tmp_path: Path) -> None:
    """Null before there is an answer, a list after it; `since` brings each delivery again that an answer touches."""
    stage = TracedStage(tmp_path, size=40)
    stage.job()
    stage.work()
    before = exported(stage)
    assert set(before.values()) == {None}
    last = stage.one("SELECT max(id) FROM change")
    stage.job(search=TRACED)
    stage.serve(1_800, lambda app: app.tracing.word.do("older", {"job": "phoenix"}))
    touched = exported(stage, since=last)
    everything = exported(stage)
    assert touched.keys() == {one for one, contacts in everything.items() if contacts is not None}
    assert {one: contacts for one, contacts in everything.items() if contacts is not None} == touched
    reaches = [reach for contacts in touched.values() for reach in contacts]
    assert {reach["kind"] for reach in reaches} == {"phone", "email"}
    assert reaches[0].keys() == {"kind", "value", "type", "do_not_call", "source", "seen_at"}
    handed_out = exported(stage, callable_only=True)
    assert handed_out.keys() == everything.keys()
    phones = [reach for contacts in handed_out.values() for reach in contacts or () if reach["kind"] == "phone"]
    assert phones
    assert {reach["do_not_call"] for reach in phones} == {False}
    assert any(reach["do_not_call"] for reach in reaches)


def test_who_is_on_the_list_is_not_handed_out(tmp_path: Path) -> None:
    """By one of the phones that were found: none of that owner's contacts, also of another delivery."""
    stage = TracedStage(tmp_path, size=40)
    stage.job(search=TRACED)
    stage.work()
    (listed, subject), *_ = stage.rows("SELECT value, subject_id FROM contact WHERE kind = 'phone' ORDER BY id")
    (tmp_path / "never.txt").write_text(f"# asked us on Monday\n{listed}\n")
    stage.trace_terms('suppression = "never.txt"\n')
    theirs = {one for (one,) in stage.rows("SELECT delivery_id FROM trace_delivery WHERE subject_id = ?", subject)}
    values = {value for (value,) in stage.rows("SELECT value FROM contact WHERE subject_id = ?", subject)}
    handed_out = exported(stage, callable_only=True)
    for delivery in theirs:
        assert not values & {reach["value"] for reach in handed_out[delivery]}
