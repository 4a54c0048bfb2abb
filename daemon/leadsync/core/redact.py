"""Taking out of a text what must never be in a log line (P11).

That is credentials, phones, e-mails, query strings and the paths of webhooks.
"""

import re
from typing import Final

MASK: Final = "***"

_PATTERNS: Final = (
    # A URL keeps its host and path; its query may hold anything, and a path under /hooks/ is itself the credential.
    (re.compile(r"(?i)\b(https?://)[^/\s@]{1,200}@"), rf"\1{MASK}@"),
    (re.compile(r"(?<=[\w/])\?[\w%][^\s\"'<>]*"), f"?{MASK}"),
    (re.compile(r"/hooks/[^\s\"'<>]*"), f"/hooks/{MASK}"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), rf"\1 {MASK}"),
    (re.compile(r"(?i)\b(basic)\s+[\w+/-]{12,}={0,2}"), rf"\1 {MASK}"),
    (
        re.compile(
            r"(?i)(authorization|x-api-key|token|api[_-]?key|secret|password)(\W?\s{0,4}[:=]\s{0,4}[\"']?)[^\s,;\"']+"
        ),
        rf"\1\2{MASK}",
    ),
    # The lengths are bounded so that a long line of a library cannot make this slow.
    (re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), MASK),
    # Phones as people write them, and ten or eleven digits in a row; ids and keys have letters beside their digits.
    (
        re.compile(r"(?<![\w-])(?:\+?\d{1,3}[\s.-]?)?(?:\(\d{3}\)[\s.-]?|\d{3}[\s.-])\d{3}[\s.-]?\d{4}(?![\w-]|\.\d)"),
        MASK,
    ),
    (re.compile(r"(?<![\w.-])\+?1?\d{10}(?![\w-]|\.\d)"), MASK),
)


def redact(text: str) -> str:
    """Return the text with everything masked that looks like a secret or like personal data."""
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    return text
