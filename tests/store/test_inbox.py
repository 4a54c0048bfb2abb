"""The inbox's rows: what comes alike is one, what is taken has its effect, and nothing is taken twice."""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import Connection

from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Unreadable, Why
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug, StoreFailed
from leadsync.store import inbox
from leadsync.store.inbox import (
    BATCH_MAX_BYTES,
    DROPPED_MAX,
    TRIES_MAX,
    Hold,
    Receipt,
    Settled,
    Take,
    Taken,
    Verdict,
    Waiting,
)
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
    return hand.do(hand.ledger.inbox.receive(letters, NOW))


def begin(hand: Hand) -> list[Waiting]:
    """Begin to read what waits."""
    return hand.do(hand.ledger.inbox.begin())


def settle(hand: Hand, *verdicts: Verdict) -> list[Settled]:
    """Let messages be taken, or held."""
    return hand.do(hand.ledger.inbox.settle(verdicts, NOW))[0]


def settle_and_go_on(hand: Hand, *verdicts: Verdict) -> list[Waiting]:
    """Let messages be taken, or held, and begin to read what waits still."""
    return hand.do(hand.ledger.inbox.settle(verdicts, NOW, more=True))[1]


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


def test_what_could_not_be_kept_is_counted(hand: Hand) -> None:
    """Its sender may bring it again, so that nothing is given up for a while."""
    full = sqlite3.OperationalError("database or disk is full")
    with mock.patch.object(inbox, "receive", side_effect=full), pytest.raises(StoreFailed):
        receive(hand, letter())
    receive(hand, letter())
    assert hand.ledger.inbox.turned_away == 1


def test_the_next_are_begun_in_the_commit_that_settles_the_last(hand: Hand) -> None:
    """With their try counted; where the disk fails neither has happened."""

    def finds_no_room(_connection: Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    receive(hand, letter(bytes(BATCH_MAX_BYTES)), letter(b"2"))
    (first,) = begin(hand)
    with pytest.raises(StoreFailed):
        settle_and_go_on(hand, Take(first.message_id, finds_no_room))
    assert hand.rows("SELECT state, tries FROM inbox_message ORDER BY id") == [("waiting", 1), ("waiting", 0)]
    (second,) = settle_and_go_on(hand, Take(first.message_id, nothing))
    assert hand.rows("SELECT state, tries FROM inbox_message ORDER BY id") == [("taken", 1), ("waiting", 1)]
    assert settle_and_go_on(hand, Take(second.message_id, nothing)) == []


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
    assert hand.do(hand.ledger.inbox.release([first.message_id, second.message_id, 99])) == 1
    assert hand.rows("SELECT state, reason, tries FROM inbox_message WHERE version = 1") == [("waiting", None, 0)]


def test_what_is_given_up_can_be_taken_back_while_it_is_whole(hand: Hand) -> None:
    """Only what is in quarantine is given up; a copy of it changes nothing; without its body it is never read again."""
    receive(hand, letter(b"1"), letter(b"2"), letter(b"3"))
    first, second, third = (waiting.message_id for waiting in begin(hand))
    settle(hand, Hold(first, Why.NOT_READABLE, "no JSON"), Take(second, nothing))
    assert hand.do(hand.ledger.inbox.discard([first, second, third, 99], NOW)) == 1
    assert receive(hand, letter(b"1")) == [Receipt(1, again=True)]
    assert hand.rows("SELECT state FROM inbox_message ORDER BY id") == [("discarded",), ("taken",), ("waiting",)]
    assert hand.do(hand.ledger.inbox.release([first, second])) == 1
    settle(hand, Hold(first, Why.NOT_READABLE, "no JSON"))
    hand.do(hand.ledger.inbox.discard([first], NOW))
    assert hand.do(hand.ledger.inbox.drop_bodies(NOW + timedelta(seconds=1))) == 2
    assert hand.do(hand.ledger.inbox.release([first, second])) == 0
    assert hand.rows("SELECT message_id FROM inbox_body") == [(third,)]


def test_bodies_are_dropped_oldest_first_and_their_copies_stay_known(hand: Hand) -> None:
    """A few at a time; what waits, for its handler or for a person, keeps its body however old it is."""
    receive(hand, *(letter(b"%d" % number) for number in range(DROPPED_MAX + 4)))
    old: list[int] = []
    while len(old) <= DROPPED_MAX + 2:
        batch = [waiting.message_id for waiting in begin(hand)][: DROPPED_MAX + 3 - len(old)]
        settle(hand, *(Take(message_id, nothing) for message_id in batch))
        old += batch
    hand.rows("UPDATE inbox_message SET state = 'quarantined' WHERE id = 1 RETURNING id")
    hand.rows(
        "UPDATE inbox_message SET settled_at = '2026-11-03 06:00:00'"
        " WHERE id = (SELECT max(id) FROM inbox_message WHERE state = 'taken') RETURNING id"
    )
    later = NOW + timedelta(seconds=1)
    assert [hand.do(hand.ledger.inbox.drop_bodies(later)) for _ in range(3)] == [DROPPED_MAX, 1, 0]
    kept = "SELECT state, body FROM inbox_body JOIN inbox_message ON id = message_id ORDER BY id"
    assert hand.rows(kept) == [
        ("quarantined", b"0"),
        ("taken", b"%d" % (DROPPED_MAX + 2)),
        ("waiting", b"%d" % (DROPPED_MAX + 3)),
    ]
    assert receive(hand, letter(b"1")) == [Receipt(2, again=True)]


def test_a_clock_that_was_ahead_keeps_no_other_body(hand: Hand) -> None:
    """Many were taken in what is next year by now: those that are settled since are dropped in their time."""
    receive(hand, *(letter(b"%d" % number) for number in range(DROPPED_MAX + 5)))
    for at in (NOW + timedelta(days=365), NOW):
        takes = [Take(waiting.message_id, nothing) for waiting in begin(hand)]
        hand.do(hand.ledger.inbox.settle(takes, at))
    assert hand.do(hand.ledger.inbox.drop_bodies(NOW + timedelta(seconds=1))) == 5
    assert hand.one("SELECT count(*) FROM inbox_body") == DROPPED_MAX


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


def test_an_effect_may_find_that_nobody_can_take_it(hand: Hand) -> None:
    """What only the store can see holds the message, for the reason that the effect gives, and undoes what it did."""
    receive(hand, letter(b"1"))
    (waiting,) = begin(hand)

    def of_another(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES ('half done')")
        raise Unreadable(Why.WRONG_ID, "it is about another request")

    (held,) = settle(hand, Take(waiting.message_id, of_another))
    assert held == Hold(waiting.message_id, Why.WRONG_ID, "it is about another request")
    assert hand.rows("SELECT name FROM account") == []
