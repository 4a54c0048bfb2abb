"""Records: the few columns that people filter by, whatever the vendor sends, and its bytes as they came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import Lead
from leadsync.vendors.records import NotAPage, leads_of, read_page

RECORD = {
    "_id": "5d0c8e4f1b2a49c7a6e3f9017d84c2be",
    "ids": {"apn": "158-24-0917"},
    "address": {
        "houseNumber": "9021",
        "street": "9021 E Saltbush Ridge Ln",
        "city": "Meridian Wells",
        "county": "Maricopa",
        "state": "AZ",
        "zip": "85997",
        "latitude": 33.512844,
    },
    "owner": {
        "fullName": "Odalys Fenwick-Marsh",
        "mailingAddress": {"street": "77 Quillfeather Ct", "city": "Brambleton Falls", "state": "ID", "zip": "83899"},
    },
    "valuation": {"estimatedValue": 487300, "equityCurrentEstimatedBalance": 312460.5},
    "deedHistory": [{"transactionId": 12}, {"transactionId": "12"}, None],
    "foreclosure": {},
}
LEVELS = 100_000
ODD = b'{"_id":"odd","remarks":"\\ud800","n":[NaN,1e999],"deep":' + b"[" * LEVELS + b"]" * LEVELS + b"}"


def _page(*records: bytes, rest: bytes = b"") -> bytes:
    return b'{"status":{"code":200},"results":{"properties":[' + b",".join(records) + b"]" + rest + b"}}"


def _lead(raw: bytes) -> Lead:
    (lead,) = read_page(_page(raw)).leads
    return lead


def _with(**changes: Any) -> bytes:
    return json.dumps({**RECORD, **changes}).encode()


def test_the_columns_of_a_record() -> None:
    """Street, city, state, zip, county, owner, the mailing address on one line, value and equity in US dollars."""
    raw = json.dumps(RECORD).encode()
    assert _lead(raw) == Lead(
        vendor_id="5d0c8e4f1b2a49c7a6e3f9017d84c2be",
        street="9021 E Saltbush Ridge Ln",
        city="Meridian Wells",
        state="AZ",
        zip="85997",
        county="Maricopa",
        owner="Odalys Fenwick-Marsh",
        mailing_address="77 Quillfeather Ct, Brambleton Falls, ID, 83899",
        value=487300.0,
        equity=312460.5,
        body=raw,
    )


@pytest.mark.parametrize("address", [None, {}, [], "9 Elm St", 7, {"street": None}, {"street": ["a"]}, {"zip": True}])
@pytest.mark.parametrize("owner", [None, {}, [], "Pat Doe", {"fullName": {}}, {"mailingAddress": []}])
@pytest.mark.parametrize("valuation", [None, {}, [], 5, {"estimatedValue": {}}])
def test_a_field_of_any_type_is_no_trouble(address: object, owner: object, valuation: object) -> None:
    """A column that cannot be read is empty; the record keeps its id and its bytes."""
    raw = _with(address=address, owner=owner, valuation=valuation)
    lead = _lead(raw)
    assert (lead.vendor_id, lead.body) == (RECORD["_id"], raw)
    assert lead[1:10] == (None,) * 9


@pytest.mark.parametrize(
    ("value", "dollars"),
    [
        (487300, 487300.0),
        (0.5, 0.5),
        ("487300", 487300.0),
        ("$487,300.50", 487300.5),
        (-5, -5.0),
        ("unknown", None),
        ("", None),
        ("nan", None),
        ("Infinity", None),
        ([1], None),
        (True, None),
        (None, None),
    ],
)
def test_dollars_as_number_or_text(value: object, dollars: float | None) -> None:
    """The vendor's numbers are sometimes text; what is no amount is none."""
    assert _lead(_with(valuation={"estimatedValue": value})).value == dollars


@pytest.mark.parametrize("number", [b"NaN", b"1e999", b"-1e999", b"9" * 5_000])
def test_an_amount_beyond_all_houses_is_none(number: bytes) -> None:
    """Neither infinity nor NaN reaches the store's column."""
    assert _lead(b'{"_id":"a","valuation":{"estimatedValue":' + number + b"}}").value is None
    assert _lead(b'{"_id":"a","\\ud800":1,"valuation":{"estimatedValue":' + number + b"}}").value is None


def test_one_odd_field_does_not_cost_the_others() -> None:
    """Field by field: a zip that is a number is text, an owner of another type is none, the rest is as ever."""
    lead = _lead(_with(address={**RECORD["address"], "zip": 85997, "city": None}, owner=["nobody"]))  # type: ignore[dict-item]  # a literal's value
    assert (lead.street, lead.city, lead.zip, lead.owner) == ("9021 E Saltbush Ridge Ln", None, "85997", None)
    assert lead.value == 487300.0


@pytest.mark.parametrize("raw", [b"{}", b'{"_id":null}', b'{"_id":""}', b'{"_id":{}}', b"7", b'"x"', b"[]", b"true"])
def test_an_element_without_an_id_is_known_by_its_bytes(raw: bytes) -> None:
    """It was billed, so it is kept, and two that differ never count as one."""
    lead, other = read_page(_page(raw, b'{"_id":"","n":1}')).leads
    assert lead.vendor_id.startswith("sha256-")
    assert lead.vendor_id != other.vendor_id
    assert lead.body == raw
    assert _lead(raw).vendor_id == lead.vendor_id


def test_an_id_that_is_a_number_is_its_digits() -> None:
    """An id of another type is an id still."""
    assert _lead(b'{"_id":42}').vendor_id == "42"


def test_null_elements_are_nothing() -> None:
    """A list member may be null; the others keep their places."""
    page = read_page(_page(b"null", b'{"_id":"a"}', b" null ", b'{"_id":"b"}'))
    assert [lead.vendor_id for lead in page.leads] == ["a", "b"]


