"""Many videos into one project."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from napari_red.core import cells, video_rows
from napari_red.core.find_videos import contents_of, set_place
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.person_names import known_people, person_name
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.video_part import PartChanged, change_part
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import find_videos, open_video, result_name
from trainer.errors import RedError
from trainer.scheme import IBUG68


class AddVideoError(RedError):
    """A video that can't be added as asked."""


@dataclass
class Added:
    """What became of the paths.

    Attributes
    ----------
    new : videos that weren't in the project
    known : (path, the video of the project that is the same)
    parts : videos of the project of which other frames are worked on now
    failed : (path, what is wrong and what to do)
    """

    new: list[VideoRecord] = field(default_factory=list)
    known: list[tuple[Path, VideoRecord]] = field(default_factory=list)
    parts: list[PartChanged] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def add_videos(
    project: Project,
    paths: Iterable[str | os.PathLike[str]],
    *,
    identity_from_folder: bool = False,
    start: int = 0,
    stop: int | None = None,
    stride: int = 1,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> Added:
    """Add videos, and folders with videos in them, to a project.

    Parameters
    ----------
    paths : files and folders, see :func:`trainer.data.video.find_videos`
    identity_from_folder : call the first face of each video as the folder above it
    start, stop, stride : the frames to work on, from 0; ``stop`` None is the end. Where they
        aren't the defaults, they hold for a video that is in the project already too, see
        :func:`napari_red.core.video_part.change_part`

    Returns
    -------
    What became of each. One that can't be used doesn't stop the others. A video that is in
    the project already, wherever its copy lies, isn't added again; where the file it knew is
    gone or is another video now, this is where it is.

    Raises
    ------
    AddVideoError
        If the range makes no sense.
    ProjectError
        If the project can't be written.
    StopWork
        When ``should_stop`` answers True; what was added until then stays.
    """
    if start < 0 or stride < 1 or (stop is not None and stop <= start):
        raise AddVideoError(
            f"frames from {start + 1} to {stop or 'the end'} in steps of {stride}: there are "
            "none; give a first frame from 1, a later last one and a step of at least 1"
        )
    whole = (start, stop, stride) == (0, None, 1)
    project.database.check_writable()
    added = Added()
    found = find_videos(paths)
    for number, path in enumerate(found):
        if should_stop():
            raise StopWork
        on_progress(Progress(number, len(found), str(path)))
        try:
            record, is_new = _add(project, path, start)
            part = None if whole else change_part(project, record, start, stop, stride)
        except RedError as error:
            added.failed.append((path, str(error)))
            continue
        if not is_new:
            if part is None:
                added.known.append((path, record))
            else:
                added.parts.append(part)
            continue
        if identity_from_folder:
            _name_first_face(project, record, folder_name(path))
        added.new.append(project.video(record.id))
    on_progress(Progress(len(found), len(found), f"{len(added.new)} videos added"))
    return added


def folder_name(path: Path) -> str:
    """The person's folder: above the video, or above the video's own in 300-VW's layout."""
    place = path.absolute()
    own = place.stem if place.is_file() else place.name
    if result_name(place) != own:  # NAME/vid.avi, NAME/imgs
        place = place.parent
    return place.parent.name


def _add(project: Project, path: Path, start: int) -> tuple[VideoRecord, bool]:
    fingerprint = video_fingerprint(path)
    for record in project.videos():
        if record.fingerprint == fingerprint:
            place = path.absolute()
            if place != Path(record.path) and contents_of(Path(record.path)) != fingerprint:
                set_place(project, record, place)
            _check_start(path, record.n_frames, start)
            return project.video(record.id), False
    with open_video(path) as video:
        _check_start(path, video.n_frames, start)
        record = project.add_video(video.path, fingerprint, **video_rows.described(video))
    return record, True


def _check_start(path: Path, n_frames: int, start: int) -> None:
    if start >= n_frames:
        raise AddVideoError(
            f"{path}: has {n_frames} frames, the first one asked for is {start + 1}; "
            "give an earlier one"
        )


def _name_first_face(project: Project, record: VideoRecord, name: str) -> None:
    """A first track that has nothing yet but a name; the first face found goes there.

    It comes with the video, as no step of the history, so it isn't undone.
    """
    name = person_name(name)
    if not name or project.tracks(record.id):
        return
    known = known_people(project).get(name)

    def work(db: sqlite3.Connection) -> None:
        identity = cells.next_id(db, "identity") if known is None else known
        if known is None:
            cells.write(db, ("identity", identity, 0), name.encode())
        value = cells.track_value(record.id, 0, IBUG68.n_landmarks, identity)
        cells.write(db, ("track", cells.next_id(db, "track"), 0), value)

    project.database.write(work)
