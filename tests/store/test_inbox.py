"""The inbox's rows: what comes alike is one, what is taken has its effect, and nothing is taken twice."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Why
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug, StoreFailed
from leadsync.store.inbox import BATCH_MAX_BYTES, TRIES_MAX, Hold, Receipt, Settled, Take, Taken, Verdict, Waiting
from leadsync.store.standing import Said
from tests.store.hand import NOW, Hand

MESSAGES = "SELECT state, copies, version FROM inbox_message ORDER BY id"


def letter(body: bytes = b"{}", subject: str = "01K", **headers: str) -> Letter:
    """A message as the door stores it."""
    return Letter(Address("async", subject), headers, body, hashlib.sha256(body).hexdigest())


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """An open store."""
    hand = Hand(tmp_path / "leadsync.db")
    yield hand
    hand.close()


def receive(hand: Hand, *letters: Letter) -> list[Receipt]:
    """Keep messages in one commit."""
    return hand.do(hand.ledger.receive(letters, NOW))


def begin(hand: Hand) -> list[Waiting]:
    """Begin to read what waits."""
    return hand.do(hand.ledger.begin_letters())


def settle(hand: Hand, *verdicts: Verdict) -> list[Settled]:
    """Let messages be taken, or held."""
    return hand.do(hand.ledger.settle_letters(verdicts, NOW))


def nothing(_connection: Connection) -> None:
    """An effect that leaves no trace."""


def test_the_same_body_is_one_message_and_another_is_a_version(hand: Hand) -> None:
    """Also within one commit; at another address the same bytes are another message."""
    receipts = receive(hand, letter(b"1"), letter(b"1"), letter(b"2"), letter(b"1", "01L"))
    assert receipts == [
        Receipt(1, again=False),
        Receipt(1, again=True),
        Receipt(2, again=False),
        Receipt(1, again=False),
    ]
    assert receive(hand, letter(b"2")) == [Receipt(2, again=True)]
    assert hand.rows(MESSAGES) == [("waiting", 2, 1), ("waiting", 2, 2), ("waiting", 1, 1)]


def test_a_message_comes_back_as_it_came(hand: Hand) -> None:
    """Bytes, headers and address."""
    came = letter(bytes(range(256)) * 4, **{"content-encoding": "gzip"})
    receive(hand, came)
    (waiting,) = begin(hand)
    assert waiting.letter == came


def test_it_is_taken_once_with_its_effect_or_not_at_all(hand: Hand) -> None:
    """An effect that fails leaves nothing and takes no other with it; a second taking is a bug, and has no effect."""

    def effect(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES ('effect')")

    def fails(connection: Connection) -> None:
        effect(connection)
        raise KeyError("half way")

    receive(hand, letter(b"1"), letter(b"2"))
    first, second = begin(hand)
    held, taken = settle(hand, Take(first.message_id, fails), Take(second.message_id, effect))
    assert isinstance(held, Hold)
    assert held.detail.startswith("its handler failed: KeyError at test_inbox.py:")
    assert taken == Taken(second.message_id, None)
    with pytest.raises(Bug, match="does not wait"):
        settle(hand, Take(second.message_id, effect))
    assert hand.rows(MESSAGES) == [("quarantined", 1, 1), ("taken", 1, 2)]
    assert hand.rows("SELECT name FROM account") == [("effect",)]
    assert begin(hand) == []


def test_an_effect_that_the_store_refuses_is_its_messages_fault_and_a_failing_store_is_weather(hand: Hand) -> None:
    """A row that breaks a rule of the tables is quarantined; a full disk undoes the batch, and it is tried again."""

    def breaks_a_rule(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES (NULL)")

    def finds_no_room(_connection: Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    receive(hand, letter(b"1"), letter(b"2"), letter(b"3"))
    first, second, third = (waiting.message_id for waiting in begin(hand))
    with pytest.raises(StoreFailed, match="disk is full"):
        settle(hand, Take(first, nothing), Take(second, breaks_a_rule), Take(third, finds_no_room))
    assert hand.rows("SELECT DISTINCT state FROM inbox_message") == [("waiting",)]
    settle(hand, Take(first, nothing), Take(second, breaks_a_rule), Take(third, nothing))
    assert hand.rows("SELECT state FROM inbox_message ORDER BY id") == [("taken",), ("quarantined",), ("taken",)]


def test_what_is_taken_already_comes_again(hand: Hand) -> None:
    """The same body after its effect has none; it is counted."""
    receive(hand, letter())
    settle(hand, Take(begin(hand)[0].message_id, nothing))
    assert receive(hand, letter()) == [Receipt(1, again=True)]
    assert hand.rows(MESSAGES) == [("taken", 2, 1)]
    assert begin(hand) == []


def test_quarantine_and_out_of_it(hand: Hand) -> None:
    """A person lets it wait again; one that is not there, or not in quarantine, is not counted."""
    receive(hand, letter(b"1"), letter(b"2"))
    first, second = begin(hand)
    settle(hand, Hold(first.message_id, Why.NOT_READABLE, "no JSON"))
    assert hand.rows("SELECT state, reason, detail FROM inbox_message WHERE version = 1") == [
        ("quarantined", "not_readable", "no JSON")
    ]
    assert hand.do(hand.ledger.release([first.message_id, second.message_id, 99])) == 1
    assert hand.rows("SELECT state, reason, tries FROM inbox_message WHERE version = 1") == [("waiting", None, 0)]


def test_small_ones_are_read_together_and_a_large_one_alone(hand: Hand) -> None:
    """Never more than one large body is in memory, nor more small ones than are as large together."""
    half = bytes(BATCH_MAX_BYTES // 2)
    large = letter(bytes(BATCH_MAX_BYTES + 1))
    receive(hand, letter(b"1"), letter(half), large, letter(b"4"), letter(half + b"5"), letter(half + b"6"))
    batches = []
    for _ in range(4):
        batch = begin(hand)
        batches.append([waiting.version for waiting in batch])
        for waiting in batch:
            settle(hand, Take(waiting.message_id, nothing))
    assert batches == [[1, 2], [3], [4, 5], [6]]


def test_what_kills_its_process_takes_no_other_with_it(tmp_path: Path) -> None:
    """After a death each of the batch is begun alone; who kills again and again is quarantined, the others are read."""
    hand = Hand(tmp_path / "leadsync.db")
    receive(hand, letter(b"innocent"), letter(b"poison"), letter(b"late"))
    deaths = 0
    while batch := begin(hand):
        for waiting in batch:
            if waiting.worn_out:
                settle(hand, Hold(waiting.message_id, Why.CRASHED, ""))
                continue
            if waiting.letter.body == b"poison":
                deaths += 1
                hand.writer.close()
                hand = Hand(tmp_path / "leadsync.db")
                break
            settle(hand, Take(waiting.message_id, nothing))
    assert deaths == TRIES_MAX
    assert hand.rows("SELECT state, reason FROM inbox_message ORDER BY id") == [
        ("taken", None),
        ("quarantined", "crashed"),
        ("taken", None),
    ]
    hand.close()


def test_what_a_process_begins_again_is_one_try(hand: Hand) -> None:
    """A store that fails for hours quarantines nothing."""
    receive(hand, letter())
    for _ in range(TRIES_MAX + 3):
        assert len(begin(hand)) == 1
    assert hand.one("SELECT tries FROM inbox_message") == 1


def test_addresses_outlive_a_restore_and_not_a_copy(tmp_path: Path) -> None:
    """A restored or moved store knows what it gave out; what waited in a copy was the original's, and is not read."""
    hand = Hand(tmp_path / "leadsync.db")
    before = hand.ledger.hooks
    receive(hand, letter())
    for answer in (StoreAnswer.MOVED, StoreAnswer.RESTORED):
        hand.do(hand.ledger.answer_store(Said(answer, "other", ()), NOW))
        assert hand.ledger.hooks == before
    assert len(begin(hand)) == 1
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.COPIED, "other", ()), NOW))
    assert (hand.ledger.hooks.installation, hand.ledger.hooks.secret) == ("other", before.secret)
    assert hand.rows("SELECT state, reason FROM inbox_message") == [("quarantined", "foreign")]
    again = hand.reopened()
    assert again.ledger.hooks == hand.ledger.hooks
    again.close()
