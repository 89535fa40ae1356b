"""Publishing for one device: an outbox on disk, and a sender that empties it against receipts."""

from wayproof.devices.publisher.link import BrokerAddress
from wayproof.devices.publisher.outbox import Observation, Outbox
from wayproof.devices.publisher.publisher import Publisher

__all__ = ["BrokerAddress", "Observation", "Outbox", "Publisher"]
