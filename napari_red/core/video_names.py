"""What the videos of a project are called for a person, and which one a person means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_red.core.find_videos import contents_of
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import VideoRecord


def told_apart(videos: Sequence[VideoRecord]) -> dict[int, str]:
    """Number of each video of a project to its name or, where others have the same, to as
    much of the end of its path as no other video has: ``a/clip.mp4``."""
    many = Counter(video.name for video in videos)
    parts = {video.id: Path(video.path).parts for video in videos}
    found = {video.id: video.name for video in videos if many[video.name] == 1}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        if len(found) == len(videos):
            break
        ends = Counter(path[-length:] for path in parts.values())
        for number, path in parts.items():
            if number not in found and ends[path[-length:]] == 1:
                found[number] = Path(*path[-length:]).as_posix()
    return {video.id: found.get(video.id, video.path) for video in videos}


def video_meant(project: Project, said: str) -> VideoRecord:
    """The video of a project that is called so, or lies there.

    Parameters
    ----------
    said : a name; the path of the file or folder, or the end of the path it was last seen at

    Raises
    ------
    ProjectError
        If no video is meant, or several are; says what they are called.
    """
    videos = project.videos()
    called = [video for video in videos if video.name == said]
    if len(called) == 1:
        return called[0]
    contents = contents_of(Path(said))
    end = Path(said).parts
    for found in (
        [video for video in videos if video.fingerprint == contents],
        [video for video in videos if end and Path(video.path).parts[-len(end) :] == end],
    ):
        if len(found) == 1:
            return found[0]
        called = called or found
    names = told_apart(videos)
    if called:
        paths = ", ".join(names[video.id] for video in called)
        raise ProjectError(
            f"{project.path}: has several videos called {said}; say which one by its path: {paths}"
        )
    raise ProjectError(
        f"{project.path}: has no video called {said}; it has {', '.join(names.values())}"
    )
