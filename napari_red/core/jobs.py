"""Long work that reports, can be stopped, and always ends in a value.

Nothing here knows about threads: a window calls :func:`run` in one, a script
calls it as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far the work is: ``done`` of ``total`` steps (total 0 = unknown), and a word."""

    done: int
    total: int
    message: str = ""


@dataclass(frozen=True)
class Done(Generic[T]):
    """The work ended; ``value`` is its result."""

    value: T


@dataclass(frozen=True)
class Cancelled:
    """The work was stopped on request; what it had written stays."""


@dataclass(frozen=True)
class Failed:
    """The work raised ``error``, kept with its traceback."""

    error: Exception

    @property
    def message(self) -> str:
        """What to tell a person."""
        return str(self.error) or type(self.error).__name__


class StopWork(Exception):
    """Raised by work that noticed it should stop."""


ProgressCallback = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


def run(
    work: Callable[[ProgressCallback, ShouldStop], T],
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> Done[T] | Cancelled | Failed:
    """Do the work and say how it ended.

    Parameters
    ----------
    work : callable
        Gets ``on_progress`` and ``should_stop``; asks the latter often and raises
        :class:`StopWork` when it answers True.
    on_progress : callable
        Called in the thread of the work.
    should_stop : callable
        Asked in the thread of the work.
    """
    try:
        return Done(work(on_progress, should_stop))
    except StopWork:
        return Cancelled()
    except Exception as error:
        return Failed(error)
