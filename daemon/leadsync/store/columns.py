"""What a column may hold that SQL has no type for: moments, and money."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import DateTime, Dialect, TypeDecorator

MICROS: Final = 1_000_000
"""Micro-dollars in a US dollar: prices go down to a hundredth of a cent, and sums stay whole numbers."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime. SQLite keeps no offset, so UTC goes in and UTC comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody knows what they mean."""
        if value is not None and value.tzinfo is None:
            raise TypeError(f"a time without an offset cannot be stored in {dialect.name}")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back UTC."""
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
