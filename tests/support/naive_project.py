"""What a video's project shows, kept as plainly as can be: the measure of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_red.core.session import Session

L = 7

State = dict[tuple, Any]
"""("pred", track, frame): (L × 2 numbers, run) · ("placed", track, frame): landmark to xy ·
("hidden", track, frame): set of landmarks · ("accepted", track, frame): True ·
("track", track): [number, name]. A track that is gone has no "track"; what a model said of
it after a step that took it away was undone may still be there."""


@dataclass
class Naive:
    """Every step keeps the whole state before and after it."""

    state: State = field(default_factory=dict)
    undoable: list[tuple[State, State]] = field(default_factory=list)
    redoable: list[tuple[State, State]] = field(default_factory=list)

    def do(self, change: Callable[[State], None]) -> None:
        before = dict(self.state)
        change(self.state)
        if before != self.state:
            self.undoable.append((before, dict(self.state)))
            self.redoable.clear()

    def undo(self) -> bool:
        if not self.undoable:
            return False
        before, after = self.undoable.pop()
        self.redoable.append((before, after))
        self._go(after, before, {key for key in after if key[0] == "track" and key not in before})
        return True

    def redo(self) -> bool:
        if not self.redoable:
            return False
        before, after = self.redoable.pop()
        self.undoable.append((before, after))
        self._go(before, after)
        return True

    def _go(self, now: State, then: State, made: Iterable[tuple] = ()) -> None:
        """``made`` are tracks that stay, nameless, where a model has said anything since."""
        for key in sorted({*now, *then}, key=repr):
            if now.get(key) == then.get(key):
                continue
            if key[0] == "pred" and self.state.get(key) != now.get(key):
                continue  # a model has said it anew
            if key in made and any(k[:2] == ("pred", key[1]) for k in self.state):
                self.state[key] = (self.state[key][0], None)
            elif key not in then:
                del self.state[key]
            elif key[0] == "track":
                number, name = then[key]
                others = {self.state[k][0] for k in self.state if k[0] == "track" and k != key}
                while number in others:
                    number += 1
                self.state[key] = (number, name)
            else:
                self.state[key] = then[key]

    # -- what is shown -----------------------------------------------------------------

    def tracks(self) -> list[int]:
        """Numbers of the tracks, as they are shown."""
        there = [key for key in self.state if key[0] == "track"]
        return [key[1] for key in sorted(there, key=lambda key: self.state[key][0])]

    def names(self) -> list[str | None]:
        return [self.state["track", track][1] for track in self.tracks()]

    def next_number(self) -> int:
        return max((self.state["track", t][0] for t in self.tracks()), default=-1) + 1

    def held(self, track: int, frame: int) -> bool:
        return self.corrected(track, frame) or ("accepted", track, frame) in self.state

    def corrected(self, track: int, frame: int) -> bool:
        return ("placed", track, frame) in self.state or ("hidden", track, frame) in self.state

    def corrected_frames(self, track: int) -> list[int]:
        return sorted({k[2] for k in self.state if k[0] in ("placed", "hidden") and k[1] == track})

    def merged(self, track: int, frame: int) -> np.ndarray:
        points = np.full((L, 2), np.nan, np.float32)
        if ("pred", track, frame) in self.state:
            points[:] = np.reshape(self.state["pred", track, frame][0], (L, 2))
        for index, xy in self.state.get(("placed", track, frame), ()):
            points[index] = xy
        return points

    def check(self, session: Session, frames: Iterable[int]) -> None:
        """The session shows what this holds."""
        tracks = self.tracks()
        assert [record.id for record in session.tracks] == tracks
        shown = [record.identity.name if record.identity else None for record in session.tracks]
        assert shown == self.names()
        assert session.can_undo() == (len(self.undoable), len(self.redoable))
        for frame in frames:
            view = session.view(frame)
            for face, track in enumerate(tracks):
                where = f"track {track}, frame {frame}"
                np.testing.assert_array_equal(
                    view.landmarks[face], self.merged(track, frame), err_msg=where
                )
                placed = {index for index, _ in self.state.get(("placed", track, frame), ())}
                hidden = self.state.get(("hidden", track, frame), frozenset())
                assert set(np.flatnonzero(view.corrected[face])) == placed, where
                assert set(np.flatnonzero(view.hidden[face])) == hidden, where
                assert view.accepted[face] == (("accepted", track, frame) in self.state), where
                run = self.state.get(("pred", track, frame), (None, 0))[1]
                assert view.run[face] == run, where
        assert session.corrected_frames() == sorted(
            (frame, face)
            for face, track in enumerate(tracks)
            for frame in self.corrected_frames(track)
        )


class NanTuple(tuple):
    """Numbers, where NaN equals NaN."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and np.array_equal(self, other, equal_nan=True)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0


def frames_of(state: State, *tracks: int) -> list[int]:
    """The frames in which anything is known of these tracks."""
    return sorted({key[2] for key in state if len(key) == 3 and key[1] in tracks})


def exchange(state: State, one: int, two: int, frame: int) -> None:
    """Two tracks change places in a frame."""
    for kind in ("pred", "placed", "hidden", "accepted"):
        mine, theirs = (state.pop((kind, track, frame), None) for track in (one, two))
        for track, value in ((one, theirs), (two, mine)):
            if value is not None:
                state[kind, track, frame] = value


def drop(state: State, track: int) -> None:
    """A track is gone, with everything."""
    for key in [key for key in state if key[1] == track]:
        del state[key]
