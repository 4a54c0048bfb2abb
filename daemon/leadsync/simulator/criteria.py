"""What a search asks for, and which properties of the world answer it.

A place that the world does not know and a quick list that does not exist select nothing; members of the criteria
other than query, quickLists and orQuickLists select nothing away, but are part of what makes criteria the same.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import msgspec

from leadsync.simulator.moulds import MOULDS, QUICK_LISTS, Mould
from leadsync.simulator.world import World

__all__ = ["Criteria", "Selection", "select", "unknown_lists"]


class Criteria(msgspec.Struct, frozen=True, rename="camel"):
    """The vendor's `searchCriteria`, as far as it selects.

    `query` is 'City, ST', 'ST' or a zip; all of `quick_lists` and one of `or_quick_lists` must hold of a property,
    where `not-` turns a list round.
    """

    query: str | None = None
    quick_lists: tuple[str, ...] = ()
    or_quick_lists: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Criteria":
        """The criteria of a request. Raises msgspec.ValidationError naming the member that is not in form."""
        return msgspec.convert(given, cls)


class Selection:
    """Which indexes criteria select, in order: answered by arithmetic over the moulds, never by a search."""

    def __init__(self, moulds: Sequence[int]) -> None:
        self._moulds = moulds

    def count(self, size: int) -> int:
        """How many of the first `size` properties are selected."""
        rounds, rest = divmod(size, MOULDS)
        return rounds * len(self._moulds) + bisect_left(self._moulds, rest)

    def nth(self, position: int) -> int:
        """The index of the selected property at that position, from 0."""
        rounds, place = divmod(position, len(self._moulds))
        return rounds * MOULDS + self._moulds[place]


def select(world: World, criteria: Criteria) -> Selection:
    """What those criteria select in that world, however large it is or becomes."""
    if not (criteria.query or criteria.quick_lists or criteria.or_quick_lists):
        return Selection(range(MOULDS))
    return Selection([number for number in range(MOULDS) if _holds(criteria, world.mould(number))])


def unknown_lists(criteria: Criteria) -> list[str]:
    """The quick lists named that the vendor does not have, in their order."""
    named = (*criteria.quick_lists, *criteria.or_quick_lists)
    return [name for name in named if name.removeprefix("not-") not in QUICK_LISTS]


def _holds(criteria: Criteria, mould: Mould) -> bool:
    return (
        _lies_in(mould, criteria.query)
        and all(_listed(mould, name) for name in criteria.quick_lists)
        and (not criteria.or_quick_lists or any(_listed(mould, name) for name in criteria.or_quick_lists))
    )


def _lies_in(mould: Mould, query: str | None) -> bool:
    place = mould.place
    wanted = " ".join((query or "").replace(",", " ").casefold().split())
    return wanted in {"", f"{place.city} {place.state}".casefold(), place.state.casefold(), mould.zip}


def _listed(mould: Mould, name: str) -> bool:
    positive = name.removeprefix("not-")
    return positive in QUICK_LISTS and (positive in mould.lists) is (positive == name)
