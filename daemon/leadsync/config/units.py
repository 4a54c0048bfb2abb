"""Values that carry their unit: "15m", "64MiB", dollars, URLs and zones, each read in one way and refused in one line.

A number without a unit is never guessed at.
"""

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from leadsync.config.wording import shown
from leadsync.errors import did_you_mean

DURATION = re.compile(
    r"(?=.)(?:(?P<weeks>[0-9]{1,4})w)?(?:(?P<days>[0-9]{1,5})d)?"
    r"(?:(?P<hours>[0-9]{1,6})h)?(?:(?P<minutes>[0-9]{1,8})m)?(?:(?P<seconds>[0-9]{1,9})s)?"
)
DURATION_MAX = timedelta(days=3650)
SIZE = re.compile(r"([0-9]{1,12}) ?(B|KB|MB|GB|KiB|MiB|GiB)")
SIZE_UNITS = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
DOLLARS_MAX = 1_000_000_000
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


def duration(value: object) -> timedelta:
    """Read `"30s"`, `"15m"`, `"2h"`, `"90d"`, `"1w"` or a sum, largest first, such as `"1h30m"`; at most ten years."""
    if isinstance(value, timedelta):
        return value
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'must be a duration such as "30s", "15m", "2h", "90d" or "1h30m", not {shown(value)}')
    length = timedelta(**{unit: int(count) for unit, count in found.groupdict(default="0").items()})
    if length > DURATION_MAX:
        raise ValueError(f'must be at most "{DURATION_MAX.days}d", not {shown(value)}')
    return length


def duration_text(length: timedelta) -> str:
    """Write a duration as `duration` reads it, in whole seconds: `15m`, `1h30m`, `90d`."""
    seconds = int(length.total_seconds())
    text = ""
    for unit, unit_s in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, unit_s)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def a_second_at_least(length: timedelta) -> timedelta:
    """Refuse a duration that would spin or end at once."""
    if length < timedelta(seconds=1):
        raise ValueError('must be at least "1s"')
    return length


def size(value: object) -> int:
    """Read `"64MiB"` or `"500KB"` as a number of bytes, at least one."""
    found = SIZE.fullmatch(value) if isinstance(value, str) else None
    size_bytes = int(found[1]) * SIZE_UNITS[found[2]] if found else 0
    if size_bytes < 1:
        raise ValueError(f'must be a size such as "64MiB" or "500KB", not {shown(value)}')
    return size_bytes


def dollars(value: object) -> Decimal:
    """Read an amount of US dollars exactly as it is written: 0.01 is one cent, never 0.01000000000000000020."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"must be an amount of US dollars such as 0.01 or 500, not {shown(value)}"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors alone
    if not 0 <= value <= DOLLARS_MAX:  # nan is refused here too
        raise ValueError(f"must be an amount from 0 to {DOLLARS_MAX:,} US dollars, not {shown(value)}")
    return Decimal(str(value))


def zone(value: object) -> ZoneInfo:
    """Read the name of an IANA time zone, such as `America/Phoenix`."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError, a folder's name an OSError
        hint = did_you_mean(value, available_timezones())
        message = f'must be a time zone such as "UTC" or "America/Phoenix", not {shown(value)}{hint}'
        raise ValueError(message) from error


def url(value: object) -> str:
    """Read a base URL: https, or http to this machine alone; returned without its last slash.

    The value is never shown: people put passwords into URLs.
    """
    parts = _split(value)
    if parts is None or parts.hostname is None or not HOST.fullmatch(parts.hostname):
        raise ValueError('must be a URL such as "https://api.example.com"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or a password: this file is no place for secrets")
    if "?" in str(value) or "#" in str(value):
        raise ValueError("must end with its path: no ? and no #")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("must begin with https:// (http:// is for 127.0.0.1, ::1 and localhost alone)")
    return str(value).rstrip("/")


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not value.isprintable() or " " in value or "\\" in value:
        return None
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # a port that is no number, half an IPv6 address
        return None
    return None if port == 0 else parts


def is_loopback(host: str) -> bool:
    """Say whether a host name means this machine, without asking any resolver."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen_address(value: object) -> str:
    """Read `host:port`, the port from 1 to 65535; an IPv6 address stands in brackets."""
    parts = _split(f"//{value}") if isinstance(value, str) else None
    whole = parts is not None and parts.netloc == value and "@" not in parts.netloc
    if parts is None or not whole or parts.hostname is None or parts.port is None:
        raise ValueError(f'must be an address and a port such as "127.0.0.1:8480", not {shown(value)}')
    return str(value)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of what `listen_address` has let through."""
    parts = urlsplit(f"//{address}")
    return parts.hostname or "", parts.port or 0


def loopback_address(value: object) -> str:
    """Read `host:port` of this machine alone."""
    address = listen_address(value)
    if not is_loopback(split_address(address)[0]):
        raise ValueError(f"must be an address of this machine alone, such as 127.0.0.1:8481, not {shown(value)}")
    return address


def ip_address(value: object) -> str:
    """Read a network address, without a port."""
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise ValueError(f'must be a network address such as "127.0.0.1" or "::1", not {shown(value)}') from error


DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^(?=.)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$",
    "examples": ["30s", "15m", "1h30m", "90d"],
}
SIZE_SCHEMA = {
    "type": "string",
    "pattern": r"^\d+ ?(B|KB|MB|GB|KiB|MiB|GiB)$",
    "examples": ["500KB", "64MiB"],
}
DOLLARS_SCHEMA = {"type": "number", "minimum": 0}
ZONE_SCHEMA = {"type": "string", "examples": ["UTC", "America/Phoenix"]}
URL_SCHEMA = {"type": "string", "format": "uri"}

Duration = Annotated[timedelta, BeforeValidator(duration), WithJsonSchema(DURATION_SCHEMA)]
PositiveDuration = Annotated[
    timedelta, BeforeValidator(duration), AfterValidator(a_second_at_least), WithJsonSchema(DURATION_SCHEMA)
]
Size = Annotated[int, BeforeValidator(size), WithJsonSchema(SIZE_SCHEMA)]
Dollars = Annotated[Decimal, BeforeValidator(dollars), WithJsonSchema(DOLLARS_SCHEMA)]
Zone = Annotated[ZoneInfo, BeforeValidator(zone), WithJsonSchema(ZONE_SCHEMA)]
Url = Annotated[str, BeforeValidator(url), WithJsonSchema(URL_SCHEMA)]
ListenAddress = Annotated[str, BeforeValidator(listen_address)]
LoopbackAddress = Annotated[str, BeforeValidator(loopback_address)]
IpAddress = Annotated[str, BeforeValidator(ip_address)]
