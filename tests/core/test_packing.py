"""Packing: in order, nothing lost, never too many or too large, no more batches and no more left over than must be."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.packing import BODY_MAX_BYTES, ITEMS_MAX, ITEMS_MIN, Limits, Packing, pack

FRAME = 100


def best(sizes: tuple[int, ...], limits: Limits) -> tuple[int, int]:
    """How many items can be packed at most, and into how few batches: by trying all."""

    @cache
    def fewest(end: int) -> float:
        if end == 0:
            return 0
        begins = range(max(0, end - limits.items_max), end - limits.items_min + 1)
        fits = (begin for begin in begins if body(sizes, range(begin, end), limits) <= limits.bytes_max)
        return min((fewest(begin) + 1 for begin in fits), default=float("inf"))

    packed = max(end for end in range(len(sizes) + 1) if fewest(end) < float("inf"))
    return packed, int(fewest(packed))


def body(sizes: tuple[int, ...], batch: range, limits: Limits) -> int:
    """The bytes of a batch as it is sent."""
    return limits.frame_bytes + sum(sizes[at] for at in batch) + len(batch) - 1


@st.composite
def packings(draw: st.DrawFn) -> tuple[tuple[int, ...], Limits]:
    """Some items and limits small enough that all can be tried."""
    least = draw(st.integers(1, 4))
    limits = Limits(draw(st.integers(0, 9)), draw(st.integers(20, 80)), least, draw(st.integers(least, 8)))
    largest = max(limits.item_max_bytes, 0)
    return tuple(draw(st.lists(st.integers(0, largest), max_size=18))), limits


@given(packings())
def test_the_best_packing(drawn: tuple[tuple[int, ...], Limits]) -> None:
    """As few left over as can be, then as few batches as can be; each within all limits, in order, nothing lost."""
    sizes, limits = drawn
    if limits.item_max_bytes < 0:
        return
    packing = pack(sizes, limits)
    assert [at for batch in (*packing.batches, packing.held) for at in batch] == list(range(len(sizes)))
    for batch in packing.batches:
        assert limits.items_min <= len(batch) <= limits.items_max
        assert body(sizes, batch, limits) <= limits.bytes_max
    assert (len(sizes) - len(packing.held), len(packing.batches)) == best(sizes, limits)


@given(count=st.integers(0, 5_000))
def test_small_items(count: int) -> None:
    """Where only the number counts: nothing is left over from ten on, and no batch more than must be."""
    packing = pack([10] * count, Limits(FRAME))
    assert len(packing.held) == (count if count < ITEMS_MIN else 0)
    assert len(packing.batches) == (0 if count < ITEMS_MIN else -(-count // ITEMS_MAX))


@pytest.mark.parametrize(
    ("count", "lengths"),
    [(1_000, [1_000]), (1_001, [991, 10]), (1_009, [999, 10]), (1_010, [1_000, 10]), (2_003, [1_000, 993, 10])],
)
def test_a_tail_takes_from_the_batch_before_it(count: int, lengths: list[int]) -> None:
    """Rather than wait for company."""
    assert sorted(map(len, pack([10] * count, Limits(FRAME)).batches)) == sorted(lengths)


def test_the_limit_in_bytes_is_exact() -> None:
    """A batch may have exactly 256,000 bytes, and not one more."""
    size = (BODY_MAX_BYTES - FRAME - 19) // 20
    spare = BODY_MAX_BYTES - FRAME - 19 - 20 * size
    fits = [size] * 19 + [size + spare]
    assert pack(fits, Limits(FRAME)) == Packing((range(20),), range(20, 20))
    assert len(pack([*fits[:-1], size + spare + 1], Limits(FRAME)).batches) == 2


def test_an_item_that_no_batch_could_carry() -> None:
    """It is a bug of whoever made it: nine others must fit beside it."""
    limits = Limits(FRAME)
    pack([limits.item_max_bytes] * 10, limits)
    with pytest.raises(ValueError, match="too large"):
        pack([limits.item_max_bytes + 1], limits)


def test_large_items_at_odd_numbers_wait() -> None:
    """Fifteen of which only ten fit together: five wait."""
    limits = Limits(FRAME)
    assert pack([limits.item_max_bytes] * 15, limits) == Packing((range(10),), range(10, 15))
