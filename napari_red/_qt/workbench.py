"""What the dock works with: the project, the open video, its session and its layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Shapes
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_red._qt.background import Background
from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.face_boxes import FaceBoxes
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.left_off import LeftOff
from napari_red._qt.project_layer import ProjectLayer, landmarks_on_top
from napari_red._qt.runner import Jobs
from napari_red._qt.seen import Eyes, videos_in
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.feature_store import FeatureStore
from napari_red.core.find_videos import contents_of
from napari_red.core.model_store import file_for
from napari_red.core.project import Project
from napari_red.core.records import TrackRecord, VideoRecord
from napari_red.core.session import Session
from napari_red.core.sessions import Sessions
from trainer.errors import RedError

AlignerFactory = Callable[[str, str], AlignerProcess]


class Workbench(QObject):
    """The project and the video that are worked on.

    A video that is dropped into napari works at once, with a project of its own beside it.
    A project that a person opened stays open, and its videos take turns in one layer.

    Parameters
    ----------
    viewer : the viewer the dock is in
    make_aligner : callable
        From model and device to an aligner with ``run`` and ``stop``.
    left : where a dock that was closed left off; this one goes on there

    Attributes
    ----------
    runner : the job that concerns the open video or writes files
    batch : the job that goes through many videos beside it
    projects : dict
        Absolute path of a video to its project file, where that isn't the usual one.
    sessions : where videos are kept: in the project a person opened, or in their own
    layer : where the videos of a project take turns
    session, video : what is worked on, None where no video is open
    view : its landmarks on the canvas

    Signals
    -------
    videos_changed : other videos in the project or the viewer, or another one is open
    changed : the shown frame, the landmarks, the boxes or the job's state are others
    edited : first and last frame of which something is known anew
    tracks_changed : the open video has other faces or names
    face_changed : another face is chosen
    """

    videos_changed = Signal()
    changed = Signal()
    edited = Signal(int, int)
    tracks_changed = Signal()
    face_changed = Signal()
    _told = Signal(int, int)

    def __init__(
        self,
        viewer: ViewerModel,
        make_aligner: AlignerFactory = AlignerProcess,
        left: LeftOff | None = None,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.boxes = FaceBoxes(viewer)
        self.boxes.changed.connect(self.changed)
        self.jobs = Jobs()
        self.runner, self.batch = self.jobs.runner, self.jobs.batch
        self.jobs.changed.connect(self.changed)
        self.background = Background()
        self.background.failed.connect(show_error)
        self.sessions = Sessions()
        self.layer = ProjectLayer(viewer, self.background, self._held, self._leave, self.open)
        self.video: VideoLayer | None = None
        self.session: Session | None = None
        self.store: FeatureStore | None = None
        self.view = LandmarkView(viewer)
        self.view.shown.connect(self._on_shown)
        self.eyes = Eyes(viewer, self.jobs, self._worked_on, self.open)
        self.view.watch.changed.connect(self.eyes.look)
        self.view.face_changed.connect(lambda _: self.face_changed.emit())
        self.projects: dict[Path, Path | None] = {}
        self._make_aligner = make_aligner
        self._closed = False
        self._tracks: list[TrackRecord] = []
        self._told.connect(self._on_edited)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        if left is not None:
            self._go_on(left)
        elif self.videos:
            self.open(self.videos[-1])

    @property
    def videos(self) -> list[VideoLayer]:
        """The videos in the viewer, from the bottom up."""
        return videos_in(self.viewer)

    @property
    def shown_project(self) -> Project | None:
        """The project of the open video, else the one a person opened; None as long as
        there is no file."""
        return self.session.project if self.session is not None else self.sessions.project

    @property
    def busy(self) -> bool:
        """True while a job runs that concerns the open video or writes files."""
        return self.runner.busy

    @property
    def face(self) -> int | None:
        """The face that buttons are about: its number in the session; None if there is none."""
        return self.view.face if self.session is not None and self.session.n_faces else None

    def make_aligner(self, model: str, device: str) -> AlignerProcess:
        """What finds landmarks: with a model that ships, one of the project, or a file's."""
        return self._make_aligner(file_for(self.shown_project, model), device)

    # -- projects ------------------------------------------------------------------

    def open_project(self, path: str | Path) -> None:
        """Open a project file, made if it isn't there, instead of the one that is open.

        Raises
        ------
        RedError
            If it can't be used; what was open stays open.
        """
        if self.jobs.hold_project():
            return
        path = Path(path)
        if self.shown_project is not None and path.absolute() == self.shown_project.path.absolute():
            return
        project = Project(path, "auto")
        self._leave()
        self.sessions.use(project)
        self._new_store(project)
        for layer in self.videos:
            layer.visible = False
        self.videos_changed.emit()
        self.changed.emit()

    def need_project(self) -> Project | None:
        """The project that videos are added to: the shown one, made if there is only a place
        for it. It stays open from now on. None where there is no video either.

        Raises
        ------
        RedError
            If its file can't be made.
        """
        session = self.session
        if session is None or self.sessions.shares(session):
            return self.sessions.project
        if self.jobs.hold_project():
            return None
        project = self.sessions.adopt(session)
        self._new_store(project)
        return project

    # -- videos --------------------------------------------------------------------

    def open(self, video: VideoLayer) -> None:
        """Work on the video of this layer: show it, and the landmarks of its project."""
        if video is self.video:
            self._show_again(video)
            return
        if self._held():
            self.videos_changed.emit()
            return
        self._leave()
        try:
            session = self.sessions.of(video.data.video, self._own(video))
        except RedError as error:
            show_error(str(error))
            self.videos_changed.emit()
            return
        for warning in session.warnings:
            show_warning(warning)
        self.video, self.session = video, session
        self._new_store(session.project)
        session.listeners.append(self._told.emit)
        self.eyes.show(video)
        self._tracks = session.tracks
        self.view.show(video, session)
        QTimer.singleShot(0, lambda: landmarks_on_top(self.viewer, video, self.view.points))
        for signal in (self.videos_changed, self.tracks_changed, self.face_changed, self.changed):
            signal.emit()

    def open_record(self, record: VideoRecord, then: Callable[[], None] = lambda: None) -> None:
        """Work on a video of the shown project; ``then`` is called when it is on the canvas."""
        video, session = self.video, self.session
        if video is not None and session is not None and session.video_id == record.id:
            self._show_again(video)
            then()
            return
        if self._held():
            return
        try:
            project = self.need_project()
        except RedError as error:
            show_error(str(error))
            return
        for layer in self.videos:
            path = Path(layer.data.video.path).absolute()
            if path == Path(record.path) and contents_of(path) == record.fingerprint:
                self.open(layer)
                then()
                return
        if project is not None:
            self.layer.show(project, record, then)

    def go(self, record: VideoRecord, frame: int, face: int | None = None) -> None:
        """Show a frame of any video of the project, and choose a face there."""

        def turn() -> None:
            self.view.turn_to(frame)
            if face is not None:
                self.choose_face(face)

        self.open_record(record, turn)

    def choose_face(self, face: int) -> None:
        """Make the buttons be about this face."""
        if self.session is not None and face < self.session.n_faces:
            self.view.choose_face(face)

    def forget_video(self, video_id: int) -> None:
        """A job found something in a video that may not be the open one."""
        project, store = self.shown_project, self.store
        if project is not None and store is not None:
            for track in project.tracks(video_id):
                store.forget(track.id)
        self.videos_changed.emit()

    def reload(self) -> None:
        """The open video's faces were changed in the project, not in its session."""
        session = self.session
        if session is not None:
            session.reload()
            for listener in list(session.listeners):
                listener(0, session.n_frames - 1)
        self.videos_changed.emit()

    def close(self) -> None:
        """Stop the job, close the project; what is on the screen is in it."""
        if self._closed:
            return
        self.jobs.end()
        self._leave()
        self.view.close()
        self.boxes.close()
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.let_go()

    def let_go(self) -> None:
        """Stop what runs and close the files, without a word to a window that may be gone, and
        without any part of Qt: each of them, this one too, may be deleted already."""
        if self._closed:
            return
        self._closed = True
        self.jobs.leave()
        self.background.close()
        if self.session is not None:
            self.sessions.end(self.session)
        self.sessions.close()

    def left_off(self) -> LeftOff:
        """What is worked on, for a dock that goes on with it later."""
        if self.video is not None:
            self.layer.remember(self.video)
        project = self.sessions.project
        left = LeftOff(
            project=None if project is None else project.path,
            projects=dict(self.projects),
            frames=dict(self.layer.frames),
            face=self.view.face,
            sight=self.view.options.sight,
        )
        left.keep(video=self.video, shared=self.layer.layer, boxes=self.boxes.layer)
        left.keep(points=self.view.points, contours=self.view.contours)
        return left

    # -- inside --------------------------------------------------------------------

    def _go_on(self, left: LeftOff) -> None:
        """Open again what was open, in the same layers, to be seen in the same way."""
        self.view.options.use(left.sight)
        self.view.layers.take_over(
            left.layer("points", LandmarksLayer), left.layer("contours", ContoursLayer)
        )
        self.boxes.use(left.layer("boxes", Shapes))
        self.projects.update(left.projects)
        if left.project is not None:
            try:
                self.open_project(left.project)
            except RedError as error:
                show_error(str(error))
            self.layer.frames.update(left.frames)
            self.layer.layer = left.layer("shared", VideoLayer)
        video = left.layer("video", VideoLayer)
        if video is not None:
            self.open(video)
            self.choose_face(left.face)
        elif self.videos and self.sessions.project is None:
            self.open(self.videos[-1])

    def _own(self, video: VideoLayer) -> Path | None:
        return self.projects.get(Path(video.data.video.path).absolute())

    def _new_store(self, project: Project | None) -> None:
        if project is None:
            self.store = None
        elif self.store is None or self.store.project is not project:
            self.store = FeatureStore(project)

    def _leave(self) -> None:
        self.background.drop()
        self.boxes.clear()
        if self.session is not None and self.video is not None:
            self.layer.remember(self.video)
            self.session.listeners.remove(self._told.emit)
        self.view.leave()
        if self.session is not None:
            self.sessions.end(self.session)
        self.video = self.session = None
        self._tracks = []

    def _on_shown(self) -> None:
        if self.video is not None:
            exact = not self.video.late and not self.view.unseen
            self.boxes.show_on(self.video.shown_frame, exact=exact)
        self.changed.emit()

    def _held(self) -> bool:
        return self.session is not None and self.jobs.hold_video()

    def _worked_on(self) -> VideoLayer | None:
        return None if self._closed else self.video

    def _show_again(self, video: VideoLayer) -> None:
        """The open video was chosen, perhaps while another one was to be opened."""
        self.background.drop("open")
        hidden = not video.visible
        self.eyes.show(video)
        if hidden:
            self.view.reveal()

    def _on_edited(self, first: int, last: int) -> None:
        session = self.session
        if session is None:
            return
        self._new_store(session.project)
        for track in session.tracks:
            if self.store is not None:
                self.store.changed(track.id, first, last)
        if session.tracks != self._tracks:
            self._tracks = session.tracks
            self.tracks_changed.emit()
        self.edited.emit(first, last)

    def _on_inserted(self, event) -> None:
        if isinstance(event.value, VideoLayer):
            self.open(event.value)

    def _on_removed(self, event) -> None:
        if not isinstance(event.value, VideoLayer):
            return
        if event.value is self.layer.layer:
            self.layer.layer = None
        if event.value is self.video:
            for one in (self.runner, self.jobs.edit):
                if one.holds_video:
                    one.end()
            self._leave()
            if self.videos:
                self.open(self.videos[-1])
        self.videos_changed.emit()
        self.changed.emit()
