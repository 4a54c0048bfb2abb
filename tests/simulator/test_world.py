"""The world: the same from the same seed, in the vendor's shape, and cheap however large."""

import json
import string
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.simulator import World


def records(count: int = 1_024, seed: int = 7) -> list[dict[str, Any]]:
    """The first records of a world, read."""
    world = World(seed, count)
    return [json.loads(world.record(index)) for index in range(count)]


@settings(deadline=None)
@given(st.integers(), st.integers(0, 2**40))
def test_same_seed_same_bytes(seed: int, index: int) -> None:
    """Two worlds of one seed hold the same bytes, in whatever order they are asked."""
    one, other = World(seed, 1), World(seed, 1)
    other.record(index + 1)
    assert one.record(index) == other.record(index)


def test_another_seed_is_another_world() -> None:
    """No property of one seed is in the world of another."""
    one, other = World(1, 500), World(2, 500)
    assert not {one.id_of(index) for index in range(500)} & {other.id_of(index) for index in range(500)}


@settings(deadline=None)
@given(st.integers(0, 2**40))
def test_record_is_named_by_its_id(index: int) -> None:
    """A record carries the id that the world knows it by: 32 hexadecimal characters."""
    world = World(7, 1)
    read = json.loads(world.record(index))
    assert read["_id"] == world.id_of(index)
    assert len(read["_id"]) == 32
    assert set(read["_id"]) <= set(string.hexdigits.lower())


def test_ids_are_distinct() -> None:
    """No two properties share an id."""
    world = World(7, 1)
    assert len({world.id_of(index) for index in range(20_000)}) == 20_000


@pytest.mark.parametrize("record_bytes", [2_400, 10_240])
def test_record_has_the_size_that_was_asked(record_bytes: int) -> None:
    """Records are as large as asked, give or take a tenth."""
    world = World(7, 1, record_bytes)
    sizes = [len(world.record(index)) for index in range(1_024)]
    assert mean(sizes) == pytest.approx(record_bytes, rel=0.05)
    assert max(sizes) < record_bytes * 1.1
    assert min(sizes) > record_bytes * 0.9


def test_only_id_and_address_are_always_there() -> None:
    """Every record has an id and an address; owner, valuation and listing are each missing somewhere."""
    read = records()
    assert all({"_id", "address"} <= record.keys() for record in read)
    for block in ("owner", "valuation", "listing", "foreclosure"):
        assert 0 < sum(block in record for record in read) < len(read)


def test_types_vary_as_the_vendors_do() -> None:
    """Numbers come as strings too, agents as list and object, blocks empty, lists with null, listing as mls."""
    read = records()
    deeds = [deed for record in read for deed in record["deedHistory"]]
    assert {type(deed["transactionId"]) for deed in deeds} == {int, str}
    assert {type(deed["interestRate"]) for deed in deeds} == {float, str}
    assert {type(record["listing"]["agents"]) for record in read if "listing" in record} == {dict, list}
    assert any(record.get("foreclosure") == {} for record in read)
    assert any("mls" in record for record in read)
    assert any(None in record.get("owner", {}).get("phoneNumbers", ()) for record in read)


def test_owners_are_people_and_companies_and_nobody() -> None:
    """Some owners are companies without a first name, some have no names at all."""
    names = [record["owner"]["names"] for record in records() if "owner" in record]
    assert any(each and "first" in each[0] for each in names)
    assert any(each and "first" not in each[0] for each in names)
    assert [] in names


def test_canaries_are_in_owner_fields() -> None:
    """Phone numbers and e-mails of the ranges reserved for fiction are there to be leaked."""
    text = b"".join(map(World(7, 1).record, range(100)))
    assert b"@example.com" in text
    assert b'"60255501' in text


def test_growing_changes_nothing_that_was() -> None:
    """New properties come after the old ones, which stay what they were."""
    world = World(7, 10)
    before = [world.record(index) for index in range(10)]
    world.grow(5)
    assert world.size == 15
    assert [world.record(index) for index in range(10)] == before
