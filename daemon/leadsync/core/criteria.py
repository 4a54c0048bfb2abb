"""Which list a job asks for, as a hash: kept with the epoch, so that a changed or repeated list is noticed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def criteria_hash(search: Mapping[str, Any], sort: object) -> str:
    """Return 32 hex characters for `[search]` and the sort; the order of keys does not matter, that of lists does."""
    text = json.dumps([search, sort], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
