"""Durations, sizes, dollars, zones, URLs: read in one way, or refused with an example."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.config import units


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta(0)),
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("90d", timedelta(days=90)),
        ("1w", timedelta(weeks=1)),
        ("1h30m", timedelta(minutes=90)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    """A duration is a number with its unit, or a sum of such."""
    assert units.duration(text) == length


@pytest.mark.parametrize(
    "value",
    ["", "15", "15 m", "m", "1.5h", "-1h", "30m1h", "15min", "1h1h", "3651d", "9999w", "٣s", 15, None, True, ["1h"]],
)
def test_what_is_no_duration(value: object) -> None:
    """A number without a unit, or in a form that could be read in two ways, is refused."""
    with pytest.raises(ValueError, match=r"must be (a duration|at most)"):
        units.duration(value)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_durations_read_back(length: timedelta) -> None:
    """What is written as a duration reads back as the same whole seconds."""
    whole = timedelta(seconds=int(length.total_seconds()))
    assert units.duration(units.duration_text(length)) == whole


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("64MiB", 64 * 1024 * 1024), ("500KB", 500_000), ("1 GB", 10**9), ("1B", 1)],
)
def test_sizes(text: str, size_bytes: int) -> None:
    """MiB counts in 1,024, MB in 1,000."""
    assert units.size(text) == size_bytes


@pytest.mark.parametrize("value", ["", "64", "0MiB", "64M", "64mib", "-1KB", "1.5MiB", 64, None])
def test_what_is_no_size(value: object) -> None:
    """A size needs its unit, in the usual letters, and is never nothing."""
    with pytest.raises(ValueError, match="must be a size"):
        units.size(value)


@given(st.integers(min_value=0, max_value=10_000_000))
def test_dollars_are_exact(cents: int) -> None:
    """An amount has the cents that were written, not the nearest binary fraction."""
    assert units.dollars(float(f"{cents // 100}.{cents % 100:02}")) == Decimal(cents) / 100


@pytest.mark.parametrize("value", [True, "5", -0.01, float("nan"), float("inf"), 10**10, None, [1]])
def test_what_are_no_dollars(value: object) -> None:
    """A text, a truth value, less than nothing and no number at all are no money."""
    with pytest.raises(ValueError, match="must be an amount"):
        units.dollars(value)


@pytest.mark.parametrize("value", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "America", "a\0b", 5, None])
def test_what_is_no_zone(value: object) -> None:
    """Only a name of the time zone database is a zone: no path, no folder, no number."""
    with pytest.raises(ValueError, match="must be a time zone"):
        units.zone(value)


def test_the_nearest_zone_is_offered() -> None:
    """A misspelt zone is answered with the one that was meant."""
    with pytest.raises(ValueError, match=r"did you mean America/Phoenix\?"):
        units.zone("America/Pheonix")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443/v/", "https://api.example.com:8443/v"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_urls(value: str, read: str) -> None:
    """A URL is https to anywhere, http to this machine, and has no slash at its end."""
    assert units.url(value) == read


@pytest.mark.parametrize(
    "value",
    [
        "http://api.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "https://user@api.example.com",
        "https://user:pw@api.example.com",
        "https://:pw@api.example.com",
        "https://api.example.com?a=b",
        "https://api.example.com?",
        "https://api.example.com/#x",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://api.example.com\\@evil.example",
        "https://api.exa mple.com",
        "https://api.example.com\n",
        "https://",
        "ftp://api.example.com",
        "api.example.com",
        "",
        5,
    ],
)
def test_what_is_no_url(value: object) -> None:
    """What would carry the token in the clear, or elsewhere than it seems, is refused."""
    with pytest.raises(ValueError, match=r"^must "):
        units.url(value)


@pytest.mark.parametrize("value", ["127.0.0.1:8480", "[::1]:8480", "leads:65535"])
def test_listen_addresses(value: str) -> None:
    """A listen address is a host and a port."""
    assert units.listen_address(value) == value


@pytest.mark.parametrize("value", ["127.0.0.1", ":8480", "a:0", "a:65536", "a:b", "u@a:1", "a:1/x", "::1:80", "", 8480])
def test_what_is_no_listen_address(value: object) -> None:
    """A host without a port, a port without a host, and anything beyond both is refused."""
    with pytest.raises(ValueError, match="must be an address and a port"):
        units.listen_address(value)
