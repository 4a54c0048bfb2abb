"""The configuration: TOML files in, frozen settings out, or every problem at once with its file, line and key."""

from leadsync.config.job import Job, JobSkipTrace
from leadsync.config.load import Settings, load, missing_secrets
from leadsync.config.schedule import Cron, Schedule, parse_cron
from leadsync.config.schema import json_schema
from leadsync.config.secret import SecretSource, read_secret
from leadsync.config.tables import (
    Account,
    Budget,
    DollarBudget,
    Housekeeping,
    Log,
    SkipTrace,
    Store,
    Webhooks,
)

__all__ = [
    "Account",
    "Budget",
    "Cron",
    "DollarBudget",
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
    "parse_cron",
    "read_secret",
]
