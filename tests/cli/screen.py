"""A terminal, as far as a progress line needs one: what a person sees in the end, and everything that was written."""

import fcntl
import os
import re
import struct
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.system.process import begin

__all__ = ["Screen", "on_terminal"]

PIECE = re.compile(
    r"\x1b\[(?P<number>[\d;]*)(?P<order>[A-Za-z])|\x1b\[\?25(?P<cursor>[hl])|(?P<text>[^\x1b\r\n]+)|[\r\n]"
)


@dataclass(frozen=True, slots=True)
class Screen:
    """Exit code, and what the terminal got."""

    code: int
    written: str

    @property
    def lines(self) -> list[str]:
        """What stands on the screen in the end. Raises AssertionError for an order that this terminal does not know."""
        lines, row, column = [""], 0, 0
        for piece in PIECE.finditer(self.written):
            match piece["order"], piece[0]:
                case "m", _:
                    pass
                case "K", _:
                    lines[row] = ""
                case "A", _:
                    row -= int(piece["number"] or 1)
                case None, "\r":
                    column = 0
                case None, "\n":
                    row, column = row + 1, 0
                    lines += [""] * (row == len(lines))
                case None, text if piece["text"]:
                    lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
                    column += len(text)
                case order, _:
                    assert piece["cursor"], f"this terminal does not know {order}"
        return [line.rstrip() for line in lines if line.strip()]

    @property
    def text(self) -> str:
        """Everything that was written, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written)

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor is there in the end."""
        return self.written.rfind("\x1b[?25h") >= self.written.rfind("\x1b[?25l")


def on_terminal(arguments: Sequence[object], *, stdout: Path, columns: int = 400, term: str = "xterm") -> Screen:
    """Run a command with a terminal of that width as its stderr and a file as its stdout."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with os.fdopen(theirs, "wb") as terminal, stdout.open("wb") as file:
        process = begin(*arguments, stdout=file.fileno(), stderr=terminal.fileno(), TERM=term)
    written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return Screen(process.wait(), written.decode())


def _read(screen: int) -> bytes:
    """Read on; Linux says EIO where nobody holds the terminal any more."""
    try:
        return os.read(screen, 65_536)
    except OSError:
        return b""
