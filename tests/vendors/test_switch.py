"""A dead-man's switch: called where it is, by a GET, and nowhere else."""

import asyncio

import httpx  # noqa: TID251 - the test edge
import pytest

from leadsync.vendors.switch import Switch


def called(url: str, word: str, reply: httpx.Response | Exception) -> tuple[list[str], str]:
    """What was asked for, and why that failed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url}")
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def act() -> str:
        switch = Switch(url, httpx.MockTransport(answer))
        try:
            return await switch.call(word)
        finally:
            await switch.close()

    return asked, asyncio.run(act())


@pytest.mark.parametrize(
    ("url", "word", "asked"),
    [
        ("https://hc.example.com/0b1f", "", "GET https://hc.example.com/0b1f"),
        ("https://hc.example.com/0b1f", "/start", "GET https://hc.example.com/0b1f/start"),
        ("https://hc.example.com/ping/key/slug", "/fail", "GET https://hc.example.com/ping/key/slug/fail"),
        ("http://127.0.0.1:8000", "", "GET http://127.0.0.1:8000/"),
    ],
)
def test_the_form_is_that_of_healthchecks(url: str, word: str, asked: str) -> None:
    """The address alone, or with the word behind it; no slash too many."""
    assert called(url, word, httpx.Response(200)) == ([asked], "")


def test_a_redirect_is_not_followed_and_a_failure_has_a_word() -> None:
    """Whatever is not 200 has not been heard."""
    away = httpx.Response(302, headers={"location": "https://elsewhere.example.com/"})
    asked, why = called("https://hc.example.com/0b1f", "", away)
    assert (len(asked), why) == (1, "HTTP 302")
    assert called("https://hc.example.com/0b1f", "", httpx.Response(404))[1] == "HTTP 404"


def test_a_switch_that_cannot_be_reached_says_so_and_not_where_it_is() -> None:
    """Its address is a secret, whatever the network says."""
    asked, why = called("https://hc.example.com/0b1f", "/start", httpx.ConnectError("to https://hc.example.com/0b1f"))
    assert (len(asked), "cannot connect" in why, "0b1f" in why) == (1, True, False)
