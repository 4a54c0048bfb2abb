"""The configuration: TOML files in, frozen settings out, or every problem at once with its file, line and key."""

from leadsync.config.job import Job, JobSkipTrace
from leadsync.config.load import Settings, load, missing_secrets
from leadsync.config.schedule import Schedule, refuse_bad_cron
from leadsync.config.schema import json_schema
from leadsync.config.secret import SecretSource, read_secret
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

__all__ = [
    "Account",
    "Budget",
    "DollarBudget",
    "Health",
    "Housekeeping",
    "Job",
    "JobSkipTrace",
    "Log",
    "Schedule",
    "SecretSource",
    "Settings",
    "SkipTrace",
    "Store",
    "Webhooks",
    "json_schema",
    "load",
    "missing_secrets",
    "read_secret",
    "refuse_bad_cron",
]
