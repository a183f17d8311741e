"""Finding a project's videos again after they, or the project, were moved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.video_rows import place_of
from trainer.data.fingerprint import video_fingerprint
from trainer.data.frame_folder import pictures_in
from trainer.errors import RedError

MOST_FILES = 20_000
"""Files and folders that are looked at, at most."""

MOST_COMPARED = 50
"""Files of the right size that are read, at most."""


@dataclass(frozen=True)
class Found:
    """Where a video is.

    Attributes
    ----------
    path : where it is now; None where it wasn't found: ask the person
    moved : True where it isn't where it was
    changed : what to tell where another video lies at a place where it should be, else empty
    """

    path: Path | None
    moved: bool = False
    changed: str = ""


def find_video(project: Project, video: VideoRecord, most_files: int = MOST_FILES) -> Found:
    """Look for a video where it was, at the same place as seen from the project, and then
    by its contents in the project's folder and below it. The project is told of its place.

    Only its contents count: a file of its name that is another video isn't taken.

    Parameters
    ----------
    most_files : files and folders that are looked at before giving up
    """
    changed = ""
    for place in likely_places(project, video):
        found = contents_of(place)
        if found == video.fingerprint:
            return _at(project, video, place, changed)
        if found is not None and not changed:
            changed = (
                f"{place}: isn't the video any more that was annotated as {video.name}; put the "
                "earlier file back, or add this one as a new video"
            )
    for number, place in enumerate(_same_size(project.path.absolute().parent, video, most_files)):
        if number == MOST_COMPARED:
            break
        if contents_of(place) == video.fingerprint:
            return _at(project, video, place, changed)
    return Found(None, changed=changed)


def presumed_path(project: Project, video: VideoRecord) -> Path | None:
    """Where a video lies now, for those who won't open it: contents are read only where the
    sizes of files leave open which it is, as where it was moved.

    Where nothing is found, this is where it was last seen; None where another video lies there.
    """
    last = Path(video.path)
    if [place for place in likely_places(project, video) if _has_size(place, video)] == [last]:
        return last
    found = find_video(project, video, most_files=0)
    return last if found.path is None and not found.changed else found.path


def likely_places(project: Project, video: VideoRecord) -> list[Path]:
    """Where a video was, and where it would be had it been moved with the project."""
    folder = project.path.absolute().parent
    relative = project.relative_path(video.id)
    moved = [Path(os.path.normpath(folder / relative))] if relative else []
    places = [Path(video.path), *moved, folder / Path(video.path).name]
    return list(dict.fromkeys(places))


def _at(project: Project, video: VideoRecord, place: Path, changed: str) -> Found:
    moved = place != Path(video.path)
    if not moved:
        return Found(place)
    if not project.read_only:
        set_place(project, video, place)
    return Found(place, True, changed)


def set_place(project: Project, video: VideoRecord, place: Path) -> None:
    """Tell a project where a video is, an absolute path, also as seen from the project."""
    path, relative = place_of(place, project.path)
    project.set_video(video.id, path=path, relative=relative)


def _same_size(folder: Path, video: VideoRecord, most_files: int) -> Iterator[Path]:
    """Files, or folders of pictures, of a video's size; those of its name first."""
    name = Path(video.path).name
    found = [place for place in _below(folder, most_files) if _has_size(place, video)]
    yield from sorted(found, key=lambda place: (place.name != name, str(place)))


def _has_size(place: Path, video: VideoRecord) -> bool:
    """Whether there is a file, or a folder of pictures, of a video's size."""
    size = video.fingerprint.partition("-")[0]
    with suppress(OSError, RedError):
        files = [place] if video.frame_names is None else pictures_in(place)
        return len(files) in (1, video.n_frames) and str(_bytes(files)) == size
    return False


def _below(folder: Path, most: int) -> Iterator[Path]:
    """Files and folders, nearest first; hidden ones are left out."""
    waiting = [folder]
    while waiting:
        here = waiting.pop(0)
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            most -= 1
            if most < 0:
                return
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            yield Path(entry.path)


def _bytes(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


def contents_of(place: Path) -> str | None:
    """The fingerprint of a file or folder; None where nothing is that could be a video."""
    try:
        return video_fingerprint(place) if place.exists() else None
    except (OSError, RedError):
        return None
