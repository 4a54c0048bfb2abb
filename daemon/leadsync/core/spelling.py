"""Names and addresses in one spelling each, so that what is written in two ways is known as one.

Case, accents, spaces, punctuation and the words for streets and units are made alike. What tells two people apart is
never dropped: a unit, a suffix such as Jr. A wrong split pays for a person twice, a wrong merge loses one: where it is
doubtful, two stay two. Each function returns the same for what it has returned.
"""

import re
import unicodedata
from typing import Final

from leadsync.core.street_words import STREET_WORDS, UNIT

SUFFIXES: Final = {
    "JR": "JR",
    "JUNIOR": "JR",
    "SR": "SR",
    "SENIOR": "SR",
    "II": "II",
    "2ND": "II",
    "III": "III",
    "3RD": "III",
    "IV": "IV",
    "4TH": "IV",
    "V": "V",
}
"""What tells father from son: by each spelling the one that it becomes."""

ZIP_DIGITS: Final = 5

_JOINERS: Final = re.compile(r"(?<![0-9])[.'`\u2019]|[.'`\u2019](?![0-9])")
"""`N.E.`, `O'Brien` and `St.` are one word each, but `4.5` is no 45."""

_POST_BOX: Final = re.compile(r"\b(?:P ?O|POST OFFICE) BOX\b")
_PIECES_OF_A_UNIT: Final = re.compile(r"(?<=# )([0-9]+) ([A-Z])(?![^ ])|(?<=# )([A-Z]) ([0-9]+)(?![^ ])")
"""`4 B` and `B 4` after a unit's mark: one letter and one number are one unit."""


def folded(text: str) -> str:
    """Return it in capitals without accents, in compatible characters: `Ñ` is N, a wide A is an A."""
    for _ in range(2):  # a capital may come apart into what another capital is made of
        apart = unicodedata.normalize("NFKD", text.casefold().upper())
        text = "".join(char for char in apart if not unicodedata.combining(char))
    return text


def words(text: str) -> list[str]:
    """Cut a text into its words; `#` is one."""
    joined = _JOINERS.sub("", folded(text)).replace(UNIT, f" {UNIT} ")
    return "".join(char if char.isalnum() or char == UNIT else " " for char in joined).split()


def street_key(text: str) -> str:
    """Return a street's line with its unit in its one spelling: `9 n. Elm Street, Apt 4-B` is `9 N ELM ST # 4B`."""
    whole = _POST_BOX.sub("PO BOX", " ".join(words(text)))
    spelled = [STREET_WORDS.get(word, word) for word in whole.split()]
    marked = [word for at, word in enumerate(spelled) if word != UNIT or spelled[at - 1 : at] != [UNIT]]
    return _PIECES_OF_A_UNIT.sub(r"\1\2\3\4", " ".join(marked))


def names_a_unit(text: str) -> bool:
    """Whether a street's line says which flat."""
    return UNIT in street_key(text).split()


def city_key(text: str) -> str:
    """Return a city in its one spelling: `St. Paul` and `Saint Paul` are one."""
    return " ".join(STREET_WORDS.get(word, word) for word in words(text))


def zip_key(text: str) -> str:
    """Return the five digits of a ZIP or ZIP+4; another country's code as one word."""
    code = "".join(words(text)).replace(UNIT, "")
    return code[:ZIP_DIGITS] if code.isascii() and code.isdigit() else code


def name_key(text: str) -> str:
    """Return a part of a name in its one spelling: `De la Cruz` and `Delacruz`, `O'Brien` and `Obrien` are one each."""
    return "".join(words(text)).replace(UNIT, "")


def suffix_of(text: str) -> str:
    """Return the suffix that a text is, in its one spelling; "" where it is none."""
    return SUFFIXES.get(name_key(text), "")


def without_suffix(text: str) -> tuple[str, str]:
    """Split a name from the suffix at its end: `Marsh, Jr.` is `Marsh` and `JR`; "" where it has none."""
    parts = text.replace(",", " ").split()
    suffix = suffix_of(parts[-1]) if len(parts) > 1 else ""
    return (" ".join(parts[:-1]), suffix) if suffix else (text, "")
