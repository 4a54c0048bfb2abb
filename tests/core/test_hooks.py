"""Addresses of webhooks: given out and known again, by this installation and by no other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.hooks import Address, HookKey, address_of, hook_url

KEY = HookKey("0123456789abcdef", bytes(range(32)))
RESULT = Address("async", "01KX2Z3Y4W5V6T7S8R9Q0P1N2M")
PUBLIC = "https://leads.example.com"


def path(key: HookKey = KEY, address: Address = RESULT) -> str:
    """What arrives of the URL."""
    return hook_url(PUBLIC, key, address).removeprefix(PUBLIC)


def test_golden() -> None:
    """Addresses that are on their way to a vendor must still be known to the next version."""
    assert path() == "/hooks/async/01KX2Z3Y4W5V6T7S8R9Q0P1N2M.yxhPbAbbITuoIAxE7lSqeQ"


def test_what_is_given_out_is_known_again() -> None:
    """Without a look at any row."""
    for kind in ("async", "async-error", "trace", "trace-done"):
        address = Address(kind, "a_b-3")
        assert address_of(KEY, path(address=address)) == address


@pytest.mark.parametrize("key", [replace(KEY, installation="fedcba9876543210"), replace(KEY, secret=bytes(32))])
def test_another_installation_does_not_know_it(key: HookKey) -> None:
    """Neither one with another secret, nor a copy of the store, which has another name."""
    assert address_of(key, path()) is None


def test_the_last_letter_has_one_spelling() -> None:
    """Base64 has bits to spare at its end: of the 16 letters that mean the same bytes one is right."""
    spellings = [
        letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop" if address_of(KEY, path()[:-1] + letter)
    ]
    assert spellings == [path()[-1]]


@given(at=st.integers(0, 200), put=st.characters())
def test_no_change_of_one_character_is_let_in(at: int, put: str) -> None:
    """Of kind, id or MAC, whatever stands there instead."""
    right = path()
    changed = right[: at % len(right)] + put + right[at % len(right) + 1 :]
    assert (address_of(KEY, changed) is None) == (changed != right)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    """What is no address is none, and nothing is raised."""
    assert address_of(KEY, text) is None
    assert address_of(KEY, f"/hooks/async/{text}") is None


@pytest.mark.parametrize(
    "address", [Address("async", "a/b"), Address("async", ""), Address("As", "a"), Address("a", "é")]
)
def test_what_no_address_can_carry_is_refused_when_it_is_made(address: Address) -> None:
    """Not when the result comes."""
    with pytest.raises(ValueError, match="no webhook can be about"):
        hook_url(PUBLIC, KEY, address)


def test_the_secret_is_not_shown() -> None:
    """Neither in a traceback nor in a log line."""
    assert "secret" not in repr(KEY)
