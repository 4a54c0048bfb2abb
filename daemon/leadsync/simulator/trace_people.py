"""What the vendor knows of people: drawn from the seed and from what was asked, so the same person is always the same.

Phones and addresses are of the ranges that are reserved for fiction.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

__all__ = ["MISSES", "SHAPES", "Found", "find", "hit", "miss"]

Json = dict[str, Any]
Shape = Literal["identity", "data", "persons"]
Miss = Literal["flag", "status", "persons"]
SHAPES: tuple[Shape, ...] = ("identity", "data", "persons")
MISSES: tuple[Miss, ...] = ("flag", "status", "persons")
TYPES = {"mobile": "W", "landline": "L", "voip": "V"}


@dataclass(frozen=True, slots=True)
class Found:
    """A person: name, phones as (ten digits, type, do not call), e-mail addresses."""

    name: str
    phones: tuple[tuple[str, str, bool], ...]
    emails: tuple[str, ...]


def find(seed: int, said: tuple[tuple[str, str], ...], match_rate: float) -> Found | None:
    """Look for whom these words mean, None where nobody is known."""
    words = dict(said)
    digest = blake2b(repr(said).encode(), digest_size=16, salt=f"{seed}".encode()[:16].ljust(16, b"\0")).digest()
    if int.from_bytes(digest[:4]) / 2**32 >= match_rate:
        return None
    name = f"{words.get('first_name', 'Resident')} {words.get('last_name', 'Unknown')}"
    kinds = tuple(TYPES)
    phones = tuple(
        (f"{201 + byte}55501{digest[at + 1] % 100:02}", kinds[byte % 3], byte % 4 == 0)
        for at, byte in enumerate(digest[4 : 4 + digest[8] % 4], 4)
    )
    emails = tuple(f"{digest[9 + at :].hex()[:10]}@example.com" for at in range(digest[9] % 3))
    return Found(name, phones, emails)


def hit(found: Found, shape: Shape) -> Json:
    """What is said of a person who was found, beside the ids."""
    first, _, last = found.name.partition(" ")
    match shape:
        case "identity":
            phones = [
                {"phone": digits, "phoneType": kind, "doNotCall": dnc, "isConnected": True}
                for digits, kind, dnc in found.phones
            ]
            emails = [{"email": email, "emailType": "personal"} for email in found.emails]
            names = [{"firstName": first, "lastName": last, "fullName": found.name}]
            identity = {"names": names, "phones": phones, "emails": emails}
            return {"match": True, "statusCode": 200, "output": {"identity": identity}}
        case "data":
            phones = [{"phone": digits, "type": kind, "dnc": dnc} for digits, kind, dnc in found.phones]
            emails = [{"email": email, "type": "personal"} for email in found.emails]
            return {"data": {"names": [found.name], "phones": phones, "emails": emails}}
        case "persons":
            flagged = [
                {"phone": digits, "phoneType": TYPES[kind], "phoneFtcDnc": "Y" if dnc else "N"}
                for digits, kind, dnc in found.phones
            ]
            person = {"name": {"first": first, "last": last}, "phones": flagged, "emails": list(found.emails)}
            return {"statusCode": 200, "persons": [person]}


def miss(shape: Miss) -> Json:
    """What is said of a person whom nobody knows, beside the ids."""
    forms: dict[Miss, Json] = {
        "flag": {"match": False, "statusCode": 200, "output": {}},
        "status": {"statusCode": 404, "statusMessage": "No match found", "persons": []},
        "persons": {"persons": []},
    }
    return forms[shape]
