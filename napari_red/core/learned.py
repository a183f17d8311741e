"""Which frames of a face a model learned, also where the face was another track then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby, permutations
from operator import itemgetter
from typing import Any

from napari_red.core.project import Project
from trainer.held_out import APART

_STEPS_ON_SEVERAL = """
SELECT step_id FROM changes WHERE kind IN ('prediction', 'correction')
GROUP BY step_id HAVING MIN(a) < MAX(a)
"""
_CELLS = """
SELECT kind, b, a, CASE kind WHEN 'correction' THEN before END,
CASE kind WHEN 'correction' THEN after END
FROM changes WHERE step_id = ? AND kind IN ('prediction', 'correction') ORDER BY kind, b
"""
"""What a step changed, frame by frame; what is predicted is too large to be read."""


def learned_frames(project: Project, trained: Mapping[int, Iterable[int]]) -> dict[int, set[int]]:
    """Track to the frames that a model may have learned of the face that it is now.

    Those of the track itself, of tracks that it ever exchanged frames with, and of tracks of
    its video that are gone: what they showed may have been annotated anew. Frames that the
    trainer left out, because they were near one set aside, are none.

    Parameters
    ----------
    trained : track to the frames that were pushed for models to be trained on
    """
    trained = without_near(project, trained)
    learned = {track.id: set(trained.get(track.id, ())) for track in project.tracks()}
    there = set(learned)
    for group in _groups(project, {*there, *trained}):
        every = set().union(*(trained.get(track, ()) for track in group))
        for track in group & there:
            learned[track] |= every
    for track in set(trained) - there:
        video = video_of(project, track)
        for other in project.tracks(video) if video is not None else ():
            learned[other.id] |= trained[track]
    return learned


def without_near(project: Project, trained: Mapping[int, Iterable[int]]) -> dict[int, set[int]]:
    """Track to the frames that were trained on, of those that were pushed: the trainer leaves
    out what is near a frame set aside."""
    aside: dict[int, set[int]] = {}
    for track, frame in project.database.read("SELECT track_id, frame FROM held_out"):
        near = range(frame - APART, frame + APART + 1)
        aside.setdefault(track, set()).update(near)
    return {track: set(frames) - aside.get(track, set()) for track, frames in trained.items()}


def _groups(project: Project, tracks: set[int]) -> list[set[int]]:
    """Tracks that exchanged frames, also by way of others."""
    group_of = {track: {track} for track in tracks}
    for pair in _exchanged(project):
        one, other = (group_of.setdefault(track, {track}) for track in pair)
        if one is not other:
            one |= other
            group_of.update(dict.fromkeys(other, one))
    return list({id(group): group for group in group_of.values()}.values())


def _exchanged(project: Project) -> set[tuple[int, int]]:
    """Pairs of tracks that a merge, split or swap gave frames of each other: no other edit
    changes what is predicted of two faces, or gives one the correction of another."""
    pairs = set()
    for (step,) in project.database.read(_STEPS_ON_SEVERAL):
        changes = project.database.read(_CELLS, (step,))
        for (kind, _), cells in groupby(changes, key=itemgetter(0, 1)):
            for (_, _, one, *was), (_, _, other, *became) in permutations(cells, 2):
                given = was[0] is not None and was[0] == became[1]
                if kind == "prediction" or given:
                    pairs.add((one, other))
    return pairs


def video_of(project: Project, track: int) -> int | None:
    """The video of a track that is gone; None where the history doesn't know it."""
    rows = project.database.read(
        "SELECT COALESCE(before, after) FROM changes WHERE kind = 'track' AND a = ?", (track,)
    )
    return json.loads(rows[0][0])[0] if rows else None


def inherited(details: Mapping[str, Any], parent: Mapping[str, Any]) -> dict[str, Any]:
    """A model's details with what its parent had learned before, for when the parent goes."""
    known = dict(details)
    for key, said in (
        ("trained", parent.get("trained", {})),
        ("taught", parent.get("taught", parent.get("trained", {}))),
    ):
        if key in known or key == "trained":
            own = known.get(key, {})
            known[key] = {
                track: sorted({*own.get(track, ()), *said.get(track, ())})
                for track in {**own, **said}
            }
    return known
