"""Which jobs one may ask for: those of the configuration, and those that the history still remembers."""

from sqlalchemy import Connection, select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.store.tables import Run


def refuse_unknown_job(settings: Settings, connection: Connection | None, job: str | None) -> None:
    """Raise UsageMistake for any other name: a slip of the pen must not read as 'nothing new' for ever."""
    if job is None or job in settings.jobs:
        return
    past = set(connection.execute(select(col(Run.job)).distinct()).scalars()) if connection else set()
    if job not in past:
        hint = did_you_mean(job, [*settings.jobs, *past])
        raise UsageMistake(f"there is no job {job}{hint}; `leadsync status` shows all")
