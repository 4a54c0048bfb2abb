"""The vendor's bytes as JSON text: valid, in valid UTF-8, on one line, the same in every format."""

import re
from typing import Final

import msgspec

from leadsync.core.scan import NotJson, one_line

_any_json: Final = msgspec.json.Decoder(msgspec.Raw)
_encoder: Final = msgspec.json.Encoder()

# The fast decoder skips strings unread: a lone surrogate or a bare control character may hide there, and a line break
# is also what makes one line two. Deleting bytes and looking for two of them costs a twentieth of one regular
# expression for both.
_CONTROLS: Final = bytes(range(0x20))
_surrogate: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def json_of(body: bytes) -> bytes:
    """Return the vendor's bytes as valid JSON and UTF-8 on one line, whatever the vendor sent.

    What is no JSON even with patience becomes a JSON string of its text: it was paid for, so it is shown.
    """
    try:
        _any_json.decode(body)
        body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _patiently(body)
    return _patiently(body) if _doubtful(body) else body


def _doubtful(body: bytes) -> bool:
    if len(body.translate(None, _CONTROLS)) != len(body):
        return True
    return b"\\u" in body and _surrogate.search(body) is not None


def _patiently(body: bytes) -> bytes:
    try:
        return one_line(body)
    except NotJson:
        return _encoder.encode(body.decode("utf-8", "replace"))
