"""A store and its witness: what a move, a copy and a restore look like at the next start, and what each answer does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from leadsync.core.budget import Limits
from leadsync.core.model import Books, PageReply, Reason
from leadsync.core.protocol import BudgetSpent
from leadsync.core.recovery import PAGES_A_GENERATION
from leadsync.core.resume import Remedy
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed, StoreRefused
from leadsync.store import standing
from leadsync.store.ledger import Again, Order
from leadsync.store.standing import Said
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


def test_a_witness_that_cannot_be_read_is_no_doubt(hand: Hand) -> None:
    """A copy that root has put there, or a disk that fails: told as that, and forgotten once it is mended."""
    hand.close()
    path = hand.file.with_name(f"{hand.file.name}.witness")
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()
    with pytest.raises(StoreRefused, match=r"leadsync\.db\.witness cannot be opened \(Is a directory\)"):
        Hand(hand.file)
    path.rmdir()
    away.rename(path)
    assert Hand(hand.file).ledger.doubt is None


@pytest.mark.parametrize(("keep", "why"), [(True, Reason.STORE_COPIED), (False, Reason.STORE_MOVED)])
def test_a_doubt_stays_until_it_is_answered(hand: Hand, keep: bool, why: Reason) -> None:
    """Over any number of starts; the answer ends it, and the next start agrees."""
    there = elsewhere(hand, keep=keep)
    assert there.ledger.doubt is why
    there = there.reopened()
    assert there.ledger.doubt is why
    there.do(there.ledger.answer_store(Said(StoreAnswer.MOVED, "unused", ()), NOW))
    there = there.reopened()
    assert (there.ledger.doubt, there.opened.installation) == (None, "0123456789abcdef")


def test_a_place_that_cannot_be_looked_at_is_a_doubt_and_no_crash(hand: Hand) -> None:
    """As the home where it was tried out, for a unit that may not enter it: here a name that is too long to look at."""
    hand.close()
    witness = hand.file.with_name(f"{hand.file.name}.witness")
    witness.write_text(json.dumps({**json.loads(witness.read_text()), "place": f"/{'x' * 300}/leadsync.db"}))
    assert Hand(hand.file).ledger.doubt is Reason.STORE_MOVED


def test_a_copy_begins_with_sessions_of_its_own(hand: Hand) -> None:
    """Another name, empty books, and no key of the original's is left open; the leads stay."""
    hand.key(hand.order(hand.session(), hand.run("second"), 5))
    copy = elsewhere(hand)
    copy.do(copy.ledger.answer_store(Said(StoreAnswer.COPIED, "fedcba9876543210", ()), NOW))
    copy = copy.reopened()
    assert (copy.opened.installation, copy.ledger.doubt) == ("fedcba9876543210", None)
    assert (copy.session().books, copy.session().open_page) == (Books(epoch=2), None)
    assert copy.rows("SELECT state FROM page ORDER BY id") == [("stored",), ("void",)]
    assert copy.one("SELECT count(*) FROM delivery") == 30


def like(request: bytes, key: str, take: int) -> bytes:
    """Bytes like those of a page that is left."""
    return b"like %d %s %d" % (len(request), key.encode(), take)


def plain(key: str, take: int) -> bytes:
    """Bytes as the job asks by now."""
    return f"plain {key} {take}".encode()


AGAIN = Again(like, page_size=30)


def asked_again(hand: Hand, limits: Limits = UNLIMITED, again: Again = AGAIN) -> Order:
    """What a run asks of a session whose old keys may be known."""
    order = hand.order(hand.session(), hand.run("again"), 7, limits)
    return replace(order, again=again, request=plain)


def told_restored(hand: Hand, sessions: tuple[tuple[str, str, str], ...] = ()) -> Hand:
    """A store that was restored, and a person who has said so."""
    hand = restored(hand)
    assert hand.ledger.doubt is Reason.STORE_RESTORED
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "unused", sessions), NOW))
    return hand


def test_a_restored_store_asks_its_old_keys_as_before(hand: Hand) -> None:
    """Like the pages that are left, with their take, whatever the job asks by now."""
    hand = told_restored(hand, (("main", "made after the backup", "late"),))
    assert [state.recovering for state in hand.do(hand.ledger.sessions("main"))] == [True, True]
    page = hand.key(asked_again(hand))
    assert page.take == 30
    assert page.request.startswith(b"like ")
    assert page.key.encode() in page.request


def test_an_old_key_is_worded_anew_until_no_wording_is_left(hand: Hand) -> None:
    """Each wording once, the likeliest first, durable before it is sent; then a person is asked."""
    hand = told_restored(hand)
    order = asked_again(hand)
    page = hand.key(order)
    seen = [page.request]
    while (reworded := hand.do(hand.ledger.reword(page.page_id, order, AGAIN))) is not None:
        assert hand.session().open_page == reworded
        seen.append(reworded.request)
    assert len(seen) == len(set(seen)) == 2 * 500
    assert [each.split()[0] for each in seen[:2]] == [b"like", b"plain"]


