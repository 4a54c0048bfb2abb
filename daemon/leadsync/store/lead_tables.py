"""The rows of what was bought: which page brought which property, with the vendor's bytes, and in which order.

The page path writes them with the driver's `executemany`; no ORM object is made there.
"""

from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel


class Property(SQLModel, table=True):
    """An index over what was bought, one row an account and vendor id; for filtering, so any column may be null."""

    __tablename__: ClassVar[Any] = "property"
    __table_args__ = (UniqueConstraint("account", "vendor_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account: str
    vendor_id: str
    first_delivery: int
    last_delivery: int
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    county: str | None = None
    owner: str | None = None
    mailing_address: str | None = None
    value: float | None = None
    equity: float | None = None


class Delivery(SQLModel, table=True):
    """What was bought, append-only: a page brought a property, with these bytes.

    `redelivered`: the account had it before. The unique constraint begins with the property, so that it also answers
    'was this one delivered in this epoch'.
    """

    __tablename__: ClassVar[Any] = "delivery"
    __table_args__ = (UniqueConstraint("property_id", "page_id"),)

    id: int | None = Field(default=None, primary_key=True)
    page_id: int = Field(foreign_key="page.id")
    property_id: int = Field(foreign_key="property.id")
    redelivered: bool
    body: bytes = Field(sa_type=LargeBinary)


class Change(SQLModel, table=True):
    """The numbers that `export --since` counts by, in commit order; a number is never given twice."""

    __tablename__: ClassVar[Any] = "change"
    __table_args__ = (Index("change_by_delivery", "delivery_id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id")
