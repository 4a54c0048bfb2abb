"""The address of a webhook: what a result is about, and the proof that this installation has given the address out.

`/hooks/{kind}/{subject}.{mac}`. No vendor signs its results, so the address is the credential. The MAC is made with a
secret drawn with the store, over the installation's name, the kind and the subject: it is checked without a look at any
row. So a result that comes after a restore is still known, and a copied store, which is an installation of its own,
knows nothing of what was meant for the original.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MAC_BYTES: Final = 16
"""Half of HMAC-SHA256: 2^128 guesses are as much out of reach, and a batch names a thousand addresses in 256 KB."""

_PATH: Final = re.compile(
    r"/hooks/(?P<kind>[a-z-]{1,32})/(?P<subject>[A-Za-z0-9_-]{1,128})\.(?P<mac>[A-Za-z0-9_-]{22})"
)


class Address(NamedTuple):
    """What a webhook is about: the kind, which says who reads it, and the id of what was asked for."""

    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class HookKey:
    """What addresses are made and known with."""

    installation: str
    secret: bytes = field(repr=False)


def hook_url(public_url: str, key: HookKey, address: Address) -> str:
    """Return the URL that a vendor is given. `public_url` has no slash at its end.

    Raises ValueError for a kind or a subject that no address can carry.
    """
    path = f"/hooks/{address.kind}/{address.subject}.{_mac(key, address)}"
    if _PATH.fullmatch(path) is None:
        raise ValueError(f"no webhook can be about {address!r}")
    return public_url + path


def address_of(key: HookKey, path: str) -> Address | None:
    """Return what the path is about, None where this installation has not given it out; in constant time."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    address = Address(found["kind"], found["subject"])
    return address if hmac.compare_digest(_mac(key, address), found["mac"]) else None


def _mac(key: HookKey, address: Address) -> str:
    """The newline can occur in none of the three, so no two addresses have the same text."""
    text = "\n".join((key.installation, *address)).encode()
    digest = hmac.new(key.secret, text, hashlib.sha256).digest()[:MAC_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
