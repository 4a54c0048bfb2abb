"""Who broke the rules: every error that leadsync raises, by culprit.

LeadsyncError
├── OperatorMistake      the person can mend it; the message says what to type
│   ├── ConfigInvalid    one or more problems in the TOML files          exit 78
│   ├── UsageMistake     a job that does not exist, a flag too many      exit 2
│   ├── StoreRefused     a store that is newer, foreign or damaged       exit 78
│   ├── CannotWrite      the file that an export should become           exit 1
│   ├── Busy             another leadsync holds the store                exit 75
│   ├── AnswerRefused    an answer to a parked job that would lose a page        exit 1
│   ├── DeletionRefused  a session that is needed, or that has moved     exit 1
│   ├── CannotListen     a port or a socket that cannot be had           exit 78
│   ├── EnvironmentUnusable    a proxy, certificates or a journal that cannot be used    exit 78
│   ├── DaemonDiffers    the daemon is another version, or has read other files    exit 78
│   └── DaemonRefused    what the daemon said to a command; its own exit code
├── BadWeather           nobody's fault; time mends it                   exit 1
│   ├── DaemonGone       the daemon ended while it carried out a command
│   ├── VendorSilent     the vendor could not be asked what a command must know
│   ├── DiskLow          too little room to promise that a page is kept
│   └── StoreFailed      the database could not do what it was asked
└── Bug                  ours: an invariant does not hold; nothing more is sent
    ├── OffTheTable      a state met an event that its table does not know
    └── Fenced           another instance has taken the store over

What a vendor answers is no exception: `vendors.wire.decipher` turns it into a value, and the core decides.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "AnswerRefused",
    "BadWeather",
    "Bug",
    "Busy",
    "CannotListen",
    "CannotWrite",
    "ConfigInvalid",
    "DaemonDiffers",
    "DaemonGone",
    "DaemonRefused",
    "DeletionRefused",
    "DiskLow",
    "EnvironmentUnusable",
    "Fenced",
    "LeadsyncError",
    "OffTheTable",
    "OperatorMistake",
    "Problem",
    "StoreFailed",
    "StoreRefused",
    "UsageMistake",
    "VendorSilent",
    "did_you_mean",
]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` with the nearest known name, or nothing where none is near."""
    names = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), names, n=1) if isinstance(name, str) else ()
    return f" (did you mean {names[near[0]]}?)" if near else ""


class LeadsyncError(Exception):
    """The root; `exit_code` is what the command line answers with."""

    exit_code: int = 1


class OperatorMistake(LeadsyncError):
    """The operator can mend it: the message says what happened and what to type."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one configuration file; `line` is 1-based, 0 where the file as a whole is meant."""

    file: str
    line: int
    key: str
    message: str

    @property
    def place(self) -> str:
        """The file, with the line where one is meant."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ConfigInvalid(OperatorMistake):
    """The configuration cannot be used; `problems` holds all of them, in reading order, never empty."""

    exit_code = 78

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    @property
    def in_one_line(self) -> str:
        """All of them, for the log: a key with a colon behind it would look like a secret there, and be masked."""
        placed = ((f"{one.place} ({one.key})" if one.key else one.place, one.message) for one in self.problems)
        return "; ".join(f"{place} {message}" for place, message in placed)


class UsageMistake(OperatorMistake):
    """The command was called in a way that means nothing."""

    exit_code = 2


class StoreRefused(OperatorMistake):
    """The store is not one that this version may write: newer, foreign, damaged, or in an unsafe mode."""

    exit_code = 78


class CannotWrite(OperatorMistake):
    """An export cannot be written where the operator wants it."""


class Busy(OperatorMistake):
    """Another leadsync holds the store."""

    exit_code = 75


class AnswerRefused(OperatorMistake):
    """What a person answered would lose a page that is paid; nothing was changed."""


class DeletionRefused(OperatorMistake):
    """A session is needed, is somebody else's, or has moved since it was looked at; nothing was deleted."""


class CannotListen(OperatorMistake):
    """The port or the socket is taken, or may not be had."""

    exit_code = 78


class DaemonDiffers(OperatorMistake):
    """The daemon is not what the command was meant for: another version, or other job files."""

    exit_code = 78


class DaemonRefused(OperatorMistake):
    """The daemon did not carry out a command; `exit_code` is what it would have ended with by itself."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class EnvironmentUnusable(OperatorMistake):
    """The environment of the process names a proxy, certificates or a journal that cannot be used."""

    exit_code = 78


class BadWeather(LeadsyncError):
    """Nobody's fault and not for ever."""


class DaemonGone(BadWeather):
    """The daemon ended before the command did."""


class VendorSilent(BadWeather):
    """The vendor could not be asked what a command must know; nothing was changed."""


class DiskLow(BadWeather):
    """Too little room left to promise that a paid page can be kept; nothing was sent."""


class StoreFailed(BadWeather):
    """The database refused or failed; the transaction it was in has not happened."""


class Bug(LeadsyncError):
    """leadsync broke its own rule. What was being done stops; nothing more is sent."""


class OffTheTable(Bug):
    """A state machine met an event that its table does not know."""


class Fenced(Bug):
    """Another instance has opened this store since; this one may not write any more (P5)."""
