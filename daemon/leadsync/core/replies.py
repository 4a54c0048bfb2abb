"""What an answer of the vendor can mean for the page that was asked: a page, or one of five kinds of trouble."""

from dataclasses import dataclass
from typing import TypeAlias

from leadsync.core.model import End, Outcome, PageReply, Reason


@dataclass(frozen=True, slots=True)
class Lost:
    """The outcome is unknown: the page may be billed. `waited_s` is how long the attempt itself had waited.

    `sent` is False where not a byte can have reached the vendor.
    """

    why: str
    waited_s: float = 0.0
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Throttled:
    """429. `retry_after_s` is None where the vendor named no time."""

    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Denied:
    """401, 402 or 403: a cause that stops the whole account."""

    reason: Reason
    status: int
    message: str

    @property
    def end(self) -> End:
        """How a run ends that meets it."""
        return End(Outcome.FAILED, f"HTTP {self.status}: {self.message}", self.reason)


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor will never answer this key with a page; `message` is the vendor's, cut and redacted.

    `other_body`: it says that it knows the key with other bytes, so their page is billed.
    """

    status: int
    message: str
    other_body: bool = False

    @property
    def end(self) -> End:
        """How a run ends that meets it: a person mends the job's file."""
        sentence = f"the vendor refused the request with HTTP {self.status}: {self.message}"
        return End(Outcome.PARKED, sentence, Reason.REFUSED)


PlainTrouble: TypeAlias = Lost | Throttled | Denied | Refused


@dataclass(frozen=True, slots=True)
class SlotsFull:
    """The vendor speaks of sessions and a limit; `otherwise` is what its status alone would mean.

    The refusal of the 101st session is OPEN at the vendor. It is believed only where a session is new.
    """

    status: int
    message: str
    otherwise: PlainTrouble


VendorReply: TypeAlias = PageReply | PlainTrouble | SlotsFull
