"""Whether two processes have read the same about what is asked: no command is carried out by another's reading."""

import hashlib

from leadsync.config.load import Settings


def fingerprint(settings: Settings, job: str) -> str:
    """Return a digest of a job and its account, without where in the files it stands."""
    one = settings.jobs[job].model_copy(update={"ping": None})
    account = settings.accounts[one.account]
    return _digest((one, account.model_copy(update={"token": None})))


def trace_fingerprint(settings: Settings) -> str:
    """Return a digest of [skip_trace], and of the jobs whose owners are found."""
    section, jobs = settings.skip_trace, [name for name, job in settings.jobs.items() if job.skip_trace.enabled]
    if section is None:
        return _digest(jobs)
    suppression = section.suppression and section.suppression.resolve()  # from wherever each has read the files
    return _digest((section.model_copy(update={"api_key": None, "suppression": suppression}), jobs))


def _digest(read: object) -> str:
    return hashlib.sha256(repr(read).encode()).hexdigest()
