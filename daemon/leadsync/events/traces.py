"""Owners: whom the skip trace looks for, its batches, and what came back."""

from leadsync.catalogue import event

OWNERS_FOUND = event(
    "owners.found",
    "The owners of a job's new properties are known: `new` are asked for, `again` have an answer that is stale, `known`"
    " cost nothing; `touched` properties have their contacts already. `no_owner` and `no_address` cannot be sent.",
    "job properties new again known touched no_owner no_address",
)
OWNERS_LEFT = event(
    "owners.left",
    "The skip trace of a job was switched off before the owners of so many of its properties were looked at.",
    "job properties",
    "Nothing, if that was meant. Switched on again, `leadsync traces older JOB` brings them.",
)
OWNERS_SUPPRESSED = event("owners.suppressed", "These are on the suppression list, and are not asked for.", "count")
OWNERS_HELD = event(
    "owners.held",
    "Fewer than ten owners wait: until `until` for company, and then they are asked for at once; without `until` for"
    " company alone, since allow_await is false.",
    "count until",
    "Nothing, or set allow_await = true under [skip_trace].",
)
TRACE_SENT = event(
    "trace.sent",
    "A batch of owners is asked for; `cost_at_most` is reserved in the budget of [skip_trace].",
    "batch route items bytes cost_at_most",
)
TRACE_ACKNOWLEDGED = event("trace.acknowledged", "The vendor has taken a batch.", "batch vendor_id items")
TRACE_DOUBTED = event(
    "trace.doubted",
    "The vendor has taken a batch and says otherwise of it than what it was sent.",
    "batch message",
    "Nothing at once: what does not come is listed as missing. If it goes on, ask the vendor.",
)
TRACE_UNKNOWN = event(
    "trace.unknown",
    "Whether the vendor has taken a batch is not known: it may be billed, so it is not sent again by itself. Its"
    " results find their way, if there are any.",
    "batch items why",
    "Nothing: what has not come by the deadline is listed as missing, and asked again with `leadsync traces again`.",
)
TRACE_RETURNED = event(
    "trace.returned",
    "The vendor has not taken a batch: it costs nothing, and its owners are asked for again after `wait_s`, or once"
    " what stopped it is mended.",
    "batch items status why wait_s",
    "Read the reason; where it repeats, look at the vendor's status.",
)
TRACE_PAUSED = event(
    "trace.paused",
    "No owner is asked for: the vendor turns the API key down, or has refused a batch. `again_at` is when it is tried"
    " once more by itself, null where a person must say so.",
    "reason message again_at",
    "Mend the reason (key, wallet), then `leadsync traces resume`; or reload leadsync with another key.",
)
TRACE_RESUMED = event("trace.resumed", "Owners are asked for again.", "why")
TRACE_PARKED = event("trace.parked", "The vendor's daily limit is reached; its day ends at `until`.", "until")
TRACE_OVER_BUDGET = event(
    "trace.over_budget",
    "What is left of a limit of [skip_trace] budget is too little for a batch; `count` owners wait for `until`, or for"
    " what batches on their way give back.",
    "limit count until",
    "Nothing, or raise the limit.",
)
TRACE_BUDGET_NEARLY = event(
    "trace.budget_nearly_spent",
    "Four fifths of a limit of [skip_trace] budget are used, what is reserved included.",
    "limit",
    "Nothing, or raise the limit.",
)
TRACE_SETTLED = event(
    "trace.settled",
    "Nothing more is waited for of a batch. `cost` is what its matches cost; `missing` had no answer in time, of which"
    " `retried` are asked for again.",
    "batch items matched missed missing retried cost",
    "Where any are missing: `leadsync traces list`, and `leadsync traces again` to ask again, which may cost twice.",
)
TRACE_DELAYED = event(
    "trace.delayed",
    "The skip trace could not go on (the store, the disk, the suppression list); it is tried again after `wait_s`.",
    "message wait_s",
    "The message says what to look at.",
)
TRACES_ASKED_AGAIN = event("traces.asked_again", "A person lets missing owners be asked for again.", "count")