def test_a_wording_that_is_none_of_ours_is_followed_by_the_first(hand: Hand) -> None:
    """A key that was asked before the restore was known of begins with the likeliest."""
    hand = told_restored(hand)
    order = asked_again(hand)
    page = hand.key(replace(order, again=None))
    other = replace(AGAIN, page_size=8)
    reworded = hand.do(hand.ledger.reword(page.page_id, replace(order, request=like_nothing), other))
    assert reworded is not None
    assert (reworded.take, reworded.request[:4]) == (30, b"like")


def like_nothing(key: str, take: int) -> bytes:
    """A job whose file has changed."""
    return f"changed {key} {take}".encode()


def test_an_old_key_is_not_made_smaller_by_the_budget(hand: Hand) -> None:
    """Other bytes are no way out: without room for its page nothing is asked, unless the vendor knows it for sure."""
    hand = told_restored(hand)
    limits = replace(UNLIMITED, records_day=36)
    spent = hand.ask(asked_again(hand, limits))
    assert isinstance(spent, BudgetSpent)
    assert "no room for a page of 30 records" in spent.message
    order = replace(hand.order(hand.session(), hand.run("known"), 7, limits), again=replace(AGAIN, known=True))
    assert hand.key(order).take == 30


@pytest.mark.parametrize("total", [40, 50])
def test_recovery_goes_on_until_the_vendors_total(hand: Hand, total: int) -> None:
    """The page that reaches it says so; what is asked from then on has numbers that were never given."""
    hand = told_restored(hand)
    hand.do(hand.ledger.recover(hand.session().session_id, total))
    order = asked_again(hand)
    page = hand.key(order)
    reply = PageReply(leads(10, 30), total, is_new=False, has_cursor=True)
    receipt = hand.do(hand.ledger.store(replace(hand.arrival(page, order.run_id, reply), recover_until=total), NOW))
    assert receipt.stored.recovered is (total == 40)
    assert hand.session().recovering
    hand.do(hand.ledger.recovered(hand.session().session_id))
    assert not hand.session().recovering
    assert hand.session().books.next_page > PAGES_A_GENERATION


def test_a_session_that_was_never_asked_begins_with_its_first_page(tmp_path: Path) -> None:
    """No number of it was ever given."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.do(hand.ledger.recovered(hand.session().session_id))
    assert hand.session().books.next_page == 1


@pytest.mark.parametrize(("accepts", "lets_go"), [(Reason.SESSION_DRIFTED, True), (Reason.CRITERIA_CHANGED, False)])
def test_an_acceptance_may_let_old_keys_go(hand: Hand, accepts: Reason, lets_go: bool) -> None:
    """Who accepts that the totals differ lets go what old keys should have brought; another answer does not."""
    hand = told_restored(hand)
    hand.do(hand.ledger.recover(hand.session().session_id, 50))
    hand.do(hand.ledger.answer(hand.session(), Remedy("told", accepts=accepts), NOW))
    assert hand.session().recovering is not lets_go


def test_without_a_page_there_is_nothing_to_be_like(tmp_path: Path) -> None:
    """A restored session that had stored nothing asks as its job asks, in pages of the job's size."""
    hand = Hand(tmp_path / "leadsync.db")
    page = hand.key(asked_again(hand))
    assert (page.take, page.request) == (30, plain(page.key, 30))


@pytest.mark.parametrize("changes", [0, 1])
def test_changes_after_a_restore_have_numbers_of_their_own(tmp_path: Path, changes: int) -> None:
    """No number that was given before is given again, also where the backup has none: `--since` misses nothing."""
    hand = Hand(tmp_path / "leadsync.db")
    run_id = hand.run()
    for at in range(changes):
        hand.store(hand.key(hand.order(hand.session(), run_id, 10)), run_id, leads(10, at * 10), 10, new=True)
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "unused", ()), NOW))
    hand.store(hand.key(hand.order(hand.session(), run_id, 10)), run_id, leads(10, 90), 10 + 10 * changes)
    assert hand.one("SELECT max(id) FROM change") == 2 * standing.CHANGES_A_GENERATION + 10


def test_a_machine_without_a_name_is_one_machine(hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often have no machine-id; a store that stays in its place is still known."""
    monkeypatch.setattr(standing, "MACHINE_ID", tmp_path / "none")
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.MOVED, "unused", ()), NOW))
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


def test_a_witness_never_knows_fewer_keys_than_before(hand: Hand) -> None:
    """Two keys of one moment are witnessed in whatever order: the later one stays known."""
    hand.key(hand.order(hand.session(), hand.run("later")))
    hand.do(hand.ledger.vouch(1))
    found = WitnessFile(hand.file).read()
    assert found is not None
    assert found.keys == 2
