"""Phones and e-mail addresses of owners, each in one spelling, and whether the owner may be called.

What says "do not call" in any form is believed; only what clearly says the opposite is. A vendor that says nothing
leaves it unknown, which is neither.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import phonenumbers

Kind: TypeAlias = Literal["phone", "email"]

HOME: Final = "US"
"""The country of a number that names none."""

EMAIL_MAX_CHARS: Final = 254
TYPE_MAX_CHARS: Final = 32

_EMAIL: Final = re.compile(r"[^\s@<>\"(),;:\\\[\]]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")
_NO: Final = frozenset({"n", "no", "f", "false", "0", "off", "callable", "clear", "not listed"})
_NOTHING_SAID: Final = frozenset({"", "u", "unknown", "null", "none", "na", "n/a", "-", "?"})
_TYPES: Final = {
    "w": "mobile",
    "wireless": "mobile",
    "cell": "mobile",
    "mobile": "mobile",
    "l": "landline",
    "land line": "landline",
    "landline": "landline",
    "residential": "landline",
    "v": "voip",
    "voip": "voip",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach an owner: a phone in E.164 or an e-mail address in lower case; never shown in a log.

    `type` is mobile, landline, voip, or the vendor's word in lower case; "" where it has none. `do_not_call` is None
    where nobody said.
    """

    kind: Kind
    value: str = field(repr=False)
    type: str = ""
    do_not_call: bool | None = None


def phone_of(text: str) -> str | None:
    """Return a phone number in E.164, such as +16025550117; None where it can be none."""
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_of(text: str) -> str | None:
    """Return an e-mail address in lower case; None where it can be none."""
    address = text.strip().lower().removeprefix("mailto:")
    return address if len(address) <= EMAIL_MAX_CHARS and _EMAIL.fullmatch(address) else None


def type_of(word: Any) -> str:
    """Return the vendor's word for a kind of phone or address in our spelling."""
    plain = " ".join(word.lower().replace("_", " ").split()) if isinstance(word, str) else ""
    return _TYPES.get(plain, plain[:TYPE_MAX_CHARS])


def do_not_call(entry: Mapping[str, Any]) -> bool | None:
    """Say whether a phone's entry forbids to call it: by any of its members that speaks of that, the strictest wins."""
    return strictest(_forbids(value) for name, value in entry.items() if _speaks_of_calls(name))


def together(contacts: Iterable[Contact]) -> tuple[Contact, ...]:
    """Return each contact once, in the order of their first; of two that are the same the stricter flag holds."""
    found: dict[tuple[Kind, str], Contact] = {}
    for contact in contacts:
        first = found.setdefault((contact.kind, contact.value), contact)
        flag = strictest((first.do_not_call, contact.do_not_call))
        found[contact.kind, contact.value] = replace(first, type=first.type or contact.type, do_not_call=flag)
    return tuple(found.values())


def _speaks_of_calls(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "")
    return "dnc" in plain or "donotcall" in plain or plain in {"tcpa", "litigator"}


def _forbids(value: Any) -> bool | None:
    match value:
        case None:
            return None
        case Mapping():
            return strictest(map(_forbids, value.values()))
        case list():
            return strictest(map(_forbids, value))
        case str():
            word = value.strip().lower()
            return None if word in _NOTHING_SAID else word not in _NO
        case _:
            return bool(value)


def strictest(flags: Iterable[bool | None]) -> bool | None:
    """Return which of some flags holds: what forbids does, then what allows."""
    said = {flag for flag in flags if flag is not None}
    return (True in said) if said else None
