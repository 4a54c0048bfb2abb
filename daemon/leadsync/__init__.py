"""leadsync keeps lead lists in sync: BatchData search sessions, pulled exactly once into a ledger."""

__version__ = "0.1.0"
