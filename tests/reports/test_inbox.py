"""What the inbox shows of results that were given up, or whose bodies are not kept any more."""

from collections.abc import Callable
from io import BytesIO

import pytest

from leadsync.errors import UsageMistake
from leadsync.reports.inbox import discard_in_words, in_words, inbox, message, message_in_words, to_discard, write_body
from tests.jobs.test_unpack import good, letter, unpack
from tests.stage import Stage


@pytest.fixture
def stage(build: Callable[..., Stage]) -> Stage:
    """One result was read, one cannot be, and one was given up."""
    stage = build()
    stage.folder.chmod(0o700)
    unpack(stage, good(1), letter(b"hello"), letter(b"goodbye"))
    stage.write("UPDATE inbox_message SET state = 'discarded' WHERE id = 3")
    return stage


def test_what_is_to_be_given_up_is_shown_with_what_that_means(stage: Stage) -> None:
    """Each once, as in the list; with the money, and the way back."""
    report = to_discard(stage.settings(), [2, 2])
    assert report["messages"] == inbox(stage.settings())["messages"]
    words = discard_in_words(report)
    assert "not_readable" in words
    assert "may be billed already" in words
    assert "For 7 days `leadsync inbox release ID` takes them back" in words


def test_a_flood_hides_nothing_that_waits_for_a_person(stage: Stage) -> None:
    """What is to be read by itself comes after it, and how many are not shown is said."""
    stage.write(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1209)"
        " INSERT INTO inbox_message (id, kind, subject, version, digest, state, copies, tries, fence, received_at,"
        " headers, size_bytes)"
        " SELECT i, 'result', 'flood', 1, i, 'waiting', 1, 0, 0, '2026-11-02 06:00:00', '{}', 1 FROM n"
    )
    stage.write("UPDATE inbox_message SET state = 'quarantined', reason = 'wrong_key' WHERE id = 1209")
    report = inbox(stage.settings())
    assert [one["id"] for one in report["messages"][:3]] == [2, 1209, 10]
    assert (len(report["messages"]), report["left_out"]) == (1_000, 201)
    assert in_words(report).endswith("\nand 201 more")


def test_what_is_not_in_quarantine_is_not_given_up(stage: Stage) -> None:
    """One wrong number, and nothing is: it may be a slip of the pen."""
    with pytest.raises(UsageMistake, match=r"not in quarantine: 1, 3, 99\. Nothing was discarded"):
        to_discard(stage.settings(), [99, 3, 2, 1])


def test_a_body_that_is_not_kept_any_more(stage: Stage) -> None:
    """The facts stay, and say so."""
    stage.write("DELETE FROM inbox_body WHERE message_id = 1")
    shown = message(stage.settings(), 1)
    assert (shown["state"], shown["bytes"]) == ("taken", len(good(1).body))
    assert "it is not kept any more: it was taken, or discarded, more than 7 days ago" in message_in_words(shown)
    with pytest.raises(UsageMistake, match="webhook 1 has no body: it is not kept any more"):
        write_body(stage.settings(), 1, BytesIO())
