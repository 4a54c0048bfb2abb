"""Read-only views of the store: they write nothing to it, and work beside a daemon.

The doctor alone asks a vendor, and only what is free; what the plan wants of one, others ask for.
Each builds one plain JSON-able structure; `text` shows the same to a person.
"""

from typing import Final

SCHEMA_VERSION: Final = 1
"""Of every `--json` output: it changes when a name that others read changes its meaning."""
