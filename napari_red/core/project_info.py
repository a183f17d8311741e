"""What a project holds, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from napari_red.core import model_store
from napari_red.core.project import Project
from napari_red.core.video_list import VideoStanding, standings


@dataclass(frozen=True)
class ProjectInfo:
    """A project.

    Attributes
    ----------
    people : name to number of tracks
    models, model : models that the project keeps, and the one that is used
    origins : what predictions came from, over its whole life
    steps, who : length of the edit history, and who is in it
    """

    path: Path
    bytes: int
    videos: tuple[VideoStanding, ...]
    people: dict[str, int]
    models: tuple[str, ...]
    model: str
    origins: tuple[str, ...]
    steps: int
    who: tuple[str, ...]


def look_at(project: Project) -> ProjectInfo:
    """Count; nothing is changed, and another window may have the project open."""
    read = project.database.read
    named = [track.identity.name for track in project.tracks() if track.identity is not None]
    tracks = Counter({one.name: 0 for one in project.identities()})
    tracks.update(named)
    ((steps,),) = read("SELECT COUNT(*) FROM steps")
    return ProjectInfo(
        project.path,
        project.path.stat().st_size,
        tuple(standings(project)),
        dict(sorted(tracks.items())),
        tuple(version.name for version in model_store.versions(project)),
        model_store.current_name(project),
        tuple(row[0] for row in read("SELECT model FROM runs GROUP BY model ORDER BY MIN(id)")),
        steps,
        tuple(row[0] for row in read("SELECT DISTINCT who FROM steps ORDER BY who")),
    )
