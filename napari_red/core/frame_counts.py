"""Frames that can't be decoded: how many a video has with them, and what to say of them.

Earlier versions left them out, and the frames after them had lower numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_red.core import video_rows
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from trainer.data.video_base import Video


def count_again(project: Project, record: VideoRecord, video: Video) -> list[str]:
    """Make a project's record of a video say how many frames there are, and when.

    Returns
    -------
    What the person should look at, if labels may lie in other frames than they were made for.
    That is said once; in a project that can't be written, whenever the video is opened.
    """
    if record.n_frames == video.n_frames:
        return []
    if not project.read_only:
        row = (video.n_frames, video_rows.times_to_bytes(video.timestamps), record.id)
        project.database.write(
            lambda db: db.execute("UPDATE videos SET n_frames = ?, times = ? WHERE id = ?", row)
        )
    if not project.tracks(record.id):
        return []
    more = video.n_frames - record.n_frames
    after = f" after frame {min(video.lost)}" if video.lost else ""
    return [
        f"{video.path}: has {video.n_frames} frames, and an earlier version counted "
        f"{record.n_frames}, as it left those that can't be decoded out; labels{after} may lie up "
        f"to {abs(more)} frame{'s' * (abs(more) != 1)} {'early' if more > 0 else 'late'}: look at "
        "them, and correct them or align these frames again"
    ]


def cant_be_decoded(name: str, frames: Iterable[int]) -> str:
    """A sentence on the frames of a video that are left out, of which there is at least one."""
    numbers = np.unique(list(frames))
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    said = ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts)
    one = len(numbers) == 1
    return (
        f"{name}: frame{'' if one else 's'} {said} can't be decoded, the file is damaged there; "
        f"{'it is' if one else 'they are'} left out."
    )
