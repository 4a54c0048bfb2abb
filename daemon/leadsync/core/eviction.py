"""A session that a person names: what speaks against its deletion, and what it means.

a key of it is open          never: its page may be billed, and would be lost
a run of it is under way     never: wait for its end
an enabled job uses it       with --force: the job then parks session_vanished
leadsync did not make it     with --force: somebody else may need it
"""

from decimal import Decimal

from leadsync.core.slots import Fate, Jobs, Owner


def refusal(fate: Fate, jobs: Jobs, *, force: bool) -> str | None:
    """Say why the session is not deleted, and what to type instead; None where it is."""
    tenant, session = fate.tenant, fate.session
    if tenant is not None and tenant.open_key:
        named = tenant.life.throwaway or session in jobs.sessions
        first = "" if named else f'no job names it any more: put `session = "{session}"` back into a file first. '
        return (
            f"a key of session {session} is open: its page may be billed, and would be lost with it. {first}`leadsync"
            f" once {tenant.job}` fetches the page; or `leadsync resume {tenant.job} --void-key` closes the key where"
            " nothing was billed"
        )
    if tenant is not None and tenant.running:
        return f"a run of session {session} is under way; try again when it has ended"
    if force:
        return None
    if _is_used(fate, jobs):
        return (
            f"job {tenant.job if tenant else session} is enabled and uses session {session}; disable it, or take its"
            " file away, first; or say --force: the job then parks session_vanished"
        )
    if fate.owner is Owner.FOREIGN:
        return (
            f"session {session} was not made by leadsync, so somebody else may need it; --force deletes it all the same"
        )
    return None


def consequence(fate: Fate, jobs: Jobs, price: Decimal) -> str:
    """Say what the deletion means, in properties and dollars."""
    total = max(fate.row.total, fate.tenant.total if fate.tenant else 0)
    cost = (
        f"{total:,} properties may then be delivered and billed again, about ${total * price:,.2f} at ${price} a record"
    )
    parks = f" Job {fate.job} parks session_vanished at its next run." if _is_used(fate, jobs) else ""
    return (
        f"Session {fate.session} ({_whose(fate)}) has delivered {_totals(fate)}. Deleting it frees its slot at once and"
        " cannot be undone: the vendor forgets what it delivered. What is in the ledger stays, but if the id is ever"
        f" used again, {cost}.{parks}"
    )


def _is_used(fate: Fate, jobs: Jobs) -> bool:
    """Whether an enabled job names it, or is a one-shot that is not done with it."""
    tenant, named = fate.tenant, bool(jobs.sessions.get(fate.session))
    if named or tenant is None:
        return named
    return tenant.life.throwaway and tenant.life.drained_at is None and tenant.job in jobs.enabled


def _whose(fate: Fate) -> str:
    return "foreign" if fate.job is None else f"{fate.owner}, job {fate.job}"


def _totals(fate: Fate) -> str:
    listed = f"{fate.row.total:,} properties by the vendor's count"
    return listed if fate.tenant is None else f"{listed}, {fate.tenant.total:,} by the ledger's"
