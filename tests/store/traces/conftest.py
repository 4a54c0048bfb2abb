"""A store for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.hand import Hand
from tests.store.traces.acts import follow


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """An opened store in which the owners of `phoenix` are traced."""
    hand = Hand(tmp_path / "leadsync.db")
    follow(hand, "phoenix")
    yield hand
    hand.close()
