"""A world of fictional properties: the same seed gives the same bytes, and a million of them start at once.

A record is made when it is asked for, by filling the blanks of its mould's template: about 5 us each.
"""

from binascii import hexlify
from functools import lru_cache
from hashlib import blake2b

from leadsync.simulator.moulds import MOULDS, Mould, draw_mould
from leadsync.simulator.records import template

__all__ = ["World"]

FIRST_NAMES = (b"Odalys", b"Trevin", b"Marisol", b"Anselm", b"Junia", b"Corwin", b"Thea", b"Lucan")
LAST_NAMES = (b"Fenwick", b"Holloway", b"Marsh", b"Okonjo", b"Petrakis", b"Quillan", b"Rowe", b"Szabo", b"Tully")


class World:
    """`size` properties, numbered from 0; each is JSON of about `record_bytes` bytes in the vendor's shape."""

    def __init__(self, seed: int, size: int, record_bytes: int = 2_400) -> None:
        self.seed = seed
        self.size = size
        self.record_bytes = record_bytes
        self._salt = f"{seed}".encode()[:16].ljust(16, b"\0")
        # Each world keeps its own; the world lives as long as the test that made it.
        self.mould = lru_cache(maxsize=MOULDS)(self._draw_mould)
        self._template = lru_cache(maxsize=MOULDS)(self._draw_template)

    def grow(self, count: int) -> None:
        """Add that many new properties after the last one."""
        self.size += count

    def id_of(self, index: int) -> str:
        """The `_id` of a property: 32 hex characters."""
        return self._digest(index).hex()[:32]

    def record(self, index: int) -> bytes:
        """The whole record of a property, as JSON."""
        return self._template(index % MOULDS) % self._filling(index)

    def _draw_mould(self, number: int) -> Mould:
        return draw_mould(self.seed, number)

    def _draw_template(self, number: int) -> bytes:
        return template(self.mould(number), f"record {self.seed} {number}", self.record_bytes)

    def _digest(self, index: int) -> bytes:
        return blake2b(b"%d" % index, digest_size=32, salt=self._salt).digest()

    def _filling(self, index: int) -> dict[bytes, bytes]:
        digest = self._digest(index)
        letters = hexlify(digest)
        draw = int.from_bytes(digest[16:20])
        value = 80_000 + draw % 9_000 * 100
        equity = draw % 101
        digits = b"%d" % (1_000 + draw % 8_999)
        return {
            b"id": letters[:32],
            b"hash": letters[32:],
            b"number": b"%d" % index,
            b"digits": digits,
            b"pair": digits[:2],
            b"first": FIRST_NAMES[draw % 8],
            b"last": LAST_NAMES[draw % 9],
            b"value": b"%d" % value,
            b"balance": b"%d" % (value * (100 - equity) // 100),
            b"equity": b"%d" % equity,
        }
