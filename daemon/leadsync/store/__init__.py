"""The store: tables, one writer, and the ledger whose every method is one transaction."""
