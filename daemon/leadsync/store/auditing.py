"""A session of the store in the terms of the audit: what its runs and the plan compare with the vendor's list."""

from leadsync.core.audit import Standing
from leadsync.store.sessions import SessionState


def standing_of(state: SessionState) -> Standing:
    """What the ledger knows of a session, for a comparison with the vendor's list."""
    open_take = state.open_page.take if state.open_page else None
    adopted = state.life.adopted_at is not None
    return Standing(state.name, state.books, open_take, state.deleted, state.recovering, state.recover_until, adopted)
