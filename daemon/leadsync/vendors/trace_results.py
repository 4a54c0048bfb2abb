"""Reading what RealEstateAPI sends back of each owner: three shapes, several ways to say that nobody was found.

What says neither is `Unreadable`: it may be money, and unknown never counts as a miss. So is an owner over whom the
vendor failed (500 in the body): it is missing, and whoever looks sees why.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from leadsync.core.contacts import Contact, do_not_call, email_of, phone_of, together, type_of
from leadsync.core.letters import Unreadable, Why
from leadsync.core.loose import count_of, line_of, list_of, object_of
from leadsync.core.trace_replies import Awaited, AwaitReply, ItemResult
from leadsync.vendors.records import REFUSALS
from leadsync.vendors.trace_wire import inner_status, without_answer

_PHONE_NAMES: Final = ("phone", "number", "phoneNumber", "phoneDisplay")
_EMAIL_NAMES: Final = ("email", "address", "emailAddress")
_FINDINGS: Final = ("phones", "emails", "names")


def read_item(content: bytes) -> ItemResult:
    """Read one owner's callback. Raises Unreadable."""
    return _item(_decoded(content))


def read_completion(content: bytes) -> str | None:
    """Return which batch is said to be done; that it came counts, so it may lack even that. Raises Unreadable.

    Its figures are let be: nobody has written down their names, and what was found is counted by what comes.
    """
    said = object_of(_decoded(content)) if content.strip() else {}
    return _named("batchId", said, object_of(said.get("data")))


def decipher_await(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> AwaitReply:
    """Turn the reply of the endpoint that answers at once into its results. `headers` are lower-case.

    Its shape is OPEN: the first list of objects is taken, wherever it stands; one owner's may come without a list.
    """
    try:
        entries = _entries(msgspec.json.decode(body)) if status // 100 == 2 else []  # noqa: PLR2004 - 2xx
    except REFUSALS:
        entries = []
    results: list[ItemResult] = []
    for entry in entries:
        try:
            results.append(_item(entry))
        except Unreadable:
            continue
    return (
        Awaited(tuple(results), len(entries) - len(results)) if results else without_answer(status, headers, body, now)
    )


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except REFUSALS:
        raise Unreadable(Why.NOT_READABLE, "it is not JSON that can be read") from None


def _entries(read: Any) -> list[Any]:
    """The first list of objects, at the root or one or two levels below."""
    if isinstance(read, list):
        return read if any(isinstance(entry, Mapping) for entry in read) else []
    if _key(object_of(read)) is not None:
        return [read]
    inside = [value for value in object_of(read).values() if isinstance(value, list | Mapping)]
    return next((found for value in inside if (found := _entries(value))), [])


def _item(read: Any) -> ItemResult:
    root = object_of(read)
    data = object_of(root.get("data"))
    blocks = list(_blocks(root, data))
    contacts = _contacts(blocks)
    return ItemResult(
        _key(root),
        _named("batchId", root, data),
        _named("batchRequestId", root, data),
        bool(contacts) or _is_match(root, data, blocks),
        contacts,
    )


def _blocks(root: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each object that may hold what was found."""
    for place in (root, data):
        output = object_of(place.get("output"))
        yield from map(object_of, list_of(place.get("persons")))
        yield from (object_of(output.get("identity")), output, object_of(place.get("identity")), place)


def _is_match(root: Mapping[str, Any], data: Mapping[str, Any], blocks: list[Mapping[str, Any]]) -> bool:
    """Say whether somebody was found without a phone or an address: by the status, the flag, then by what there is."""
    status = inner_status(root) or inner_status(data)
    if status >= HTTPStatus.BAD_REQUEST:
        if status != HTTPStatus.NOT_FOUND:
            raise Unreadable(Why.NOT_READABLE, f"the vendor failed over this owner: {status}")
        return False
    for place in (root, data):
        flag = place.get("match")
        if isinstance(flag, bool):
            return flag
    found = [block[name] for block in blocks for name in _FINDINGS if name in block]
    found += [place["persons"] for place in (root, data) if "persons" in place]
    if found:
        return any(map(list_of, found))
    raise Unreadable(Why.NOT_READABLE, "it says neither who was found nor that nobody was")


def _contacts(blocks: list[Mapping[str, Any]]) -> tuple[Contact, ...]:
    """Return what can be called or written to; entries that can be neither are no contacts."""
    phones = [_phone(entry) for block in blocks for entry in list_of(block.get("phones")) if entry is not None]
    emails = [_email(entry) for block in blocks for entry in list_of(block.get("emails")) if entry is not None]
    return together([contact for contact in (*phones, *emails) if contact is not None])


def _phone(entry: Any) -> Contact | None:
    said = object_of(entry)
    value = next(filter(None, map(phone_of, _texts(entry, _PHONE_NAMES))), None)
    kind = type_of(said.get("phoneType", said.get("type")))
    return Contact("phone", value, kind, do_not_call(said)) if value else None


def _email(entry: Any) -> Contact | None:
    said = object_of(entry)
    value = next(filter(None, map(email_of, _texts(entry, _EMAIL_NAMES))), None)
    return (
        Contact("email", value, type_of(said.get("emailType", said.get("type"))), do_not_call(said)) if value else None
    )


def _texts(entry: Any, names: tuple[str, ...]) -> list[str]:
    """The value itself where it is a text or a number, else its members of these names."""
    return [line_of(value) for value in (entry, *map(object_of(entry).get, names))]


def _key(root: Mapping[str, Any]) -> int | None:
    data = object_of(root.get("data"))
    places = (object_of(root.get("input")), root, object_of(data.get("input")), data)
    return next((key for place in places if (key := count_of(place.get("key"))) is not None), None)


def _named(name: str, *places: Mapping[str, Any]) -> str | None:
    return next(filter(None, (line_of(place.get(name)) for place in places)), None)