@pytest.mark.parametrize(
    "odd",
    [
        ODD,
        b'{"_id":"\\ud800"}',
        b'{"_id":"\xc3("}',
        b'{"_id":"a","address":{"street":"caf\xe9"}}',
        b'{"_id":"a","n":NaN}',
        b'{"_id":"a","n":' + b"[" * LEVELS + b"]" * LEVELS + b"}",
    ],
    ids=["all", "surrogate in the id", "UTF-8 in the id", "UTF-8 in the street", "NaN", "levels"],
)
def test_an_odd_record_changes_nothing_for_the_rest(odd: bytes) -> None:
    """A page that strict parsers refuse is read record by record: the others are as on an orderly page."""
    rest = b',"searchSessionMeta":{"isNewSession":true,"totalDelivered":9},"nextPageCursor":"c"'
    orderly = [_with(_id="a"), _with(_id="b", owner=None), b'{"_id":"c"}']
    fast = read_page(_page(*orderly, rest=rest))
    slow = read_page(_page(odd, *orderly, rest=rest))
    assert slow.leads[1:] == fast.leads
    as_it_came = slow.leads[0].body == odd  # compared by hand: a diff of such bytes would take pytest an hour
    assert as_it_came
    assert (slow.total, slow.is_new, slow.has_cursor) == (9, True, True) == (fast.total, fast.is_new, fast.has_cursor)


@pytest.mark.parametrize("odd", [b"", ODD + b","])
@pytest.mark.parametrize("cursor", [b'"c"', b'""', b"null", b"false", b"7"])
def test_both_ways_read_a_cursor_alike(odd: bytes, cursor: bytes) -> None:
    """Whether there is more is read the same way on an orderly page and on an odd one."""
    page = read_page(_page(odd + b'{"_id":"a"}', rest=b',"nextPageCursor":' + cursor))
    assert page.has_cursor is bool(json.loads(cursor))


@pytest.mark.parametrize("odd", [b"", ODD + b","])
@pytest.mark.parametrize(
    "meta", [b"null", b"[]", b"{}", b'"none"', b"7", b'{"totalDelivered":null}', b'{"totalDelivered":-1}']
)
def test_totals_of_any_type_do_not_cost_the_page(odd: bytes, meta: bytes) -> None:
    """A paid page is kept also where its totals cannot be read; the books then say so."""
    page = read_page(_page(odd + b'{"_id":"a"}', rest=b',"searchSessionMeta":' + meta))
    assert page.leads[-1].vendor_id == "a"
    assert (page.total, page.is_new) == (None, False)


@pytest.mark.parametrize("figure", [b"-1", b"99999999999999999999", b"9" * 5_000, b"true", b'"5"', b"5.5", b"1e3"])
def test_an_impossible_total_is_none(figure: bytes) -> None:
    """What no team can have reached would not go into the store either."""
    rest = b',"searchSessionMeta":{"totalDelivered":' + figure + b',"isNewSession":true}'
    for odd in (b"", ODD + b","):
        assert read_page(_page(odd + b'{"_id":"a"}', rest=rest)).total is None


def test_a_broken_total_does_not_hide_that_a_session_is_new() -> None:
    """`isNewSession` decides whether a whole list is bought again: it is read also where its neighbour is odd."""
    rest = b',"searchSessionMeta":{"totalDelivered":"odd","isNewSession":true}'
    assert read_page(_page(b'{"_id":"a"}', rest=rest)).is_new


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results":{}}', b"<html>", b'{"results":{"properties":{}}}', b"[]"])
def test_what_is_no_page(body: bytes) -> None:
    """Without a list of properties there is no page."""
    with pytest.raises(NotAPage):
        read_page(body)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = {"_id": ANY, "address": ANY, "owner": ANY, "valuation": ANY}
DEEPER = {
    "_id": st.text(max_size=3),
    "address": st.dictionaries(st.sampled_from(["street", "city", "state", "zip", "county"]), ANY),
    "owner": st.dictionaries(st.sampled_from(["fullName", "mailingAddress"]), ANY | st.just({"street": 7, "zip": "x"})),
    "valuation": st.dictionaries(st.sampled_from(["estimatedValue", "equityCurrentEstimatedBalance"]), ANY),
}
RECORDS = st.fixed_dictionaries({}, optional=FIELDS) | st.fixed_dictionaries({}, optional=DEEPER) | ANY


@given(st.lists(RECORDS, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_no_record_costs_a_page(records: list[Any], indent: int | None, ascii_only: bool) -> None:
    """Whatever is in the records, the page is read: each has an id, columns that can be stored, and its bytes."""
    raws = [
        json.dumps(each, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for each in records
    ]
    leads = read_page(_page(*raws)).leads
    assert [lead.body for lead in leads] == [raw for raw in raws if raw != b"null"]
    for lead in leads:
        assert lead.vendor_id.encode()
        assert all(text is None or text.encode() is not None for text in lead[1:8])
        assert all(amount is None or abs(amount) <= 1e308 for amount in lead[8:10])


@pytest.mark.parametrize("odd", [b"null", b'{"_id":"b"}', ODD], ids=["null", "orderly", "odd"])
def test_a_large_reply_is_read_record_by_record_to_the_same_records(odd: bytes) -> None:
    """One after another they are those of the page, whether strict parsers take it or not."""
    body = _page(_with(_id="a"), odd, b'{"_id":"c"}')
    assert tuple(leads_of(body)()) == read_page(body).leads


def test_a_large_reply_that_is_none_brings_no_record() -> None:
    """As with a page, this is known before the first record."""
    with pytest.raises(NotAPage):
        leads_of(b"<html>")
