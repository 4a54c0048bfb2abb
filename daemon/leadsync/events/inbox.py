"""The door for webhooks, and what becomes of them."""

from leadsync.catalogue import event

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
    "`leadsync inbox show ID` shows its outline; `leadsync inbox release ID` lets it be read again, once mended;"
    " `leadsync inbox discard ID` gives it up, once it is sure that it will never be of use.",
)
WEBHOOKS_RELEASED = event("webhooks.released", "A person let results out of quarantine, to be read again.", "count")
WEBHOOKS_DISCARDED = event(
    "webhooks.discarded",
    "A person gave results up that could not be read. What they hold may be billed, and is in no ledger.",
    "count",
    "Nothing, if it was meant. `leadsync inbox release ID` takes them back as long as their bodies are kept.",
)
INBOX_TIDIED = event(
    "inbox.tidied",
    "The bodies of results were dropped that were read, or discarded, more than `days` ago. What was read is in the"
    " ledger, and a copy that comes later is still known.",
    "count days",
)
UNPACKING_DELAYED = event(
    "unpacking.delayed",
    "The store could not be read or written when results were to be read; it is tried again after `wait_s`.",
    "message wait_s",
    "Look at the disk: the message says what it complained of.",
)
