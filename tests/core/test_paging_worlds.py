"""The walk: every world that crashes, losses and the vendor's moods can bring about, and what must hold in each.

It drives the real protocol, books and audit. Two planted bugs prove that it would notice.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

import pytest

from leadsync.core.model import Reason
from leadsync.core.protocol import Send, Store, Stored
from tests.core.worlds import MARKET, PAGE_SIZE, Broken, Facts, Ledger, Luck, Nature, Physics, World

NATURES = [
    Nature(counts_own, replay_total_is_own, replay_says_new, cursor_at_end, short_at)
    for counts_own, replay_total_is_own, replay_says_new, (cursor_at_end, short_at) in product(
        (True, False), (True, False), (True, False), ((False, None), (True, 2))
    )
]

WALKS = [
    # All moods under crashes and losses, some under an oddity too, the likeliest under everything at once.
    *((nature, Luck(crashes=2, losses=2), 2_000) for nature in NATURES),
    *((nature, Luck(crashes=1, losses=1, oddities=1), 3_000) for nature in NATURES[::3]),
    (NATURES[0], Luck(crashes=3, losses=2, oddities=1), 20_000),
]

Promise = Callable[[World], str | None]


@dataclass(frozen=True, slots=True)
class Walked:
    """All worlds of a walk, in the order they were found; `calm[i]` is what follows world i if nothing goes wrong.

    It is the number of a world, or None where the job waits for a person or is done.
    """

    worlds: tuple[World, ...]
    calm: tuple[int | None, ...]


def walk(physics: Physics, luck: Luck, promises: Iterable[Promise]) -> Walked:
    """Visit every world that can be reached. Raises Broken with the shortest way to a broken promise."""
    worlds = [World(luck)]
    numbers = {worlds[0]: 0}
    came_from = [("start", 0)]
    calm: list[int | None] = []
    # The list grows while it is read: what is found last is visited last.
    for number, world in enumerate(worlds):
        try:
            _hold(world, promises)
            moves = list(physics.moves(world))
        except Broken as broken:
            raise Broken(f"{broken}; it took: {_trail(came_from, number)}") from None
        for how, after in moves:
            if numbers.setdefault(after, len(worlds)) == len(worlds):
                worlds.append(after)
                came_from.append((how, number))
        calm.append(numbers[moves[0][1]] if moves else None)
    return Walked(tuple(worlds), tuple(calm))


def _hold(world: World, promises: Iterable[Promise]) -> None:
    for promise in promises:
        trouble = promise(world)
        if trouble is not None:
            raise Broken(trouble)


def _trail(came_from: list[tuple[str, int]], number: int) -> str:
    steps: list[str] = []
    while number:
        how, number = came_from[number]
        steps.append(how)
    return ", ".join(reversed(steps))


def nothing_lost(world: World) -> str | None:
    """P1: what is billed is stored, or its key is open and brings it again."""
    missing = set(world.vendor.bill) - world.facts.ids
    key = world.facts.open_key
    page = world.vendor.page_of(key.key) if key else None
    if missing - set(page.ids if page else ()):
        return f"P1: {sorted(missing)} are billed, not stored and out of reach"
    if world.is_complete and missing:
        return f"P1: the job is complete without {sorted(missing)}"
    return None


def nothing_twice(world: World) -> str | None:
    """P2: no property is billed twice."""
    bill = world.vendor.bill
    return None if len(bill) == len(set(bill)) else f"P2: the bill has a property twice: {bill}"


def books_agree(world: World) -> str | None:
    """P8: between two pages the ledger's total is the vendor's, whoever crashed before."""
    if world.facts.open_key is None and world.facts.books.total != world.vendor.total:
        return f"P8: the ledger counts {world.facts.books.total}, the vendor {world.vendor.total}"
    return None


def never_parked_by_weather(world: World) -> str | None:
    """L1: a fault parks nothing; a refusal is the vendor's word and waits for a person."""
    parked = world.facts.parked
    return None if parked in (None, Reason.REFUSED) else f"L1: bad weather parked the job {parked}"


def complete_is_all(world: World) -> str | None:
    """L1: a job that says complete has all there is."""
    if world.is_complete and world.facts.ids != set(MARKET):
        return f"L1: complete with {sorted(world.facts.ids)} alone"
    return None


PROMISES: tuple[Promise, ...] = (nothing_lost, nothing_twice, books_agree, never_parked_by_weather, complete_is_all)


def stuck_worlds(walked: Walked) -> list[World]:
    """L1: the worlds from which the job does not end `complete` although nothing goes wrong any more."""
    before: list[list[int]] = [[] for _ in walked.worlds]
    for number, after in enumerate(walked.calm):
        if after is not None:
            before[after].append(number)
    ends_well = [number for number, world in enumerate(walked.worlds) if world.is_complete]
    well = set(ends_well)
    while ends_well:
        found = [number for number in before[ends_well.pop()] if number not in well]
        well.update(found)
        ends_well.extend(found)
    return [world for number, world in enumerate(walked.worlds) if number not in well]


