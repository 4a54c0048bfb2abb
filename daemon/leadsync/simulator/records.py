"""What a property looks like: the vendor's record as JSON with blanks, one for each mould.

Everything is made up. Keys come and go and types vary between records as the vendor's do: ids as string or
number, agents as list or object, empty blocks, null members, `listing` under its old name `mls`.
"""

import random
import re
from typing import Any

import msgspec

from leadsync.simulator.moulds import QUICK_LISTS, Mould

__all__ = ["template"]

Json = dict[str, Any]

# A list's name in records is its name in camelCase, but for two.
FLAGS = {name: re.sub(r"-(\w)", lambda letter: letter[1].upper(), name) for name in QUICK_LISTS} | {
    "in-state-absentee-owner": "absenteeOwnerInState",
    "out-of-state-absentee-owner": "absenteeOwnerOutOfState",
}
ELSEWHERE = (("Brambleton Falls", "Kootenai", "ID", "83899"), ("Cinder Hollow", "Lane", "OR", "97499"))
STREETS = ("Saltbush Ridge Ln", "Quillfeather Ct", "Ember Quail Dr", "Tumblestone Way", "Larkmoor Ave")
DEED_BYTES = 240
DEEDS = (("WD", "Warranty Deed"), ("QC", "Quitclaim Deed"), ("GD", "Grant Deed"), ("TD", "Trustee's Deed"))


def template(mould: Mould, seed: str, record_bytes: int) -> bytes:
    """A record of about `record_bytes` bytes with its blanks as `%(name)b`, to be filled with the bytes operator.

    Blanks: id, hash, number (the index), digits (four), pair (two of them), first, last, value, balance, equity.
    A record is never cut: one that is larger by itself stays so; a smaller one gets more deeds.
    """
    rng = random.Random(seed)
    record = _record(mould, rng)
    missing = record_bytes - len(msgspec.json.encode(record))
    while missing > DEED_BYTES / 2:
        deed = _deed(rng, "HOLLOWAY TREVIN J")
        record["deedHistory"].append(deed)
        missing -= len(msgspec.json.encode(deed)) + 1
    return _blanks(msgspec.json.encode(record))


def _blanks(encoded: bytes) -> bytes:
    unquoted = re.sub(rb'"#([-.\d]*)<(\w+)>"', rb"\1%(\2)b", encoded.replace(b"%", b"%%"))
    return re.sub(rb"<(\w+)>", rb"%(\1)b", unquoted)


def _record(mould: Mould, rng: random.Random) -> Json:
    street = rng.choice(STREETS)
    optional = {
        "general": (0.3, {"propertyTypeDetail": "Single Family", "vacant": "vacant" in mould.lists}),
        "building": (0.6, _building(rng)),
        "valuation": (0.95, _valuation(mould)),
        "owner": (0.97, _owner(mould, street, rng)),
        "sale": (0.3, {"lastSale": {"saleDate": _day(rng), "price": "#<value>", "mortgages": [None]}}),
        "foreclosure": (0.3, _foreclosure(mould, rng)),
        rng.choice(("listing", "listing", "listing", "mls")): (0.25, _listing(rng)),
        "demographics": (0.15, {"age": rng.randint(24, 91), "householdSize": rng.randint(1, 6)}),
    }
    return {
        "_id": "<id>",
        "ids": {"apn": f"{mould.zip}-<digits>", "addressHash": "<hash>", "fipsCode": mould.place.fips},
        "address": _address(mould, street),
        **{name: block for name, (share, block) in optional.items() if rng.random() < share},
        "deedHistory": [_deed(rng, "<last> <first>")],
        "quickLists": {flag: name in mould.lists for name, flag in FLAGS.items()},
        "dateModified": _day(rng),
    }


def _address(mould: Mould, street: str) -> Json:
    return {
        "houseNumber": "<digits>",
        "street": f"<digits> {street}",
        "city": mould.place.city,
        "county": mould.place.county,
        "state": mould.place.state,
        "zip": mould.zip,
        "hash": "<hash>",
        "latitude": f"#{mould.place.latitude:.2f}<digits>",
        "longitude": f"#{mould.place.longitude:.2f}<digits>",
        "addressValidity": "Valid",
    }


def _building(rng: random.Random) -> Json:
    return {
        "bedroomCount": rng.randint(1, 6),
        "bathroomCount": rng.choice((1, 2, 2.5, 3)),
        "yearBuilt": rng.randint(1921, 2024),
        "livingAreaSquareFeet": rng.randint(600, 5_200),
    }


def _valuation(mould: Mould) -> Json:
    if "unknown-equity" in mould.lists:
        return {"estimatedValue": "#<value>"}
    return {
        "estimatedValue": "#<value>",
        "equityCurrentEstimatedBalance": "#<balance>",
        "equityPercent": "#<equity>",
    }


def _owner(mould: Mould, street: str, rng: random.Random) -> Json:
    person = {"first": "<first>", "last": "<last>", "full": "<first> <last>"}
    company = "corporate-owned" in mould.lists
    return {
        "fullName": "<last> Holdings LLC" if company else "<first> <last>",
        "names": [{"full": "<last> Holdings LLC"}] if company else rng.choice(([person], [person], [])),
        "ownerOccupied": not mould.absentee,
        "mailingAddress": _mailing(mould, street, rng),
        **({} if company else rng.choice(({}, _reach(rng)))),
    }


def _mailing(mould: Mould, street: str, rng: random.Random) -> Json:
    place = mould.place
    city, county, state, postcode = (place.city, place.county, place.state, mould.zip)
    if "out-of-state-owner" in mould.lists:
        city, county, state, postcode = rng.choice(ELSEWHERE)
    if mould.absentee:
        street = rng.choice([other for other in STREETS if other != street])
    return {"street": f"<digits> {street}", "city": city, "county": county, "state": state, "zip": postcode}


def _reach(rng: random.Random) -> Json:
    # The ranges that are reserved for fiction: canaries for whoever searches logs for phone numbers and e-mails.
    phone = {
        "number": "60255501<pair>",
        "type": rng.choice(("Mobile", "Land Line")),
        "dnc": rng.choice((True, False)),
        "score": rng.randint(1, 100),
    }
    phones = rng.choice(([phone], [phone, None]))
    return {"emails": ["<first>.<last>.<number>@example.com"], "phoneNumbers": phones}


def _deed(rng: random.Random, buyer: str) -> Json:
    code, kind = rng.choice(DEEDS)
    number = rng.randint(1_000_000_000, 1_999_999_999)
    return {
        "buyers": [buyer],
        "sellers": ["DESERT TRACT HOMES INC"],
        "saleDate": _day(rng),
        "documentNumber": f"{number}-<digits>",
        "documentTypeCode": code,
        "documentType": kind,
        "salePrice": rng.randint(400, 9_000) * 100,
        "transactionId": rng.choice((number, str(number))),
        "interestRate": rng.choice((5.125, "5.125")),
    }


def _foreclosure(mould: Mould, rng: random.Random) -> Json:
    if "preforeclosure" not in mould.lists:
        return {}
    return {"status": "Notice of Default", "filingDate": _day(rng), "unpaidBalance": "#<balance>"}


def _listing(rng: random.Random) -> Json:
    agent = {"name": "Rowan Pell", "roles": ["listing"]}
    return {
        "status": rng.choice(("Active", "Expired", "Sold")),
        "price": "#<value>",
        "agents": rng.choice((agent, [agent])),
    }


def _day(rng: random.Random) -> str:
    return f"{rng.randint(1985, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
