"""From what a job has brought to whom is to be found: read off the event loop, since records are megabytes.

What is written down for a subject is what will be sent; who is known by what, `core.subjects` says.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from leadsync.core.packing import Limits, Packing, pack
from leadsync.core.subjects import Unsendable, identity, known_contacts, subjects_of
from leadsync.core.suppression import Suppression
from leadsync.jobs.trace_desk import Addresses
from leadsync.store.trace_subjects import Brought, Looked, Owner, Record, Wanted, subject_as, subject_from
from leadsync.vendors.trace_wire import TraceItem, await_request, batch_request, frame_bytes, item_bytes

KEY_LONGEST: Final = 1_000
"""The longest key of a batch, for the size of an item whose place is not known yet."""


def look(brought: Iterable[Brought]) -> Looked:
    """Find the owners in these records."""
    owners: dict[int, Sequence[Owner]] = {}
    counts = dict.fromkeys(Unsendable, 0)
    for one in brought:
        found = subjects_of(one.body)
        if isinstance(found, Unsendable):
            counts[found] += 1
        else:
            owners[one.delivery_id] = [Owner(identity(subject), subject_as(subject)) for subject in found]
    return Looked(owners, counts[Unsendable.NO_OWNER], counts[Unsendable.NO_ADDRESS])


def covered(suppression: Suppression, wanted: Iterable[Wanted], records: Iterable[Record]) -> list[int]:
    """Return those who are wanted and must not be asked for, by what any of their records says of them."""
    subjects = {one.subject_id: subject_from(one.sent) for one in wanted}
    found = {
        one.subject_id
        for one in records
        if suppression.covers(subjects[one.subject_id], one.property_id, known_contacts(one.body) | one.known)
    }
    return sorted(found)


def pack_up(wanted: Sequence[Wanted], addresses: Addresses) -> Packing:
    """Say who goes together, by the sizes that they have as they are sent."""
    longest = addresses.of_item(KEY_LONGEST)
    sizes = [item_bytes(TraceItem(KEY_LONGEST, longest, subject_from(one.sent))) for one in wanted]
    return pack(sizes, Limits(frame_bytes(addresses.of_completion)))


def batch_bytes(wanted: Sequence[Wanted], addresses: Addresses) -> bytes:
    """Return the exact bytes of a batch."""
    return batch_request(_items(wanted, addresses), addresses.of_completion)


def await_bytes(wanted: Sequence[Wanted], addresses: Addresses) -> bytes:
    """Return the exact bytes for the endpoint that answers at once."""
    return await_request(_items(wanted, addresses))


def _items(wanted: Sequence[Wanted], addresses: Addresses) -> list[TraceItem]:
    return [TraceItem(key, addresses.of_item(key), subject_from(one.sent)) for key, one in enumerate(wanted, 1)]
