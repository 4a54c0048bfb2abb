"""The leads as they leave the house: every line whole, in order, valid, and for its owner alone."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.house import House
from tests.system.process import Answer, command, environment

FIELDS = [
    "change_id",
    "delivery_id",
    "delivered_at",
    "job",
    "account",
    "session",
    "route",
    "redelivered",
    "property_id",
    "property",
    "contacts",
]


def read(line: str) -> dict[str, Any]:
    """Read a line as strictly as JSON is meant, after folding the levels that no reader likes."""
    folded = re.sub(r"\[{100000}\]{100000}", "[]", line)
    found: dict[str, Any] = json.loads(folded, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return found


def test_each_delivery_is_a_line_with_its_names(stocked: House) -> None:
    """The names of design section 8, no more and no fewer, numbered in commit order."""
    answer = stocked.say("export --job phoenix")
    lines = [read(line) for line in answer.out.splitlines()]
    assert all(list(line) == FIELDS for line in lines)
    assert [line["change_id"] for line in lines] == list(range(1, 121))
    assert len({line["delivery_id"] for line in lines}) == 120
    assert {(line["job"], line["account"], line["session"], line["route"]) for line in lines} == {
        ("phoenix", "main", "phoenix", "session")
    }
    assert all(line["property"]["_id"] == line["property_id"] for line in lines)
    assert {line["redelivered"] for line in lines} == {False}
    assert {line["contacts"] for line in lines} == {None}
    assert answer.err == "last change: 120\n"


def test_odd_json_of_the_vendor_becomes_good_json(stocked: House) -> None:
    """A lone surrogate, NaN and a hundred thousand levels were paid for, so they are exported, in valid UTF-8."""
    line = stocked.say("export").out.splitlines()[0]
    assert line.count("[" * 100_000) == 1
    found = read(line)["property"]
    assert found["remarks"] == "\ufffd"
    assert found["numbers"][0] is None
    assert found["address"]["state"]


def test_since_is_the_last_number_that_one_has(stocked: House) -> None:
    """It is exclusive, so that the number printed by one export is what the next one takes."""
    answer = stocked.say("export --since 100")
    assert [read(line)["change_id"] for line in answer.out.splitlines()] == list(range(101, 121))
    assert answer.err == "last change: 120\n"
    assert stocked.say("export --since 120").out == ""


def test_a_number_beyond_the_last_is_kept(stocked: House) -> None:
    """A store that was set back does not make a script forget how far it was."""
    answer = stocked.say("export --since 999")
    assert (answer.code, answer.out, answer.err) == (0, "", "last change: 999\n")


def test_a_job_without_leads_has_none(stocked: House) -> None:
    """Another job's leads are not shown."""
    answer = stocked.say("export --job tampa")
    assert (answer.code, answer.out) == (0, "")


def test_a_file_is_whole_and_its_owners(stocked: House, tmp_path: Path) -> None:
    """The file has what stdout would have, takes the place of an older one, and nobody else may read it."""
    target = tmp_path / "leads.jsonl"
    target.write_text("an older export")
    target.chmod(0o644)
    answer = stocked.say(f"export -o {target}")
    assert (answer.code, answer.out, answer.err) == (0, "", "last change: 120\n")
    assert target.read_text() == stocked.say("export").out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(stocked: House, tmp_path: Path) -> None:
    """Where the room ends in the middle, the older export is still there, no half one is, and a sentence says so."""
    target = tmp_path / "leads.jsonl"
    target.write_text("an older export")
    line = command("export", "-o", target, "--config", stocked.config)
    little_room = ["/bin/sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *line]
    ended = subprocess.run(little_room, capture_output=True, check=False, encoding="utf-8", env=environment())
    answer = Answer(ended.returncode, ended.stdout, ended.stderr)
    assert answer.code == 1
    assert "leads.jsonl" in answer.sentence()
    assert target.read_text() == "an older export"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("place", ["no/such/folder/leads.jsonl", "."], ids=["no folder", "a folder itself"])
def test_a_place_that_cannot_be_written_is_named(stocked: House, tmp_path: Path, place: str) -> None:
    """One sentence, no traceback, nothing left behind."""
    answer = stocked.say(f"export -o {tmp_path / place}")
    assert answer.code != 0
    assert str(tmp_path) in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["export", "status", "events"])
def test_a_reader_that_has_gone_is_no_crash(stocked: House, name: str) -> None:
    """`| head -1` ends the command without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    place = () if name == "events" else ("--config", stocked.config)
    with os.fdopen(writer, "wb") as gone:
        ended = subprocess.run(
            command(name, *place), stdout=gone, stderr=subprocess.PIPE, check=False, encoding="utf-8", env=environment()
        )
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_reader_that_leaves_in_the_middle_has_what_it_read(stocked: House) -> None:
    """The first line comes before the last is written."""
    with subprocess.Popen(
        command("export", "--config", stocked.config),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = read(process.stdout.readline())
        process.stdout.close()
        complaint = process.stderr.read()
    assert first["change_id"] == 1
    assert complaint == ""
