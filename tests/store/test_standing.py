"""A store and its witness: what a move, a copy and a restore look like at the next start, and what each answer does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from leadsync.core.model import Books, PageReply, Reason
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed
from leadsync.store import standing
from leadsync.store.witness import WitnessFile
from tests.store.hand import NOW, UNLIMITED, Hand, leads


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """A session with a page of 30 stored, in a folder of its own."""
    hand = Hand(tmp_path / "here" / "leadsync.db")
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id, 30)), run_id, leads(30), 30, new=True)
    return hand


def elsewhere(hand: Hand, *, keep: bool = True) -> Hand:
    """The same store in another folder, its witness with it; the original stays where `keep` says so."""
    hand.close()
    there = hand.file.parent.parent / "there"
    shutil.copytree(hand.file.parent, there) if keep else hand.file.parent.rename(there)
    return Hand(there / hand.file.name)


def restored(hand: Hand) -> Hand:
    """A backup in the place of the store, which has asked for another page since."""
    hand = hand.reopened()
    backup = hand.file.with_name("backup")
    hand.writer.close()
    shutil.copy(hand.file, backup)
    hand = Hand(hand.file)
    hand.key(hand.order(hand.session(), hand.run("later")))
    hand.close()
    shutil.copy(backup, hand.file)
    return Hand(hand.file)


def test_a_store_that_stays_is_not_doubted(hand: Hand) -> None:
    """Stopped or killed, it goes on."""
    hand.writer.close()
    assert Hand(hand.file).ledger.doubt is None


@pytest.mark.parametrize(("keep", "why"), [(True, Reason.STORE_COPIED), (False, Reason.STORE_MOVED)])
def test_a_doubt_stays_until_it_is_answered(hand: Hand, keep: bool, why: Reason) -> None:
    """Over any number of starts; the answer ends it, and the next start agrees."""
    there = elsewhere(hand, keep=keep)
    assert there.ledger.doubt is why
    there = there.reopened()
    assert there.ledger.doubt is why
    there.do(there.ledger.answer_store(StoreAnswer.MOVED, "unused", NOW))
    there = there.reopened()
    assert (there.ledger.doubt, there.opened.installation) == (None, "0123456789abcdef")


def test_a_copy_begins_with_sessions_of_its_own(hand: Hand) -> None:
    """Another name, empty books, and no key of the original's is left open; the leads stay."""
    hand.key(hand.order(hand.session(), hand.run("second"), 5))
    copy = elsewhere(hand)
    copy.do(copy.ledger.answer_store(StoreAnswer.COPIED, "fedcba9876543210", NOW))
    copy = copy.reopened()
    assert (copy.opened.installation, copy.ledger.doubt) == ("fedcba9876543210", None)
    assert (copy.session().books, copy.session().open_page) == (Books(epoch=2), None)
    assert copy.rows("SELECT state FROM page ORDER BY id") == [("stored",), ("void",)]
    assert copy.one("SELECT count(*) FROM delivery") == 30


def test_a_restored_store_asks_its_old_keys_with_their_bytes(hand: Hand) -> None:
    """What the last page was asked with is asked again, whatever the job's file says; another take is its own."""
    hand = restored(hand)
    assert hand.ledger.doubt is Reason.STORE_RESTORED
    hand.do(hand.ledger.answer_store(StoreAnswer.RESTORED, "unused", NOW))
    session, run_id = hand.session(), hand.run("again")
    assert session.recovering
    order = replace(hand.order(session, run_id, 7), again=True, request=lambda key, take: f"{key} {take}".encode())
    page = hand.key(order)
    (first,) = hand.rows("SELECT key, request FROM page WHERE id = 1")
    assert (page.take, page.request) == (30, first[1].replace(first[0].encode(), page.key.encode()))
    reply = PageReply(leads(10, 30), 40, is_new=False, has_cursor=True)
    arrival = replace(hand.arrival(page, run_id, reply), recover_until=40)
    assert hand.do(hand.ledger.store(arrival, NOW)).stored.reason is None
    assert not hand.session().recovering


