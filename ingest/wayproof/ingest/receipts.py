"""What devices are told after a commit."""

from collections.abc import Iterable, Iterator

from wayproof.devices.receipts import MAX_RANGES, Receipt, encode_receipt
from wayproof.store.sequences import Progress


def receipts(progress: Progress) -> Iterator[Receipt]:
    """As many receipts as it takes to name everything that was added just now, or a device would send it for ever."""
    parts = [progress.beyond[at : at + MAX_RANGES] for at in range(0, len(progress.beyond), MAX_RANGES)]
    for beyond in parts or [()]:
        yield Receipt(boot=progress.boot, through=progress.through, beyond=beyond)


def encode_receipts(progress: Iterable[Progress]) -> Iterator[tuple[int, bytes]]:
    """Device ids and payloads."""
    for told in progress:
        for receipt in receipts(told):
            yield told.device_id, encode_receipt(receipt)
