"""Where an open video's annotations are kept: a project file, and the video's row in it."""

from __future__ import annotations

from pathlib import Path

from napari_red.core import video_rows
from napari_red.core.frame_counts import count_again
from napari_red.core.places import default_places, make_new, open_existing, read_only_warning
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import VideoRecord
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import Video


class VideoHome:
    """The project of one open video. The file, and the row in it, are made when asked for.

    Parameters as those of :class:`napari_red.core.session.Session`, which locks around it.

    Attributes
    ----------
    project : None as long as there is no file
    record : the video's row; None as long as it wasn't asked for
    warnings, recounted : as of a session
    """

    def __init__(
        self, video: Video, project_path: str | Path | None, project: Project | None
    ) -> None:
        self.video = video
        self.fingerprint = video_fingerprint(video.path)
        self.warnings: list[str] = []
        self.recounted: list[str] = []
        self.record: VideoRecord | None = None
        self._places = (
            [Path(project_path)]
            if project_path is not None
            else default_places(video.path, self.fingerprint)
        )
        self._owns_project = project is None
        self._closed = False
        self.project = open_existing(self._places, self.warnings) if project is None else project
        if project is not None and project.read_only:
            self.warnings.append(read_only_warning(project))

    @property
    def path(self) -> Path:
        """Where the project file is, or will be."""
        return self.project.path if self.project is not None else self._places[0]

    @property
    def wanted(self) -> range:
        """The video's frames that are worked on."""
        n_frames = self.video.n_frames
        return range(n_frames) if self.record is None else self.record.wanted_frames

    def follow_part(self) -> None:
        """Read anew which frames are worked on."""
        if self.project is not None and self.record is not None:
            self.record = self.project.video(self.record.id)

    def close(self) -> None:
        """Close the project file, unless it is another's."""
        if self.project is not None and self._owns_project:
            self.project.close()
        self.project = None
        self._closed = True

    def hand_over(self) -> Project:
        """The project file, made if it isn't there; the caller closes it from now on."""
        project, _ = self.opened()
        self._owns_project = False
        return project

    def opened(self) -> tuple[Project, VideoRecord]:
        """The project file and this video's record in it, made if they aren't there."""
        if self._closed:
            raise ProjectError(f"{self._places[0]}: the video was closed meanwhile; open it again")
        if self.project is None:
            self.project = make_new(self._places, self.warnings)
        if self.record is None:
            record = self.project.add_video(
                self.video.path, self.fingerprint, **video_rows.described(self.video)
            )
            self.recounted = count_again(self.project, record, self.video)
            self.warnings += self.recounted
            self.record = self.project.video(record.id)
        return self.project, self.record

    def is_known(self) -> bool:
        """Whether the project has this video; warns where it has another version of it."""
        if self.project is None:
            return False
        videos = self.project.videos()
        if any(record.fingerprint == self.fingerprint for record in videos):
            return True
        path = str(Path(self.video.path).absolute())
        if any(record.path == path for record in videos):
            self.warnings.append(
                f"{path}: the video has changed since it was annotated; its earlier "
                f"landmarks are kept in {self.project.path}, and it starts anew here"
            )
        return False
