"""What is between an account and its vendor: audits, budgets, sessions and their slots, outages."""

from leadsync.catalogue import event

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
VENDOR_LEARNED = event(
    "vendor.learned",
    "Something that the vendor's documents leave open was learned from a reply.",
    "account fact value",
)
BUDGET_NEARLY_SPENT = event(
    "budget.nearly_spent",
    "Four fifths of a limit of the account's budget are billed or reserved; said once in its day or month.",
    "job session account run limit",
    "Nothing, or raise the limit: at its end the account's jobs end over_budget until the next day or month.",
)
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
