"""Why a frame is proposed to a person: what it is, how much of it, and that in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

LOW = 0.6
"""Mean confidence below which it is called low."""

STRAIGHT = 15.0
"""Degrees of yaw below which a head isn't called turned."""


class Kind(Enum):
    """What can speak for a frame."""

    CONFIDENCE = "confidence"
    DISAGREEMENT = "disagreement"
    JUMP = "jump"
    FAR = "far"
    SWAPPED = "swapped"
    ODD = "odd"
    POSE = "pose"
    LOST = "lost"
    LOST_BEFORE = "lost before"


@dataclass(frozen=True)
class Reason:
    """One reason for a proposal.

    Attributes
    ----------
    kind : what it is
    number : how much: a confidence from 0 to 1; a disagreement, jump or oddness in sides of
        the face box; frames to the nearest corrected one, or without a face; degrees of yaw
    strength : reasons are told in its order, those below 1 only where there is no other
    part : the part of the face that is odd, "" where it isn't known
    """

    kind: Kind
    number: float
    strength: float
    part: str = ""

    @property
    def words(self) -> str:
        """The reason as a person reads it."""
        return _WORDS[self.kind](self)


def _frames(reason: Reason) -> str:
    return f"{reason.number:.0f} frame{'' if round(reason.number) == 1 else 's'}"


def _confidence(reason: Reason) -> str:
    return f"{'low ' if reason.number < LOW else ''}confidence ({reason.number:.2f})"


def _odd(reason: Reason) -> str:
    where = f": odd spacing of the {reason.part}" if reason.part else ""
    return f"shape unlike the accepted ones{where}"


def _pose(reason: Reason) -> str:
    turned = abs(reason.number) >= STRAIGHT
    how = f"turned by {abs(reason.number):.0f}°" if turned else "looks straight ahead"
    return f"{how}, a pose nobody has corrected yet"


_WORDS: dict[Kind, Callable[[Reason], str]] = {
    Kind.CONFIDENCE: _confidence,
    Kind.DISAGREEMENT: lambda _: "response map and regression disagree",
    Kind.JUMP: lambda reason: f"jumps by {100 * reason.number:.0f} % of the face",
    Kind.FAR: lambda reason: f"far from any corrected frame ({_frames(reason)})",
    Kind.SWAPPED: lambda _: "shape unlike the accepted ones: left and right may be swapped",
    Kind.ODD: _odd,
    Kind.POSE: _pose,
    Kind.LOST: lambda reason: f"face lost for {_frames(reason)} from here",
    Kind.LOST_BEFORE: lambda reason: f"face lost for {_frames(reason)} before",
}
