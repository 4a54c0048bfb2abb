"""Redaction: nothing personal or secret gets through, and what an operator needs survives (P11)."""

import time
import timeit
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.keys import page_key
from leadsync.core.redact import MASK, redact

DIGITS = st.integers(2_000_000_000, 9_999_999_999).map(str)
FORMS = st.sampled_from(
    [
        "{0}{1}{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "{0} {1} {2}", "({0}) {1}-{2}", "({0}){1}-{2}", "({0}){1}{2}",
        "1{0}{1}{2}", "+1{0}{1}{2}", "+1 {0} {1} {2}", "+1-{0}-{1}-{2}", "1-{0}-{1}-{2}", "+1 ({0}) {1}-{2}",
        "{0}-{1}{2}", "{0} {1}{2}",
    ]
)  # fmt: skip
FRAMES = st.sampled_from(
    [
        "{}",
        "call {} now",
        "The owner's number is {}.",
        "phones: {}, 2 more",
        '"{}"',
        "tel:{}",
        "({})",
        "{}\n",
        "is it {}?",
    ]
)
WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=40)


@given(DIGITS, FORMS, FRAMES)
def test_no_phone_gets_through(number: str, form: str, frame: str) -> None:
    """A phone is masked however it is written and whatever stands around it, a full stop included."""
    phone = form.format(number[:3], number[3:6], number[6:])
    redacted = redact(frame.format(phone))
    assert MASK in redacted
    assert number[6:] not in redacted


@given(WORD, WORD, st.sampled_from(["com", "co.uk", "museum"]), FRAMES)
def test_no_e_mail_gets_through(local: str, host: str, end: str, frame: str) -> None:
    """An address is masked whole, in every sentence."""
    address = f"{local}.x+tag@{host}.{end}"
    redacted = redact(frame.format(address))
    assert redacted == frame.format(MASK)


@pytest.mark.parametrize(
    "frame",
    [
        "Authorization: Bearer {}",
        "authorization: {}",
        "sent bearer {} to the vendor",
        "Authorization: Basic {}==",
        "x-api-key: {}",
        "X-API-Key={}",
        "api_key={}",
        "apiKey: '{}'",
        '{{"token": "{}"}}',
        "{{'token': '{}'}}",
        'token = "{}"',
        "password={}",
        "client secret: {}",
        "BATCHDATA_TOKEN={}",
        "access_token={}",
        "https://user:{}@proxy.example.com/",
        "GET https://api.batchdata.com/api/v2/property/search-sessions?skip=0&token={}",
        "POST /hooks/async/{} answered 200",
        "https://leads.example.com/hooks/{}/17",
    ],
)
@given(secret=TOKEN)
def test_no_credential_gets_through(frame: str, secret: str) -> None:
    """Whatever stands where a credential stands is masked: headers, JSON, environment, URLs and webhook paths."""
    redacted = redact(frame.format(secret))
    assert secret not in redacted
    assert MASK in redacted


@pytest.mark.parametrize("frame", ["GET {}", "{} took 3 s", 'url="{}"', "<{}>"])
@given(name=WORD, value=st.text("abcdefghijklmnopqrstuvwxyz0123456789=&%+.", max_size=30))
def test_no_query_string_gets_through(frame: str, name: str, value: str) -> None:
    """A URL keeps its host and path and loses its query, wherever it stands."""
    url = "https://api.batchdata.com/api/v1/property/search"
    assert redact(frame.format(f"{url}?{name}={value}")) == frame.format(f"{url}?{MASK}")


@pytest.mark.parametrize(
    "text",
    [
        "the session has nothing more to deliver",
        "session phoenix is gone at the vendor; the next page would bring its 12500 properties again (about $8,000.00)",
        "the vendor's total is 41, the ledger's 30: someone else uses the session, or this store is old",
        "no answer in 10 minutes (HTTP 503); the key stays open and is sent again next run",
        "Search session not found: phoenix-absentee",
        "Invalid request. searchSession is not supported on async endpoints.",
        "5d0c8e4f1b2a49c7a6e3f9017d84c2be",
        "01KRCV36NPGHBE6FQER77S0XZR",
        "2026-11-01T06:00:00.123+00:00",
        "run 17 of job phoenix took 00:01:30, 12,500 records, $125.00",
        "9021 E Saltbush Ridge Ln, Meridian Wells, AZ, 85997-2204",
        "/var/lib/leadsync/leadsync.db",
        "is it full? then wait",
        "5 of 100 slots, 1048576 bytes, 134217728 bytes free",
    ],
)
def test_what_an_operator_reads_survives(text: str) -> None:
    """Ordinary sentences, ids, times, sums and paths come through unharmed."""
    assert redact(text) == text


@given(
    st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda name: not name.isdigit()),
    st.dates(),
    st.integers(1, 9),
    st.integers(1, 10**6),
)
def test_keys_and_session_names_survive(installation: str, day: date, epoch: int, page: int) -> None:
    """A page's key, and a session named after a day, are what an operator searches the log for."""
    name = f"phoenix-{day:%Y-%m-%d}-{page}"
    text = f"key {page_key(installation, 'main', name, epoch, page)} of {name}"
    assert redact(text) == text


@given(st.text())
def test_redacting_again_changes_nothing(text: str) -> None:
    """Lines pass through more than one hand: masked once is masked for good."""
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["a", "/", "1", "a.", "%", "5-", "token", "/hooks", "https://"])
def test_a_long_text_is_read_once(unit: str) -> None:
    """The log is written on the event loop's thread: sixteen times the text may not take a hundred times as long."""
    short_s, long_s = (_quickest_s(unit * (length // len(unit))) for length in (1_000, 16_000))
    assert long_s < max(short_s, 0.000_1) * 100


def _quickest_s(text: str) -> float:
    return min(timeit.repeat(lambda: redact(text), timer=time.thread_time, number=1, repeat=3))
