"""The part of a project's video that is worked on, and how it becomes another one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from napari_red.core.project import Project
from napari_red.core.records import VideoRecord

OTHER_PART = "other part"
"""How a run ended that no one can go on with: it was over frames of an earlier part."""


@dataclass(frozen=True)
class PartChanged:
    """A video of which other frames are worked on now."""

    before: VideoRecord
    now: VideoRecord

    @property
    def words(self) -> str:
        """Which frames, in words."""
        before, now = (part_words(video.wanted_frames) for video in (self.before, self.now))
        return f"{self.now.name}: frames {now} are worked on from now on, {before} before"


def change_part(
    project: Project, video: VideoRecord, start: int, stop: int | None, stride: int
) -> PartChanged | None:
    """Work on other frames of a video; None where they are the same.

    All that is known of any frame stays. A video that was pre-annotated waits for that again,
    from the new part's first frame. It is no step of the history, so it isn't undone.
    """
    asked = replace(video, start=start, stop=stop, stride=stride)
    if asked.wanted_frames == video.wanted_frames:
        return None
    # One that is being pre-annotated says itself that it waits, when that ends.
    state = video.state if video.state in ("new", "running") else "waiting"

    def work(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE videos SET start = ?, stop = ?, stride = ?, state = ?, message = ''"
            " WHERE id = ?",
            (start, stop, stride, state, video.id),
        )
        db.execute(
            "UPDATE runs SET outcome = ?"
            " WHERE video_id = ? AND (outcome IS NULL OR outcome != 'done')",
            (OTHER_PART, video.id),
        )

    project.database.write(work)
    return PartChanged(video, project.video(video.id))


def part_words(frames: range) -> str:
    """Frames in words, from 1: "5 to 40 every 3"."""
    every = f" every {frames.step}" if frames.step > 1 else ""
    return f"{frames.start + 1} to {frames.stop}{every}"
