"""One leadsync per store: the second is turned away with the first one's process, and death lets go."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leadsync.errors import Busy, StoreFailed, StoreRefused
from leadsync.store import lock
from leadsync.store.lock import DAEMON, ONCE, InstanceLock

HOLD = """
import sys
from pathlib import Path
from leadsync.store.lock import ONCE, InstanceLock
with InstanceLock(Path(sys.argv[1]), ONCE):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from pathlib import Path
from leadsync.errors import Busy
from leadsync.store.lock import ONCE, InstanceLock
try:
    with InstanceLock(Path(sys.argv[1]), ONCE):
        pass
except Busy as busy:
    print(busy)
    sys.exit(busy.exit_code)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where the store would be."""
    return tmp_path / "leadsync.db"


@contextmanager
def holder(store: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the store."""
    command = [sys.executable, "-c", HOLD, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_let_go_on_a_failing_disk(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses the last write is no reason for a traceback, nor for keeping the lock."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with InstanceLock(store, ONCE):
        monkeypatch.setattr(os, "ftruncate", refuse)
    monkeypatch.undo()
    with InstanceLock(store, ONCE):
        pass


def test_a_second_process_is_told_who_holds_the_store(store: Path) -> None:
    """Exit code 75, and one sentence that names the process."""
    with InstanceLock(store, ONCE):
        second = subprocess.run([sys.executable, "-c", TRY, str(store)], capture_output=True, text=True, check=False)
    assert (second.returncode, second.stderr) == (75, "")
    assert f"in use by another leadsync (process {os.getpid()})" in second.stdout


def test_we_are_told_too(store: Path) -> None:
    """A store that another process holds is Busy for this one."""
    with holder(store) as other, pytest.raises(Busy, match=rf"\(process {other.pid}\)"), InstanceLock(store, ONCE):
        pytest.fail("two processes hold one store")


def test_a_killed_holder_lets_go(store: Path) -> None:
    """A process that was killed frees the store: no file has to be removed by hand."""
    with holder(store) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with InstanceLock(store, ONCE):
            assert (store.parent / "leadsync.db.lock").exists()


def test_a_lock_that_was_let_go_can_be_taken_again(store: Path) -> None:
    """A refused attempt does not spoil the holder's name, and a clean end frees the store."""
    for _ in range(2):
        with InstanceLock(store, ONCE):
            for _ in range(2):
                with pytest.raises(Busy, match=str(os.getpid())), InstanceLock(store, ONCE):
                    pytest.fail("held twice")


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A state folder that is a file is the operator's mistake: a sentence, no traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused), InstanceLock(tmp_path / "file" / "leadsync.db", ONCE):
        pytest.fail("there is no such folder")


@pytest.mark.parametrize(("role", "serves"), [(DAEMON, True), (ONCE, False)])
def test_who_has_the_store_can_be_seen(store: Path, role: str, serves: bool) -> None:
    """The living process, and whether it runs jobs by their times; nobody once it has let go."""
    assert lock.holder(store) is None
    with InstanceLock(store, role):
        assert lock.holder(store) == lock.Holder(os.getpid(), serves)
    assert lock.holder(store) is None


def test_a_dead_holder_is_nobody(store: Path) -> None:
    """What a killed process left in the file may be another's number by now: the kernel's list of locks is believed."""
    with holder(store) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert store.with_name("leadsync.db.lock").read_text() == f"{other.pid} {ONCE}\n"
    store.with_name("leadsync.db.lock").write_text(f"{os.getpid()} {DAEMON}\n")
    assert lock.holder(store) is None


def test_a_lock_that_cannot_be_signed_is_weather(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: one sentence, nothing was sent, and the store is free again."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(StoreFailed, match=r"No space left.*nothing was sent"), InstanceLock(store, ONCE):
            pytest.fail("it could not say whose it is")
    with InstanceLock(store, ONCE):
        pass
