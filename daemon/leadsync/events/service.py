"""What the daemon says of itself: its files, its store, its start and stop, who is told."""

from leadsync.catalogue import event

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
STORE_DOUBTED = event(
    "store.doubted",
    "The store was moved, copied or restored since it was last spent from; every job is parked, and nothing is spent.",
    "reason message",
    "Say which: `leadsync resume --store moved`, or copied, or restored.",
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
CLOCK_JUMPED = event(
    "clock.jumped",
    "The wall clock was set, or the machine slept; every job has looked at the time again.",
    "by_s",
    "Nothing once. If it goes on: look after the clock (timedatectl), since schedules and budgets go by it.",
)
COMMAND_RECEIVED = event("command.received", "A command came over the control socket.", "command jobs")
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
