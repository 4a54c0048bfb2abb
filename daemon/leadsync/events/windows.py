"""The windows of large one-shots: asked for once, and their results by webhook."""

from leadsync.catalogue import event

WINDOW_ASKED = event(
    "window.asked",
    "A window of a large one-shot is durable in the journal, with its reservation, and goes out, once.",
    "run job session window skip take deadline_at",
)
WINDOW_ACKNOWLEDGED = event(
    "window.acknowledged", "The vendor has taken a window's request (level debug).", "run job session window request_id"
)
WINDOW_UNSURE = event(
    "window.unsure",
    "Nobody knows whether the vendor has taken a window's request. It may run and be billed, so it is not asked again:"
    " its result is known by its address, and waited for until the deadline.",
    "run job session window why deadline_at",
)
WINDOW_UNTAKEN = event(
    "window.untaken",
    "A window's request never left, or the vendor did not take it: nothing is billed, and its reservation is free.",
    "run job session window status message",
    "Nothing for a 429 or a connection; a refusal parks the job, a denial pauses the account: their lines say more.",
)
WINDOW_ARRIVED = event(
    "window.arrived",
    "A window's result is durable: `records` were billed, `new` of them for the first time in this life of the job."
    " late: it had been given up. further: the vendor has sent another result for it, which had other records."
    " other_id: it names another id than the vendor's acknowledgement; its address shows what it is.",
    "run job account window records new duplicates redelivered cost late further other_id",
    "Nothing for a few duplicates: the vendor's index moves while it is read. Many stop the pull by themselves.",
)
WINDOW_FAILED = event(
    "window.failed",
    "The vendor has sent an error for a window, and no result: nothing is counted for it any more.",
    "run job account window message",
    "Read the message; `leadsync resume JOB --ask-again` asks for it again.",
)
WINDOW_EXPIRED = event(
    "window.expired",
    "Nothing came for a window by its deadline. It may be billed, so it counts as spent; a late result is still taken.",
    "run job account window records cost again command",
    "Look whether the vendor reaches public_url (`leadsync doctor`); then type the command, or nothing where `again` is"
    " true: it is asked for anew by itself.",
)
ONE_SHOT_AMENDED = event(
    "one_shot.amended", "A one-shot that had ended partial is complete: a late result brought the rest.", "job account"
)
WINDOWS_DELAYED = event(
    "windows.delayed",
    "The store could not be read or written when windows were looked after; it is tried again after `wait_s`.",
    "message wait_s",
    "Look at the disk: the message says what it complained of.",
)