@pytest.mark.parametrize(("nature", "luck", "worlds_min"), WALKS)
def test_every_promise_holds_in_every_world(nature: Nature, luck: Luck, worlds_min: int) -> None:
    """P1, P2, P3, P8 and L1 hold whatever is lost, wherever it crashes, however the vendor counts."""
    walked = walk(Physics(nature, Ledger()), luck, PROMISES)
    assert len(walked.worlds) > worlds_min, "the walk has shrunk"
    stuck = stuck_worlds(walked)
    assert not stuck, f"L1: {len(stuck)} worlds do not end although the weather has cleared, the first: {stuck[0]}"


def test_the_reading_of_totals_is_learned_right() -> None:
    """In a calm world the account's reading of totals is the vendor's own at the end."""
    for nature in NATURES:
        walked = walk(Physics(nature, Ledger()), Luck(), PROMISES)
        assert walked.worlds[-1].facts.counts_own is nature.counts_own


def test_the_walk_visits_every_state_of_the_protocol() -> None:
    """The walk goes through each of the machine's states, and reaches its end by way of crashes too."""
    walked = walk(Physics(Nature(), Ledger()), Luck(1, 1, 1), PROMISES)
    seen = Counter(type(world.machine[0]).__name__ for world in walked.worlds if world.machine)
    assert set(seen) == {"Asking", "Sending", "Pausing", "Storing", "Closing", "Ended"}
    assert any(world.is_complete and not world.luck.crashes and not world.luck.losses for world in walked.worlds)


def one_page_twice_at_most(world: World) -> str | None:
    """P8: what is paid twice is one page, before the job parks."""
    again = len(world.vendor.bill) - len(set(world.vendor.bill))
    return f"P8: {again} properties are billed again" if again > PAGE_SIZE else None


def parked_for_the_session(world: World) -> str | None:
    """P8: the reason speaks of the session: gone, or after a crash in between with another total."""
    right = (None, Reason.SESSION_VANISHED, Reason.SESSION_DRIFTED)
    return None if world.facts.parked in right else f"P8: a deletion was told as {world.facts.parked}"


@pytest.mark.parametrize("nature", NATURES)
def test_a_session_deleted_by_others_costs_one_page_at_most(nature: Nature) -> None:
    """Where somebody deletes the session, no more than one page is bought again, and the job parks or is complete."""
    luck = Luck(crashes=1, losses=1, deletions=1)
    walked = walk(Physics(nature, Ledger()), luck, (one_page_twice_at_most, parked_for_the_session))
    assert any(world.facts.parked is Reason.SESSION_VANISHED for world in walked.worlds)
    ends = [world for world, after in zip(walked.worlds, walked.calm, strict=True) if after is None]
    assert all(world.facts.parked or world.is_complete for world in ends)


class TwoTransactions(Ledger):
    """A planted bug: the deliveries are committed first, the key and the totals after them."""

    def store(self, facts: Facts, store: Store) -> tuple[tuple[Facts, ...], Stored]:
        """Commit twice."""
        (whole,), stored = super().store(facts, store)
        return (replace(facts, stored=whole.stored), whole), stored


class NewKeyOnRetry(Ledger):
    """A planted bug: what is sent again has a key drawn anew."""

    def to_send(self, facts: Facts, send: Send) -> Facts:
        """Draw a new key for a replay."""
        if not send.replay or facts.open_key is None:
            return facts
        return self.journal(replace(facts, open_key=None), facts.open_key.take)


@pytest.mark.parametrize("nature", NATURES)
def test_the_walk_finds_two_transactions(nature: Nature) -> None:
    """A crash between deliveries and totals makes the books disagree, and the walk finds it (P4)."""
    with pytest.raises(Broken, match=r"(P8|L1): .* it took: .*crash between commits"):
        walk(Physics(nature, TwoTransactions()), Luck(crashes=1), PROMISES)


@pytest.mark.parametrize("nature", NATURES)
def test_the_walk_finds_a_key_drawn_anew(nature: Nature) -> None:
    """A reply that was lost and asked for with another key is a page paid twice or never had (P2)."""
    with pytest.raises(Broken, match=r"P2: a new key is sent while .* it took: .*reply lost"):
        walk(Physics(nature, NewKeyOnRetry()), Luck(losses=1), PROMISES)


def test_a_new_key_while_another_is_open_is_noticed() -> None:
    """The model itself refuses a second open key, so that a machine that asks too early cannot pass (P2)."""
    ledger = Ledger()
    once = ledger.journal(Facts(), PAGE_SIZE)
    with pytest.raises(Broken, match="P2"):
        ledger.journal(once, PAGE_SIZE)
