"""How much predictions changed: what another model, or a re-run, made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_red.core.chunks import Chunk
from napari_red.core.project import Project

CHANGED = 0.01
"""Mean distance, in sides of the face box, from which a frame counts as changed."""

Snapshot = dict[tuple[int, int], bytes]
"""Track and chunk to what was predicted, as the project file keeps it."""


@dataclass(frozen=True)
class Changes:
    """What became of predictions.

    Attributes
    ----------
    frames : faces in frames that there were before or are now
    changed : those whose landmarks moved by more than :data:`CHANGED`
    new, gone : those that there were not before, and are not any more
    mean_move : over those there before and now, in per cent of the face box's side
    """

    frames: int
    changed: int
    new: int
    gone: int
    mean_move: float

    @property
    def words(self) -> str:
        """For a person."""
        parts = [f"{self.changed} of {self.frames} faces moved by more than {100 * CHANGED:.0f} %"]
        if self.new:
            parts.append(f"{self.new} new")
        if self.gone:
            parts.append(f"{self.gone} no longer found")
        return f"{', '.join(parts)}; {self.mean_move:.1f} % of the face on average"


def snapshot(project: Project, video_ids: Sequence[int] | None = None) -> Snapshot:
    """What is predicted now, compressed, to be compared with later."""
    kept: Snapshot = {}
    for track in project.tracks():
        if video_ids is None or track.video_id in video_ids:
            rows = project.database.read(
                "SELECT chunk, data FROM predictions WHERE track_id = ?", (track.id,)
            )
            kept |= {(track.id, number): data for number, data in rows}
    return kept


def changes_since(
    project: Project, before: Snapshot, video_ids: Sequence[int] | None = None
) -> Changes:
    """Compare with an earlier :func:`snapshot` of the same videos."""
    after = snapshot(project, video_ids)
    frames = changed = new = gone = 0
    moves: list[np.ndarray] = []
    for key in before.keys() | after.keys():
        old, now = _chunk(before.get(key)), _chunk(after.get(key))
        if old is None or now is None:
            there = now if old is None else old
            assert there is not None
            count = int(there.present.sum())
            frames += count
            new += count if old is None else 0
            gone += count if now is None else 0
            continue
        frames += int((old.present | now.present).sum())
        new += int((~old.present & now.present).sum())
        gone += int((old.present & ~now.present).sum())
        both = old.present & now.present
        move = _moves(old.landmarks[both], now.landmarks[both])
        changed += int((move > CHANGED).sum())
        moves.append(move)
    every = np.concatenate([np.zeros(0), *moves])
    mean = float(every.mean() * 100) if len(every) else 0.0
    return Changes(frames, changed, new, gone, mean)


def _chunk(data: bytes | None) -> Chunk | None:
    return None if data is None else Chunk.from_bytes(data)


def _moves(old: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(n,) mean distance of the landmarks in sides of the old face box."""
    if not len(old):
        return np.zeros(0)
    extent = np.nanmax(old, axis=1) - np.nanmin(old, axis=1)
    side = np.maximum(extent.mean(axis=-1), 1.0)
    return np.nanmean(np.linalg.norm(now - old, axis=-1), axis=1) / side
