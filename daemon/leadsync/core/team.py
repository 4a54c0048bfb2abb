"""Whether a token is that of the team whose sessions the ledger knows: asked before it is used for anything.

A token of another team would open our sessions anew there, and bill their lists again to somebody else. The vendor
does not say whose a token is; but its list of sessions does, since our own team alone has our sessions with our totals.
"""

from collections.abc import Collection, Mapping

from leadsync.core.audit import Standing


def is_same_team(ours: Collection[Standing], totals: Mapping[str, int]) -> bool:
    """Say whether a list of totals can be that of the team that all of our sessions belong to.

    One session that has delivered something and is there with a total that the ledger explains is enough: the others
    may have been deleted, or used by somebody else, which is the audit's affair. Names alone prove nothing, since two
    teams of one agency may well have the same jobs. Where nothing was ever delivered, every team will do.
    """
    there = used(ours)
    return not there or any(_explains(standing, totals.get(standing.session)) for standing in there)


def used(ours: Collection[Standing]) -> list[Standing]:
    """Return the sessions that have delivered something, and that we have not deleted."""
    return [standing for standing in ours if standing.books.total and not standing.deleted]


def _explains(ledger: Standing, vendor_total: int | None) -> bool:
    if vendor_total is None:
        return False
    known = ledger.books.total
    return known <= vendor_total and (ledger.recovering or vendor_total <= known + (ledger.open_take or 0))
