"""Whether two processes have read the same about a job: a command must not be carried out by another's reading."""

import hashlib

from leadsync.config.load import Settings


def fingerprint(settings: Settings, job: str) -> str:
    """Return a digest of a job and its account, without where in the files it stands."""
    one = settings.jobs[job].model_copy(update={"ping": None})
    account = settings.accounts[one.account]
    return hashlib.sha256(repr((one, account.model_copy(update={"token": None}))).encode()).hexdigest()
