"""The log's catalogue: every event that leadsync logs, with its fields and what an operator does about it.

Names are `noun.verb_past`. A name is used through its constant, so that the catalogue and the code cannot part.
"""

from leadsync.catalogue import CATALOGUE, Entry, event
from leadsync.errors import UsageMistake, did_you_mean

CONFIG_DOUBTED = event(
    "config.doubted",
    "The configuration can be run and is perhaps not meant.",
    "file line key message",
    "Read the message; `leadsync check` shows all of them.",
)
STORE_OPENED = event(
    "store.opened",
    "The store is open for writing; clean=false means that the last process was killed or lost power.",
    "installation fence clean",
)
STORE_UPGRADED = event(
    "store.upgraded",
    "The schema was brought up to date; `backup` is the copy made before, null for a new store.",
    "schema_before schema backup",
    "Keep the backup until the new version has run for a while.",
)
DAEMON_STARTED = event(
    "daemon.started",
    "The daemon is at work: `jobs` of `accounts` have a schedule; open keys are settled before their first slot.",
    "version process accounts jobs",
)
DAEMON_STOPPED = event(
    "daemon.stopped", "The daemon has ended in order; what runs were interrupted is in `runs`.", "version process"
)
CONFIG_RELOADED = event(
    "config.reloaded",
    "The files were read again, on SIGHUP, and are in force: jobs that came, went or are others, and accounts that are."
    " `tokens`: accounts whose token is another. Runs of a job that changed end at their next page and begin anew.",
    "added removed changed accounts tokens",
    "Look whether it names what you changed. A systemd credential is read by a restart alone.",
)
RELOAD_REFUSED = event(
    "reload.refused",
    "SIGHUP asked for a reload, and the files cannot take effect; all of the old configuration runs on.",
    "message",
    "Mend what the message names (`leadsync check` shows all of it), then reload again.",
)
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
CLOCK_JUMPED = event(
    "clock.jumped",
    "The wall clock was set, or the machine slept; every job has looked at the time again.",
    "by_s",
    "Nothing once. If it goes on: look after the clock (timedatectl), since schedules and budgets go by it.",
)
COMMAND_RECEIVED = event("command.received", "A command came over the control socket.", "command jobs")
STORE_DOUBTED = event(
    "store.doubted",
    "The store was moved, copied or restored since it was last spent from; every job is parked, and nothing is spent.",
    "reason message",
    "Say which: `leadsync resume --store moved`, or copied, or restored.",
)
RUN_STARTED = event("run.started", "A run has begun.", "run job account session trigger")
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
ACCOUNT_AUDITED = event(
    "account.audited",
    "The vendor's session list was compared with the ledger before anything was spent.",
    "account slots_used slots_cap",
)
ACCOUNT_PAUSED = event(
    "account.paused",
    "The vendor turned the account down (token, ability or wallet); nothing more is sent until the next due run.",
    "account reason message",
    "Mend the cause: renew the token, give it the ability, or fill the wallet. The next due run tries once by itself.",
)
ACCOUNT_RESUMED = event("account.resumed", "The vendor answers the account again.", "account")
ACCOUNT_THROTTLED = event(
    "account.throttled",
    "The vendor said 429; the whole account is silent for `wait_s`.",
    "job account wait_s",
    "Nothing. If it is frequent: somebody else uses the token, or requests_per_minute is too high.",
)
AUDIT_DELAYED = event(
    "audit.delayed",
    "The session list could not be had; nothing is sent until it can.",
    "account why wait_s",
    "Nothing; after ten minutes the run fails and the next one tries again.",
)
SLOTS_REVIEWED = event(
    "slots.reviewed",
    "The account's session slots were looked after: who holds them, how many are free for new sessions, how many were"
    " deleted just now, how many nobody needs and the policy keeps.",
    "account used cap ours foreign free deleted unused",
    "Nothing. Where free is 0 and unused is not: `leadsync sessions list`, then delete some, or let `delete` do it.",
)
SESSION_UNUSED = event(
    "session.unused",
    "A session of ours that no job needs any more holds a slot, and the policy, or doubt, keeps it; said once a start.",
    "account session job why",
    "`leadsync sessions delete ID`, or set [housekeeping] delete; or leave it: it costs a slot and no money.",
)
SESSION_DELETED = event(
    "session.deleted",
    "A session was deleted at the vendor, or was gone already; its slot is free. What it delivered stays in the"
    " ledger, and can be delivered and billed again if its id is ever used again.",
    "account session job asked_by why total ledger_total",
)
SESSION_SPARED = event(
    "session.spared",
    "A session that was to be deleted stays: it had moved when it was looked at again, somebody needs it, or the vendor"
    " would not.",
    "account session job why",
    "Nothing. Where `why` is the vendor's refusal it is left alone from now on; `sessions delete` tries once more.",
)
DELETION_DELAYED = event(
    "deletion.delayed",
    "Whether a session was deleted is not known; it is looked at and, if it is still there, deleted again.",
    "account session why wait_s",
    "Nothing. If it goes on: look at the vendor's status and the network.",
)
HOUSEKEEPING_DELAYED = event(
    "housekeeping.delayed",
    "The slots could not be looked after; it is tried again after `wait_s`.",
    "account message wait_s",
    "Read the message: the vendor's list could not be had, or the store could not be written.",
)
JOB_CALLED = event("job.called", "A slot is free, and a job that waited for one runs now.", "account job free")
BREAKER_OPENED = event(
    "breaker.opened",
    "The vendor answers nobody of the account: `in_vain` requests in a row, the first at `since`. One at a time goes on"
    " asking, every half minute and less and less often; the others wait, and nothing new is asked for.",
    "account in_vain since",
    "Look at the vendor's status and the network. Nothing else: when it answers, every job goes on by itself.",
)
BREAKER_CLOSED = event(
    "breaker.closed", "The vendor answers the account again; what waited goes on at its pace.", "account open_s"
)
BUDGET_NEARLY_SPENT = event(
    "budget.nearly_spent",
    "Four fifths of a limit of the account's budget are billed or reserved; said once in its day or month.",
    "job session account run limit",
    "Nothing, or raise the limit: at its end the account's jobs end over_budget until the next day or month.",
)
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
ROUTE_CHOSEN = event(
    "route.chosen",
    "A one-shot goes this way: by a throw-away session, where a lost answer costs nothing, or plainly, without one.",
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
VENDOR_LEARNED = event(
    "vendor.learned",
    "Something that the vendor's documents leave open was learned from a reply.",
    "account fact value",
)
DOOR_OPENED = event("door.opened", "Webhooks are taken in at this address, or socket.", "listen")
DOOR_REFUSED = event(
    "door.refused",
    "Strangers were turned away from the door, so many for each cause since the last such line, at most one a minute:"
    " no_address (none that leadsync has given out), slow_head, slow_request, large_head, not_http, crowd (too many"
    " connections, of one address or in all).",
    "counts",
    "Nothing for a few: the internet knocks everywhere. For many: let the proxy in front limit them (deploy/).",
)
WEBHOOK_RECEIVED = event(
    "webhook.received",
    "A result came, and is durable; it is read as soon as there is time.",
    "kind subject bytes version",
)
WEBHOOK_REPEATED = event(
    "webhook.repeated", "The same result came once more; it counts once.", "kind subject bytes version"
)
WEBHOOK_CHANGED = event(
    "webhook.changed",
    "Another body came to an address that had one already; it is kept as a further version, and read as well.",
    "kind subject bytes version",
    "Nothing at once. If it goes on, ask the vendor: one request should have one result.",
)
WEBHOOK_CUT = event(
    "webhook.cut",
    "The connection ended before a result was whole; it was not acknowledged.",
    "kind subject",
    "Nothing once: the vendor may send it again. If it goes on: look at request_within and at the proxy in front.",
)
WEBHOOK_TOO_LARGE = event(
    "webhook.too_large",
    "A result at a right address is larger than body_max; it was answered 413 and is not stored.",
    "kind subject max_bytes",
    "Raise body_max under [webhooks], and the limit of the proxy in front; ask the vendor to send it again.",
)
WEBHOOK_REFUSED = event(
    "webhook.refused",
    "A result could not be stored; the vendor was answered 503, to try again after `wait_s`.",
    "kind subject message wait_s",
    "Look at the disk: the message says what it complained of. A vendor that does not try again has lost it.",
)
WEBHOOK_TAKEN = event("webhook.taken", "A result was read, and its effect is in the store.", "id kind subject")
WEBHOOK_QUARANTINED = event(
    "webhook.quarantined",
    "A result could not be read; it is kept as it came, and waits for a person. Others go on.",
    "id kind subject reason detail",
    "`leadsync inbox show ID` shows its outline; `leadsync inbox release ID` lets it be read again, once mended.",
)
WEBHOOKS_RELEASED = event("webhooks.released", "A person let results out of quarantine, to be read again.", "count")
UNPACKING_DELAYED = event(
    "unpacking.delayed",
    "The store could not be read or written when results were to be read; it is tried again after `wait_s`.",
    "message wait_s",
    "Look at the disk: the message says what it complained of.",
)
CONDITION_BEGAN = event(
    "condition.began",
    "Something is not as it should be, and stays so until condition.ended; the README has a table of the conditions.",
    "condition job account severity message do",
    "What its `do` says.",
)
CONDITION_WORSENED = event(
    "condition.worsened",
    "A condition is half as bad again as was last said.",
    "condition job account severity message do",
    "What its `do` says.",
)
CONDITION_ENDED = event(
    "condition.ended",
    "A condition is over; `message` is what was last seen of it.",
    "condition job account severity message lasted_s",
)
NOTICE_SENT = event("notice.sent", "A notifier was told of the conditions in `told`.", "notifier told")
NOTICE_FAILED = event(
    "notice.failed",
    "A notifier could not be told; what is due is sent again after `wait_s`. No run is touched by that.",
    "notifier message wait_s",
    "Nothing once. If it goes on: `leadsync notify --test` tries it by hand; look at its URL, and at the network.",
)
PING_FAILED = event(
    "ping.failed",
    "The dead-man's switch could not be reached; it is tried again after `wait_s`, and calls you if it hears nothing.",
    "job message wait_s",
    "Nothing once. If it goes on: look at the address of the ping, and at the network.",
)
STOP_ASKED = event(
    "stop.asked",
    "A signal came; runs end at their next page boundary. A second signal ends the process at once, and loses nothing.",
    "signal",
)
LOG_LINE = event("log.line", "A line of a library, kept from warning upwards.", "logger message")
COMMAND_CRASHED = event(
    "command.crashed",
    "leadsync broke one of its own rules; what is durable is safe, and an open key is sent again next time.",
    "error",
    "Report it with this line; the traceback is in it, without secrets.",
)


def catalogue_text(name: str | None = None) -> str:
    """Show the catalogue, or one entry of it. Raises UsageMistake for a name that is not in it."""
    if name is None:
        return "\n\n".join(map(_text, sorted(CATALOGUE.values(), key=lambda entry: entry.name)))
    if name not in CATALOGUE:
        raise UsageMistake(f"there is no event {name}{did_you_mean(name, CATALOGUE)}; `leadsync events` shows all")
    return _text(CATALOGUE[name])


def _text(entry: Entry) -> str:
    return f"{entry.name}\n  {entry.meaning}\n  fields: {', '.join(entry.fields)}\n  do: {entry.action}"
