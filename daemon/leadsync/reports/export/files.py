"""Where an export goes: into a stream as it is read, or into a file that is there whole or not at all."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from leadsync.config import Settings
from leadsync.errors import CannotWrite
from leadsync.reports.export import ExportFormat
from leadsync.reports.export.csv import write_csv
from leadsync.reports.export.jsonl import write_jsonl
from leadsync.reports.export.rows import Chunks, Span, Wanted, chunks_of, count_rows, span_of

Watch = Callable[[int, int], None]
"""Told now and then how many leads were written, and of how many."""

Write = Callable[[Chunks, BinaryIO], None]


def export_to_stream(
    settings: Settings, wanted: Wanted, form: ExportFormat, out: BinaryIO, watch: Watch | None = None
) -> int:
    """Write the rows and return the last change number, which `--since` takes next time.

    Raises UsageMistake for an unknown job or a library that is missing, CannotWrite where the stream does not take it.
    """
    write = _writer(form)
    span = span_of(settings, wanted)
    with _writing("the export cannot be written", "what came of it so far is not whole"):
        _write_rows(span, write, out, watch)
        out.flush()
    return span.last


def export_to_file(
    settings: Settings, wanted: Wanted, form: ExportFormat, target: Path, watch: Watch | None = None
) -> int:
    """Do the same to a file, which only its owner may read. Until it is whole, the target is what it was before."""
    write = _writer(form)
    span = span_of(settings, wanted)
    with _writing(f"{target} cannot be written", "what was there before is untouched"), _beside(target) as out:
        _write_rows(span, write, out, watch)
    return span.last


def _writer(form: ExportFormat) -> Write:
    if form is ExportFormat.PARQUET:
        from leadsync.reports.export.parquet import write_parquet  # noqa: PLC0415 - needs an extra, and takes 0.2 s

        return write_parquet
    return write_csv if form is ExportFormat.CSV else write_jsonl


def _write_rows(span: Span, write: Write, out: BinaryIO, watch: Watch | None) -> None:
    """Write the rows, and let the store go at once where that fails."""
    with closing(chunks_of(span)) as chunks:
        write(chunks if watch is None else _watched(chunks, count_rows(span), watch), out)


def _watched(chunks: Chunks, total: int, watch: Watch) -> Chunks:
    written = 0
    watch(written, total)
    for chunk in chunks:
        yield chunk
        written += len(chunk)
        watch(written, total)


@contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the target's place at the end; where it does not come to that, nothing is left of it."""
    if target.exists() and not target.is_file():
        raise CannotWrite(f"{target} is no regular file, and an export would take its place; leave out -o and use `>`")
    part = Path(f"{target}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        _claim(descriptor, part)
        try:
            if os.fstat(descriptor).st_size:  # of one that was killed; a pipe has no size
                out.truncate(0)
            yield out
            out.flush()
            os.fsync(descriptor)
            part.replace(target)
        except BaseException:
            # Also where Ctrl-C ends it: nobody would look for a file of half a gigabyte under that name.
            with suppress(OSError):
                part.unlink()
            raise


def _claim(descriptor: int, part: Path) -> None:
    """Have the half file alone until it is closed: two that write into one would make neither. Raises CannotWrite."""
    with suppress(OSError):  # a file system that knows no locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), part.stat()):
                return
        except (BlockingIOError, FileNotFoundError):  # or it has taken the target's place meanwhile
            pass
        raise CannotWrite(f"another export writes {part} just now; what was there before is untouched")


@contextmanager
def _writing(what: str, state: str) -> Iterator[None]:
    """Tell a full disk or a wrong folder from a bug; a closed pipe is neither."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(f"{what} ({error.strerror}); {state}") from error
