"""Bytes that are nearly what RealEstateAPI sends, or not at all."""

import json
from typing import Any

from hypothesis import strategies as st

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def sometimes(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object that has, lacks or mistakes each of these members; or none at all."""
    return st.fixed_dictionaries({}, optional={name: ODD | field for name, field in fields.items()}) | ODD


_PHONES = st.lists(sometimes(phone=st.just("6025550117"), dnc=st.booleans(), type=st.text(max_size=3)), max_size=2)
_FINDINGS = {"phones": _PHONES, "emails": st.lists(ODD, max_size=2), "names": st.lists(ODD, max_size=1)}
_SAID = {
    "batchId": st.just("b"),
    "batchRequestIds": st.lists(sometimes(key=st.integers(), batchRequestId=st.just("r")), max_size=2),
    "receiveCount": st.integers(),
    "key": st.integers(),
    "input": sometimes(key=st.integers()),
    "match": st.booleans(),
    "statusCode": st.sampled_from([200, 404, 500]),
    "persons": st.lists(sometimes(**_FINDINGS), max_size=2),
    "output": sometimes(identity=sometimes(**_FINDINGS)),
    "totalMatched": st.integers(),
    **_FINDINGS,
}

SOMETIMES_JSON = (sometimes(**_SAID, data=sometimes(**_SAID)) | st.lists(sometimes(**_SAID), max_size=2)).map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
) | st.binary()
