"""Where the properties of the world lie, and on which quick lists they are: drawn from the seed, by mould.

A property's mould is its index modulo `MOULDS`. Properties of one mould share place, lists and shape, and
differ in ids, names and figures: so criteria are answered by arithmetic, however large the world is.
"""

import random
from dataclasses import dataclass

__all__ = ["MOULDS", "PLACES", "QUICK_LISTS", "Mould", "Place", "draw_mould"]

MOULDS = 1_024


@dataclass(frozen=True, slots=True)
class Place:
    """A city with the zips that the world uses in it; `latitude` and `longitude` in degrees."""

    city: str
    state: str
    county: str
    fips: str
    zips: tuple[str, ...]
    latitude: float
    longitude: float


PLACES = (
    Place("Phoenix", "AZ", "Maricopa", "04013", ("85990", "85991", "85992"), 33.448, -112.074),
    Place("Tucson", "AZ", "Pima", "04019", ("85790", "85791", "85792"), 32.222, -110.975),
    Place("Mesa", "AZ", "Maricopa", "04013", ("85290", "85291", "85292"), 33.415, -111.831),
    Place("Austin", "TX", "Travis", "48453", ("78790", "78791", "78792"), 30.267, -97.743),
    Place("Dallas", "TX", "Dallas", "48113", ("75490", "75491", "75492"), 32.777, -96.797),
    Place("Miami", "FL", "Miami-Dade", "12086", ("33290", "33291", "33292"), 25.762, -80.192),
    Place("Tampa", "FL", "Hillsborough", "12057", ("33690", "33691", "33692"), 27.951, -82.457),
    Place("Denver", "CO", "Denver", "08031", ("80290", "80291", "80292"), 39.739, -104.990),
)

# The vendor's 38 lists and how often a property is on each. Those at 0 follow from other facts, see `draw_mould`.
QUICK_LISTS = {
    "absentee-owner": 0.0,
    "in-state-absentee-owner": 0.0,
    "out-of-state-absentee-owner": 0.0,
    "out-of-state-owner": 0.0,
    "owner-occupied": 0.0,
    "same-property-and-mailing-address": 0.0,
    "active-listing": 0.06,
    "pending-listing": 0.03,
    "on-market": 0.08,
    "canceled-listing": 0.05,
    "expired-listing": 0.08,
    "failed-listing": 0.1,
    "for-sale-by-owner": 0.03,
    "listed-below-market-price": 0.03,
    "preforeclosure": 0.06,
    "notice-of-default": 0.04,
    "notice-of-lis-pendens": 0.04,
    "notice-of-sale": 0.03,
    "active-auction": 0.02,
    "tax-default": 0.07,
    "involuntary-lien": 0.08,
    "vacant": 0.08,
    "mailing-address-vacant": 0.03,
    "high-equity": 0.0,
    "low-equity": 0.0,
    "free-and-clear": 0.0,
    "unknown-equity": 0.0,
    "cash-buyer": 0.1,
    "corporate-owned": 0.12,
    "trust-owned": 0.08,
    "senior-owner": 0.2,
    "inherited": 0.05,
    "tired-landlord": 0.1,
    "fix-and-flip": 0.04,
    "recently-sold": 0.08,
    "has-hoa": 0.3,
    "has-hoa-fees": 0.25,
    "vacant-lot": 0.05,
}


@dataclass(frozen=True, slots=True)
class Mould:
    """What all properties of one mould share."""

    place: Place
    zip: str
    lists: frozenset[str]

    @property
    def absentee(self) -> bool:
        """Whether the owner lives elsewhere."""
        return "absentee-owner" in self.lists


def draw_mould(seed: int, number: int) -> Mould:
    """The mould of that number in the world of that seed; places come in turn, so they are evenly spread."""
    rng = random.Random(f"mould {seed} {number}")
    place = PLACES[number % len(PLACES)]
    lists = {name for name, share in QUICK_LISTS.items() if rng.random() < share}
    return Mould(place, rng.choice(place.zips), frozenset(lists | _occupancy(rng) | _equity(rng)))


def _occupancy(rng: random.Random) -> set[str]:
    (drawn,) = rng.choices(
        (
            {"owner-occupied", "same-property-and-mailing-address"},
            {"absentee-owner", "in-state-absentee-owner"},
            {"absentee-owner", "out-of-state-absentee-owner", "out-of-state-owner"},
        ),
        (60, 24, 16),
    )
    return drawn


def _equity(rng: random.Random) -> set[str]:
    kinds: tuple[set[str], ...] = (
        {"high-equity", "free-and-clear"},
        {"high-equity"},
        {"low-equity"},
        {"unknown-equity"},
        set(),
    )
    (drawn,) = rng.choices(kinds, (15, 30, 20, 10, 25))
    return drawn
