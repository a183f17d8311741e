"""Which track each face of a model's run is."""

from __future__ import annotations

from collections.abc import Sequence


class RunFaces:
    """The tracks that a run's face numbers meant when it started.

    Tracks may be deleted, split or brought back while a run is going on; what it says of a
    face still goes to the track it was started with, or nowhere where that is gone.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, list[int]] = {}

    def start(self, run_id: int, track_ids: Sequence[int]) -> None:
        """A run starts with these tracks as faces 0, 1, …"""
        self._tracks[run_id] = list(track_ids)

    def finish(self, run_id: int) -> None:
        """It says nothing more."""
        self._tracks.pop(run_id, None)

    def of(self, run_id: int, current: Sequence[int]) -> list[int]:
        """The track of each face of a run; ``current`` are those of one that didn't start
        here. Adding to the list gives the run another face."""
        return self._tracks.setdefault(run_id, list(current))
