"""One line of the doctor's: what was looked at, how it is, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from leadsync.core.redact import MASK


class State(StrEnum):
    """`unknown` is not wrong: nothing that is free could show it, or what stands before it is wrong."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is dotted, as the configuration's keys are. `do` is advice where the state is ok."""

    name: str
    state: State
    message: str
    do: str = ""

    def masked(self, secrets: Iterable[str]) -> "Check":
        """Take secrets out: a vendor's message may say the token back."""
        check = self
        for secret in secrets:
            check = replace(check, message=check.message.replace(secret, MASK), do=check.do.replace(secret, MASK))
        return check


def ok(name: str, message: str, do: str = "") -> Check:
    """All is well; `do` is advice."""
    return Check(name, State.OK, message, do)


def wrong(name: str, message: str, do: str) -> Check:
    """Somebody must do something."""
    return Check(name, State.WRONG, message, do)


def unknown(name: str, message: str, do: str = "") -> Check:
    """It could not be seen, and `message` says why."""
    return Check(name, State.UNKNOWN, message, do)
