"""Runs of jobs and the times they run at, page by page."""

from leadsync.catalogue import event

SLOT_MISSED = event(
    "slot.missed",
    "A time of the job passed, or its run was cut short, while leadsync was down; several are one.",
    "job due_at cut_short made_up",
    "Nothing where made_up is true: the job runs now. Else it waits for its next time, as `missed` says.",
)
SCHEDULE_DELAYED = event(
    "schedule.delayed",
    "The store could not be read or written when a job's time came; it is tried again after `wait_s`.",
    "job message wait_s",
    "Look at the disk: the message says what it complained of.",
)
SETTLING_DELAYED = event(
    "settling.delayed",
    "The store could not be read for open keys; it is tried again after `wait_s`.",
    "account message wait_s",
    "Look at the disk: the message says what it complained of.",
)
RUN_STARTED = event("run.started", "A run has begun.", "run job account session trigger")
RUN_QUEUED = event(
    "run.queued",
    "Another job asks for the very same list for the first time; this one goes on when that run has ended.",
    "run job session",
    "Where that brings anything, this job parks with criteria_known: say buy_again = true if you want the list twice.",
)
RUN_INTERRUPTED = event(
    "run.interrupted",
    "A run that a dead process had left behind was closed; its open key, if any, is sent again first.",
    "run job pages records",
    "Nothing, unless it happens often: then look why leadsync dies (memory, power, kill).",
)
RUN_ENDED = event(
    "run.ended",
    "The one closing line of a run: how it ended, in figures and one sentence.",
    "run job account session outcome reason message pages records new replays waited_s cost",
    "complete, limited: nothing. parked: answer the reason. failed: read the message; the next run tries again.",
)
ROUTE_CHOSEN = event(
    "route.chosen",
    "A one-shot goes this way: by windows of the async endpoint, by a throw-away session, where a lost answer costs"
    " nothing, or plainly, without one.",
    "run job route life",
)
ONE_SHOT_ENDED = event(
    "one_shot.ended",
    "A one-shot is done: it is whole, or its list has nothing more. Nothing is asked for it any more.",
    "run job life route outcome wanted delivered",
    "Nothing. `leadsync once JOB --again` buys the list anew.",
)
JOB_PARKED = event(
    "job.parked",
    "The job waits for a person; it spends nothing until then.",
    "job session reason message",
    "Read the message; `leadsync status` keeps showing it.",
)
JOB_CALLED = event("job.called", "A slot is free, and a job that waited for one runs now.", "account job free")
PAGE_ASKED = event(
    "page.asked", "A key is durable in the journal and goes out (level debug).", "run job session key take"
)
PAGE_STORED = event(
    "page.stored",
    "A page is durable: `records` were billed, `new` of them for the first time; `total` is the session's.",
    "run job session epoch page records new redelivered replays total",
)
KEY_REWORDED = event(
    "key.reworded",
    "After a restore: the vendor knows an old key with another request, so it goes out with the next that it may have"
    " had (level debug). A refusal of this kind bills nothing.",
    "run job session key take",
)
REPLY_LOST = event(
    "reply.lost",
    "No whole answer came, so the page may be billed; the same key and bytes go out again after `wait_s`.",
    "run job session key attempt why wait_s",
    "Nothing: a replay is not billed. If it goes on for minutes: look at the vendor's status and the network.",
)
KEY_REFUSED = event(
    "key.refused",
    "The vendor refused the request for good; the key is closed, nothing was billed.",
    "run job session key status message",
    "Mend the job file: the message is the vendor's.",
)
KEY_LEFT_OPEN = event(
    "key.left_open",
    "An open key belongs to an account that the configuration does not have, so it cannot be settled.",
    "job account session",
    "Put the account back until the key is settled: its page may be billed.",
)
REPLY_UNKNOWN = event(
    "reply.unknown",
    "The answer to a request without a key was lost: up to `records` are billed, are not here, and count as spent.",
    "run job session key records why",
    "Nothing is asked again by itself. retry_unknown = true in the job's file asks again, and may be billed twice.",
)
REQUEST_DELAYED = event(
    "request.delayed",
    "A request without a key brought no page; after `wait_s` a new one asks for it.",
    "run job session attempt why wait_s",
)
PAGE_HELD = event(
    "page.held",
    "A page without a key has come, and the store could not take it; it is held in memory and tried again.",
    "run job session message wait_s",
    "Look at the disk, and do not stop leadsync: the page is paid, and no request can bring it again.",
)
