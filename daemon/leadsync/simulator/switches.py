"""What nobody knows of the vendor: each open question of its API is a switch here, to be tried in every position.

The defaults are the likeliest guesses. What the vendor's documents say is no switch.
"""

from dataclasses import dataclass, field
from typing import Literal

from leadsync.simulator.hooks import Sending

__all__ = ["Switches"]


@dataclass(frozen=True, slots=True)
class Switches:
    """How this vendor behaves; changed between two requests by a new value in `Simulator.switches`."""

    totals_count_page: bool = True
    """True: `totalDelivered` of a reply counts the page that it comes with. False: it stands before that page."""

    replay_total: Literal["own", "current"] = "own"
    """own: a replay carries the total that it had the first time. current: what the session has by now."""

    replay_says_new: bool = True
    """True: a replayed first page says `isNewSession` again. False: a replay never does."""

    other_body: Literal["conflict", "malformed", "first_reply"] = "conflict"
    """A key again with another body. conflict: 409 that says so. malformed: 400 that says so.
    first_reply: the page of the first body again, without a word."""

    key_pages_max: int | None = None
    """None: a key is kept for ever. N: it is forgotten after N further pages of its session; from then on the
    same key is as new, so it advances the session and bills."""

    key_age_max_s: float | None = None
    """None: a key is kept for ever. N: it is forgotten after N seconds, as above."""

    deletion_forgets_keys: bool = True
    """True: a deleted session's keys are gone with it. False: they still bring their pages back."""

    at_once: Literal["queue", "conflict"] = "queue"
    """Two requests at once on one session. queue: one is served after the other. conflict: the second gets 409
    with a message that says so."""

    changed_criteria: Literal["follow", "refuse", "keep"] = "follow"
    """Other criteria under a session in use. follow: they are searched, without what the session has had.
    refuse: 400. keep: the session goes on with its first criteria, without a word."""

    session_cap: int = 100
    """How many sessions the team may have."""

    cap_status: Literal[400, 403, 409, 422, 429] = 403
    """The HTTP status that refuses one session too many."""

    cap_message: str = "Search session limit reached: a team may have at most 100 sessions."
    """The message of that refusal."""

    end: Literal["no_cursor", "cursor_stays"] = "no_cursor"
    """The page after the last property is empty. no_cursor: without nextPageCursor. cursor_stays: with one."""

    cursor_slips: int = 0
    """How many properties of the last page a cursor brings again: the index moves beneath it. Many: it is ignored."""

    short_page_rate: float = 0.0
    """The share of pages (0 to 1, drawn from the world's seed) that are short though more properties follow."""

    take_too_large: Literal["bad_gateway", "cut_to_500"] = "bad_gateway"
    """`take` above 500. bad_gateway: 502. cut_to_500: a page of 500."""

    lists_unused: bool = True
    """True: a session that never delivered a property is in the list of sessions. False: it is not."""

    retry_after: Literal["seconds", "date", "zero", "absurd", "none"] = "seconds"
    """The form of `Retry-After` with a 429: whole seconds, an HTTP date, `0`, eleven nines, or no header."""

    retry_after_s: int = 1
    """How long the first two of those forms ask to wait."""

    requests_per_minute: int | None = None
    """None: as many as come. N: what exceeds N within 60 seconds gets 429. The vendor's documented figure is 3,000."""

    session_ability: bool = True
    """False: the token lacks `property-search-sessions`: 403 to the list, to a deletion, to a search in a session."""

    wallet_ability: bool = True
    """False: the token lacks `wallet-balance`: 403 to the question for the balance; searches go on."""

    wallet_dollars: float = 1_000_000.0
    """What was in the wallet at the start. Where it cannot pay for one more record, a search gets 403."""

    price_dollars: float = 0.01
    """The price of one record."""

    empty_take_bills: bool = True
    """True: `take` 0, which brings no property, is billed as one record. False: it is free."""

    slow_s: float = 0.2
    """How long `Fault.SLOW` takes to answer."""

    acknowledged_id: Literal["meta", "root", "result", "missing"] = "meta"
    """Where an async request's acknowledgement has its `requestId`. result: under `result`, beside the URLs, as the
    vendor's newer endpoints answer. missing: nowhere."""

    acknowledged_with: Literal[200, 202] = 200
    """The HTTP status of that acknowledgement."""

    skip_honoured: bool = True
    """True: an async search begins at its `skip`. False: at the first property, without a word."""

    skip_slips: int = 0
    """How many properties of the window before a `skip` brings again: the index moves beneath it. Negative: how many
    it passes over."""

    short_window_rate: float = 0.0
    """The share of async results (0 to 1, drawn from the world's seed) that are short though more properties follow."""

    datasets_read: Literal["options", "root"] = "options"
    """Where an async search reads its `datasets`; at the other place they are ignored."""

    result_after_s: float = 0.2
    """How long an async result takes until it is made and billed; with `Fault.SLOW` it overtakes its
    acknowledgement."""

    result_spread_s: float = 0.0
    """Up to so much longer, drawn from the world's seed: results come in another order than they were asked for."""

    callbacks: Sending = field(default_factory=Sending)
    """How results are sent: copies, delays, tries."""

    copies_differ: bool = False
    """True: each copy of a result tells another time in its `meta`. False: they are the same bytes."""

    error_shape: Literal["envelope", "results", "bare", "text"] = "envelope"
    """What an error by webhook looks like. envelope: as refusals, the id under `meta`. results: in a reply's shape,
    the id under `results.meta`. bare: `requestId` and `error` at the root. text: no JSON."""

    errors_to: Literal["error_url", "result_url"] = "error_url"
    """Where errors go. error_url: to `errorWebhookUrl`, and nowhere without one. result_url: to `webhookUrl`."""
