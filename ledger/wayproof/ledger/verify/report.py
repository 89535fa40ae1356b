"""What a verification found: one line a check, and what follows from all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wayproof.model.errors import InvalidInput


class Status(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"
    """Nothing speaks against it, and nothing that was at hand proves it; the detail says what would."""


class Verdict(StrEnum):
    """What all checks together say."""

    PASSED = "passed"
    """Nothing failed, and everything was checked that could be with what was given."""
    FAILED = "failed"
    """At least one check failed: do not rely on this."""
    INCOMPLETE = "incomplete"
    """Nothing failed, but something that was asked for could not be checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that must hold."""

    #: Names the part that it is about; stays the same from version to version.
    name: str
    status: Status
    #: What was found; of an unchecked one also by what it can be checked.
    detail: str
    #: Whether what was given should have sufficed: then an unchecked one makes the verdict incomplete.
    is_asked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All checks, in the order in which they were made."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """What they say together."""
        return verdict_of(self.checks)

    def check(self, name: str) -> Check:
        """The check of that name; KeyError where none was made."""
        for each in self.checks:
            if each.name == name:
                return each
        raise KeyError(name)


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """What checks say together."""
    if any(check.status is Status.FAILED for check in checks):
        return Verdict.FAILED
    if any(check.status is Status.UNCHECKED and check.is_asked for check in checks):
        return Verdict.INCOMPLETE
    return Verdict.PASSED


def passed(name: str, detail: str) -> Check:
    """It holds."""
    return Check(name=name, status=Status.PASSED, detail=detail)


def failed(name: str, detail: str) -> Check:
    """It does not."""
    return Check(name=name, status=Status.FAILED, detail=detail)


def unchecked(name: str, detail: str, *, is_asked: bool = False) -> Check:
    """It could not be told."""
    return Check(name=name, status=Status.UNCHECKED, detail=detail, is_asked=is_asked)


def judged(name: str, detail: str, *, holds: bool) -> Check:
    """It holds or it does not."""
    return passed(name, detail) if holds else failed(name, detail)


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check in which whatever does not hold raises InvalidInput, or InvalidProof."""
    try:
        return check()
    except InvalidInput as error:
        return failed(name, str(error))
