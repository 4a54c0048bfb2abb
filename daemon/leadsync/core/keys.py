"""The idempotency key of a page. Golden-tested: a change here would buy every list again."""

import hashlib


def page_key(installation: str, account: str, session: str, epoch: int, page: int) -> str:
    """Return `{installation}-{hash of account and session}-{epoch}-{page}`, 1 to 128 of `[A-Za-z0-9_-]`.

    All of it comes from the store, so the same page has the same key after a crash; `epoch` and `page` count from 1.
    The newline cannot occur in either name, so no two pairs hash the same text.
    """
    digest = hashlib.sha256(f"{account}\n{session}".encode()).hexdigest()[:16]
    return f"{installation}-{digest}-{epoch}-{page}"
