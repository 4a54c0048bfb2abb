r"""JSON read the patient way: without recursion, and deaf to what strict parsers refuse.

The vendor's bytes are paid for, so a lone surrogate, a NaN, broken UTF-8 or a hundred thousand levels must not lose a
page. `members` and `elements` cut an object or an array into the bytes of its values; `one_line` makes any value valid
JSON in valid UTF-8 on one line. Text that is cut off in the middle is no value: `NotJson`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec


class NotJson(ValueError):
    """The bytes are not one whole JSON value, even read with patience."""


LOOSE_LEVELS: Final = 8
"""A record of the vendors has six."""

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s"\[\]{},:]+|"', re.DOTALL)
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORDS: Final = frozenset({b"true", b"false", b"null"})
_BRACKETS: Final = {b"]": b"[", b"}": b"{"}


def members(text: bytes) -> dict[str, bytes]:
    """Cut an object into its members' bytes; the last of equal names wins. Raises NotJson."""
    found: dict[str, bytes] = {}
    for part in _parts(text, b"{"):
        name = _TOKEN.match(part)
        if name is None or len(name[0]) == 1 or name[0][:1] != b'"':
            raise NotJson("a member has no name")
        rest = part[name.end() :].lstrip()
        if rest[:1] != b":":
            raise NotJson("a member has no value")
        found[text_of(name[0])] = rest[1:].strip()
    return found


def elements(text: bytes) -> list[bytes]:
    """Cut an array into its elements' bytes. Raises NotJson."""
    return list(_parts(text, b"["))


def one_line(text: bytes) -> bytes:
    """Return the value as valid JSON and UTF-8 on one line.

    What JSON cannot say becomes what comes nearest: NaN null, a lone surrogate U+FFFD. Raises NotJson where the text
    breaks JSON's grammar, so that it has no value at all.
    """
    out: list[bytes] = []
    for token in _grammatical(text):
        if token[:1] == b'"':
            out.append(json.dumps(text_of(token), ensure_ascii=False).encode())
        elif len(token) == 1 and token in b"[]{},:":
            out.append(token)
        else:
            out.append(token if token in _WORDS or _NUMBER.fullmatch(token) else b"null")
    return b"".join(out)


def loosely(text: bytes, levels: int = LOOSE_LEVELS) -> Any:
    """Read a value as far as it can be read: what is broken, or lies deeper than that, is None beside all the rest."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        match text.lstrip()[:1] if levels else b"":
            case b"{":
                return {name: loosely(value, levels - 1) for name, value in members(text).items()}
            case b"[":
                return [loosely(value, levels - 1) for value in elements(text)]
            case b'"':
                return text_of(text.strip())
            case _:
                return None
    except NotJson:
        return None


def text_of(token: bytes) -> str:
    """Decode a JSON string with its quotes; a lone surrogate or a broken byte becomes U+FFFD."""
    try:
        loose = str(json.loads(token.decode("utf-8", "replace"), strict=False))
    except ValueError:
        loose = token[1:-1].decode("utf-8", "replace")
    return loose.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parts(text: bytes, opening: bytes) -> Iterator[bytes]:
    """Yield the stripped bytes between the commas of the outermost bracket."""
    begin = len(text) - len(text.lstrip())
    if text[begin : begin + 1] != opening:
        raise NotJson(f"expected {opening.decode()}")
    inside: list[bytes] = []
    start = begin + 1
    for token in _TOKEN.finditer(text, begin):
        mark = token[0]
        if mark in _BRACKETS.values():
            inside.append(mark)
        elif mark == b'"' or (mark in _BRACKETS and inside.pop() != _BRACKETS[mark]):
            raise NotJson("a string or a bracket is not closed")
        if not inside or (len(inside) == 1 and mark == b","):
            part = text[start : token.start()].strip()
            if part:
                yield part
            start = token.end()
        if not inside:
            break
    if inside or text[start:].strip():
        raise NotJson("the text is cut off, or goes on after its end")


# JSON's grammar: what may come, the kind of token that comes, what may come then. `"` is a string, `0` any other
# scalar, `.` what follows a value: the enclosing bracket tells.
_GRAMMAR: Final[dict[tuple[str, bytes], str]] = {
    ("value", b'"'): ".",
    ("value", b"0"): ".",
    ("value", b"["): "item or ]",
    ("value", b"{"): "name or }",
    ("item or ]", b'"'): ".",
    ("item or ]", b"0"): ".",
    ("item or ]", b"["): "item or ]",
    ("item or ]", b"{"): "name or }",
    ("item or ]", b"]"): ".",
    ("name or }", b'"'): "colon",
    ("name or }", b"}"): ".",
    ("name", b'"'): "colon",
    ("colon", b":"): "value",
    (". in [", b","): "value",
    (". in [", b"]"): ".",
    (". in {", b","): "name",
    (". in {", b"}"): ".",
}


def _grammatical(text: bytes) -> Iterator[bytes]:
    """Yield the tokens of exactly one value. Raises NotJson at the first that JSON's grammar does not allow."""
    inside: list[bytes] = []
    may_come = "value"
    for match in _TOKEN.finditer(text):
        token = match[0]
        kind = token if len(token) == 1 and token in b'[]{},:"' else b'"' if token[:1] == b'"' else b"0"
        if token == b'"' or (may_come, kind) not in _GRAMMAR:
            raise NotJson("the text breaks JSON's grammar")
        may_come = _GRAMMAR[may_come, kind]
        if kind in (b"[", b"{"):
            inside.append(kind)
        elif kind in _BRACKETS:
            inside.pop()
        if may_come == ".":
            may_come = f". in {inside[-1].decode()}" if inside else "end"
        yield token
    if may_come != "end":
        raise NotJson("the text is cut off")