@pytest.mark.parametrize("total", [40, 50])
def test_recovery_goes_on_until_the_vendors_total(hand: Hand, total: int) -> None:
    """Pages short of it leave the session recovering; a run that finds nothing more may end it."""
    hand = restored(hand)
    hand.do(hand.ledger.answer_store(StoreAnswer.RESTORED, "unused", NOW))
    run_id = hand.run("again")
    page = hand.key(replace(hand.order(hand.session(), run_id, 30), again=True))
    reply = PageReply(leads(10, 30), total, is_new=False, has_cursor=True)
    hand.do(hand.ledger.store(replace(hand.arrival(page, run_id, reply), recover_until=total), NOW))
    assert hand.session().recovering is (total > 40)
    hand.do(hand.ledger.recovered(hand.session().session_id))
    assert not hand.session().recovering


def test_what_is_asked_again_within_a_budget_has_its_own_bytes(hand: Hand) -> None:
    """Where the budget leaves less than the last page took, the request says so."""
    run_id = hand.run("again")
    order = replace(hand.order(hand.session(), run_id, 30, replace(UNLIMITED, records_day=36)), again=True)
    page = hand.key(order)
    assert (page.take, b'"take":6' in page.request) == (6, True)


def test_without_a_page_there_is_nothing_to_be_like(tmp_path: Path) -> None:
    """A restored session that had stored nothing asks what its job asks."""
    hand = Hand(tmp_path / "leadsync.db")
    page = hand.key(replace(hand.order(hand.session(), hand.run(), 7), again=True))
    assert page.take == 7


@pytest.mark.parametrize("changes", [0, 1])
def test_changes_after_a_restore_have_numbers_of_their_own(tmp_path: Path, changes: int) -> None:
    """No number that was given before is given again, also where the backup has none: `--since` misses nothing."""
    hand = Hand(tmp_path / "leadsync.db")
    run_id = hand.run()
    for at in range(changes):
        hand.store(hand.key(hand.order(hand.session(), run_id, 10)), run_id, leads(10, at * 10), 10, new=True)
    hand.do(hand.ledger.answer_store(StoreAnswer.RESTORED, "unused", NOW))
    hand.store(hand.key(hand.order(hand.session(), run_id, 10)), run_id, leads(10, 90), 10 + 10 * changes)
    assert hand.one("SELECT max(id) FROM change") == 2 * standing.CHANGES_A_GENERATION + 10


def test_a_machine_without_a_name_is_one_machine(hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often have no machine-id; a store that stays in its place is still known."""
    monkeypatch.setattr(standing, "MACHINE_ID", tmp_path / "none")
    hand.do(hand.ledger.answer_store(StoreAnswer.MOVED, "unused", NOW))
    assert hand.reopened().ledger.doubt is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"installation": "x"}', b"\xff"])
def test_a_witness_that_cannot_be_read_is_none(hand: Hand, content: bytes) -> None:
    """Spoilt or half written: it says nothing, and a store that had one is taken for a copy."""
    hand.close()
    hand.file.with_name("leadsync.db.witness").write_bytes(content)
    assert Hand(hand.file).ledger.doubt is Reason.STORE_COPIED


def test_a_witness_that_cannot_be_written_lets_nothing_out(hand: Hand) -> None:
    """The key is journaled and stays open; the caller is told before anything is sent."""
    path = hand.file.with_name("leadsync.db.witness")
    kept = json.loads(path.read_bytes())
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreFailed, match=r"cannot be written .* nothing was sent"):
        hand.key(hand.order(hand.session(), hand.run("second")))
    assert hand.session().open_page is not None
    assert kept["keys"] == 1


def test_a_store_in_doubt_has_no_witness_to_count_for_it(hand: Hand) -> None:
    """Until a person has answered, what lies beside the store stays as it was found."""
    copy = elsewhere(hand)
    before = WitnessFile(copy.file).read()
    copy.key(copy.order(copy.session(), copy.run("second")))
    assert WitnessFile(copy.file).read() == before
