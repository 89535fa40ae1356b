"""The one tree of domain errors.

A message says what was wrong, what was expected and what came. None of them knows HTTP: the mapping to
problem details stands in `wayproof.api.problems`, and a test walks this tree to see that nothing is missing.

::

    WayproofError
    ├── InvalidInput        a value that can never be accepted as it is
    │   ├── MalformedPayload   bytes of a device that yield no reading; `reason` is its quarantine code
    │   └── InvalidProof    a signature, proof or checkpoint that does not hold
    ├── Unauthenticated     no credential, or one that is unknown, expired or revoked
    ├── Forbidden           a known caller without the scope, or whose turn it is not
    ├── NotFound            nothing of that name that the caller may see
    ├── Conflict            the name or the time range is taken, or it is too late for this
    ├── PreconditionFailed  the resource has changed since the caller read it
    ├── OutboxFull          the device's outbox has reached its bound
    └── Unavailable         a service behind us does not answer; trying again later can help
        └── TooSlow         the database gave a question up after its time; asking for less can help
"""

from enum import StrEnum


class WayproofError(Exception):
    """Base of every error that Wayproof raises on purpose."""


class InvalidInput(WayproofError):
    """A value that can never be accepted as it is.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the offending value, where one is known.
    """

    def __init__(self, message: str, *, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class QuarantineReason(StrEnum):
    """Why a message was set aside. Stored as text, so a code's meaning never changes."""

    BAD_TOPIC = "bad_topic"
    """The topic is not one that Wayproof's protocol defines."""
    UNKNOWN_DEVICE = "unknown_device"
    """No registered device bears the name in the topic, or it is retired."""
    EMPTY_PAYLOAD = "empty_payload"
    """The message carried no bytes, or a batch held no reading."""
    MALFORMED_JSON = "malformed_json"
    """The payload starts like JSON and is not."""
    MALFORMED_CBOR = "malformed_cbor"
    """The payload starts like CBOR and is not, or nests deeper or repeats keys beyond what we accept."""
    UNKNOWN_FORMAT = "unknown_format"
    """The first byte belongs to neither JSON nor CBOR."""
    TOO_LARGE = "too_large"
    """More bytes, or more readings in a batch, than a message may have."""
    INVALID_READING = "invalid_reading"
    """Well-formed, but a field is missing, unknown, of the wrong type or out of range."""
    CODEC_FAILURE = "codec_failure"
    """Our own decoder broke on it, which is a bug of ours; the bytes wait for the fix."""
    REFUSED_BY_DATABASE = "refused_by_database"
    """PostgreSQL called the row bad data although every check of ours passed."""


class MalformedPayload(InvalidInput):
    """Bytes of a device that yield no reading."""

    def __init__(self, reason: QuarantineReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidProof(InvalidInput):
    """A signature, proof, chain of handoffs or checkpoint that does not hold."""


class Unauthenticated(WayproofError):
    """No credential, or one that is unknown, expired or revoked."""


class Forbidden(WayproofError):
    """A known caller without the scope that the operation needs, or whose turn it is not."""


class NotFound(WayproofError):
    """Nothing of that name that the caller may see."""


class Conflict(WayproofError):
    """The name or the time range is taken, or the thing no longer stands where this is possible."""


class PreconditionFailed(WayproofError):
    """The resource has changed since the caller read it."""


class OutboxFull(WayproofError):
    """The device's outbox has reached its bound; the reading was not accepted."""


class Unavailable(WayproofError):
    """A service behind us does not answer; trying again later can help."""


class TooSlow(Unavailable):
    """The database gave a question up after its time; asking for less can help."""
