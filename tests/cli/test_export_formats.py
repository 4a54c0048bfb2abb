"""`export --format`: the same leads as tables, from the real command, into files, pipes and onto full disks."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from leadsync.reports.export.csv import HEADER
from leadsync.reports.export.rows import COLUMNS
from tests.cli.test_export import FIELDS
from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import Answer, beginning, command, environment, execute, run

FORMATS = ["jsonl", "csv", "parquet"]
OF_THE_INDEX = "street, city, state, zip, county, owner, mailing_address, value, equity"


@pytest.fixture(autouse=True)
def patient_reader() -> Iterator[None]:
    """The odd lead has a hundred thousand levels, more than Python's csv reader takes unasked."""
    before = csv.field_size_limit(1_000_000)
    yield
    csv.field_size_limit(before)


@pytest.fixture
def fresh(tmp_path: Path) -> House:
    """A house without a store."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    return house


def exported(house: House, form: str, more: str = "") -> list[dict[str, Any]]:
    """The rows as a reader of the format has them, times and numbers as jsonl has them, `property` as text."""
    target = house.folder.parent / f"read.{form}"
    answer = house.say(f"export --format {form} -o {target} {more}")
    assert (answer.code, answer.out) == (0, "")
    return {"jsonl": read_jsonl, "csv": read_csv, "parquet": read_parquet}[form](target)


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """The lines, each with its property as the text that stands there."""
    rows = []
    for line in file.read_text().splitlines():
        head, _, text = line.partition(',"property":')
        rows.append(json.loads(head + "}") | {"property": text.removesuffix(',"contacts":null}'), "contacts": None})
    return rows


def read_csv(file: Path) -> list[dict[str, Any]]:
    """The rows, with their types."""
    with file.open(newline="", encoding="utf-8") as text:
        rows: list[dict[str, Any]] = list(csv.DictReader(text, strict=True))
    for row in rows:
        assert tuple(row) == HEADER
        row |= {name: None for name in (*OF_THE_INDEX.split(", "), "contacts") if row[name] == ""}
        row |= {name: int(row[name]) for name in ("change_id", "delivery_id")}
        row |= {name: float(row[name]) for name in ("value", "equity") if row[name] is not None}
        row["redelivered"] = {"true": True, "false": False}[row["redelivered"]]
    return rows


def read_parquet(file: Path) -> list[dict[str, Any]]:
    """The rows."""
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    for row in rows:
        row["delivered_at"] = row["delivered_at"].isoformat()
    return rows


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_says_what_jsonl_says_and_what_the_index_knows(stocked: House, form: str) -> None:
    """Each name of jsonl with the same value, the odd lead too, and beside them the columns that people filter by."""
    rows = exported(stocked, form)
    lines = exported(stocked, "jsonl")
    index = stocked.rows(f"SELECT {OF_THE_INDEX} FROM property ORDER BY first_delivery")  # noqa: S608 - our own names
    assert [{name: row[name] for name in FIELDS} for row in rows] == lines
    assert [tuple(row[name] for name in OF_THE_INDEX.split(", ")) for row in rows] == index
    assert sum(any(row) for row in index) > 100


@pytest.mark.parametrize("form", FORMATS)
def test_since_and_job_mean_the_same_everywhere(stocked: House, form: str) -> None:
    """`--since` is exclusive, and another job's leads are not there."""
    assert [row["change_id"] for row in exported(stocked, form, "--since 100 --job phoenix")] == list(range(101, 121))
    assert exported(stocked, form, "--job tampa") == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_empty_table_has_its_columns(fresh: House, form: str) -> None:
    """Before there is a store, too: a program that reads it every morning needs no case of its own."""
    target = fresh.folder / "leads"
    answer = fresh.say(f"export --format {form} -o {target}")
    assert (answer.code, answer.err) == (0, "last change: 0\n")
    names = pq.read_schema(target).names if form == "parquet" else target.read_text().strip().split(",")
    assert tuple(names) == (COLUMNS if form == "parquet" else HEADER)
    assert exported(fresh, form) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_pipe_gets_what_a_file_gets(stocked: House, tmp_path: Path, form: str) -> None:
    """Byte for byte; the file is its owner's alone."""
    target = tmp_path / "leads"
    assert stocked.say(f"export --format {form} -o {target}").err == "last change: 120\n"
    line = command("export", "--format", form, "--config", stocked.config)
    piped = subprocess.run(line, capture_output=True, check=True, env=environment())
    assert (piped.stdout, piped.stderr) == (target.read_bytes(), b"last change: 120\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_line_a_lead_for_tools_that_know_no_csv(stocked: House) -> None:
    """`cut -d, -f1` gives the header and the change numbers."""
    out = stocked.say("export --format csv").out
    cut = subprocess.run(["/usr/bin/cut", "-d,", "-f1"], input=out, capture_output=True, check=True, encoding="utf-8")
    assert cut.stdout.splitlines() == ["change_id", *map(str, range(1, 121))]
    assert len(list(csv.reader(io.StringIO(out, newline="")))) == 121


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_a_sentence(stocked: House, form: str) -> None:
    """Not a traceback, and not success."""
    with Path("/dev/full").open("wb") as full:
        line = command("export", "--format", form, "--config", stocked.config)
        ended = subprocess.run(
            line, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8", env=environment()
        )
    answer = Answer(ended.returncode, "", ended.stderr)
    assert answer.code == 1
    assert "No space left on device" in answer.sentence()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_reader_that_has_gone_is_no_crash(stocked: House, form: str) -> None:
    """The command ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        line = command("export", "--format", form, "--config", stocked.config)
        ended = subprocess.run(
            line, stdout=gone, stderr=subprocess.PIPE, check=False, encoding="utf-8", env=environment()
        )
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_that_is_not_there_is_named(stocked: House, tmp_path: Path, form: str) -> None:
    """One sentence, and nothing left behind."""
    answer = stocked.say(f"export --format {form} -o {tmp_path}/none/leads")
    assert answer.code == 1
    assert f"{tmp_path}/none/leads" in answer.sentence()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_interrupt_leaves_nothing_behind(stocked: House, tmp_path: Path, form: str) -> None:
    """Ctrl-C in the middle: the older export is still there, the half of a new one is not."""
    target, part = tmp_path / "leads", tmp_path / "leads.part"
    target.write_text("an older export")
    os.mkfifo(part)  # so that it stops in the middle, where nobody reads on
    line = command("export", "--format", form, "-o", target, "--config", stocked.config)
    with subprocess.Popen(line, stderr=subprocess.PIPE, encoding="utf-8", env=environment()) as process:
        with part.open("rb") as half:
            half.readline()
            process.send_signal(signal.SIGINT)
            half.read()
        assert process.stderr is not None
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (130, "")
    assert target.read_text() == "an older export"
    assert list(tmp_path.iterdir()) == [target]


def test_an_unknown_job_leaves_nothing_behind(stocked: House, tmp_path: Path) -> None:
    """A typo makes no file."""
    assert stocked.say(f"export --job phoenx -o {tmp_path}/leads").code == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_replaced(stocked: House, tmp_path: Path) -> None:
    """`-o /dev/null` by root must not put a file in its place, nor any other in that of a pipe."""
    os.mkfifo(tmp_path / "pipe")
    answer = stocked.say(f"export -o {tmp_path}/pipe")
    assert answer.code == 1
    assert "leave out -o" in answer.sentence()
    assert [stat.S_ISFIFO(file.stat().st_mode) for file in tmp_path.iterdir()] == [True]


def test_parquet_without_pyarrow_says_what_to_install(stocked: House, tmp_path: Path) -> None:
    """One line, the exit code of a usage mistake, and no file; the other formats need nothing."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('No module named pyarrow')")
    settings = {"PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"}
    with beginning(execute):  # a fork looks for nothing that it has imported already
        answer = run("export", "--format", "parquet", "-o", tmp_path / "leads", "--config", stocked.config, **settings)
        other = run("export", "--format", "csv", "--config", stocked.config, **settings)
    assert (answer.code, answer.out) == (2, "")
    assert "pip install 'leadsync[parquet]'" in answer.sentence()
    assert not (tmp_path / "leads").exists()
    assert other.code == 0
