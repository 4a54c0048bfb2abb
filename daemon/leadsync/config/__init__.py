"""The configuration: TOML files in, frozen settings out, or every problem at once with its file, line and key."""

from leadsync.config.job import Job, JobSkipTrace
from leadsync.config.load import (
    JOBS_FOLDER,
    Settings,
    load,
    load_whole_files,
    missing_secrets,
    sources_of_all,
    sources_of_telling,
)
from leadsync.config.schedule import Schedule, refuse_bad_cron
from leadsync.config.schema import json_schema
from leadsync.config.secret import SecretSource, read_secret, refusal
from leadsync.config.tables import (
    Account,
    Budget,
    DollarBudget,
    Health,
    Housekeeping,
    Log,
    SkipTrace,
    Store,
    Webhooks,
)
from leadsync.config.telling import Metrics, NotifierTable, Notify, Ping, QuietHours

__all__ = [
    "JOBS_FOLDER",
    "Account",
    "Budget",
    "DollarBudget",
    "Health",
    "Housekeeping",
    "Job",
    "JobSkipTrace",
    "Log",
    "Metrics",
    "NotifierTable",
    "Notify",
    "Ping",
    "QuietHours",
    "Schedule",
    "SecretSource",
    "Settings",
    "SkipTrace",
    "Store",
    "Webhooks",
    "json_schema",
    "load",
    "load_whole_files",
    "missing_secrets",
    "read_secret",
    "refusal",
    "refuse_bad_cron",
    "sources_of_all",
    "sources_of_telling",
]
