"""What the dock works with: the open video, its session, its layers, the running job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.components import ViewerModel
from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_error,
    show_info,
    show_warning,
)
from qtpy.QtCore import QObject, Signal

from napari_red._qt.face_boxes import FaceBoxes
from napari_red._qt.job import BackgroundJob
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.export import ExportSummary, export_session
from napari_red.core.jobs import Cancelled, Done, Failed, Progress, ProgressCallback, ShouldStop
from napari_red.core.models import check_model
from napari_red.core.prealign import PrealignSummary, Settings, prealign
from napari_red.core.session import Session
from trainer.detection import default_detector
from trainer.errors import RedError

AlignerFactory = Callable[[str, str], AlignerProcess]


class Workbench(QObject):
    """Everything the buttons of the dock do.

    Parameters
    ----------
    viewer : the viewer the dock is in
    make_aligner : callable
        From model and device to an aligner with ``run`` and ``stop``.

    Attributes
    ----------
    projects : dict
        Absolute path of a video to its project file, where that isn't the usual one.

    Signals
    -------
    videos_changed : videos were opened or removed, or another one is worked on
    changed : the shown frame, the landmarks, the boxes or the job's state are others
    progressed : Progress of the running job
    told : str, one line on how the last job ended
    """

    videos_changed = Signal()
    changed = Signal()
    progressed = Signal(object)
    told = Signal(str)

    def __init__(self, viewer: ViewerModel, make_aligner: AlignerFactory = AlignerProcess) -> None:
        super().__init__()
        self.viewer = viewer
        self.boxes = FaceBoxes(viewer)
        self.boxes.changed.connect(self.changed)
        self.video: VideoLayer | None = None
        self.session: Session | None = None
        self.view = LandmarkView(viewer)
        self.view.shown.connect(self._on_shown)
        self.job: BackgroundJob | None = None
        self.projects: dict[Path, Path | None] = {}
        self._make_aligner = make_aligner
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        if self.videos:
            self.open(self.videos[-1])

    @property
    def videos(self) -> list[VideoLayer]:
        """The videos in the viewer, from the bottom up."""
        return [layer for layer in self.viewer.layers if isinstance(layer, VideoLayer)]

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return self.job is not None

    # -- videos --------------------------------------------------------------------

    def open(self, video: VideoLayer) -> None:
        """Work on this video: show it, and the landmarks of its project."""
        if video is self.video:
            return
        if self.busy:
            show_info("The running job belongs to the other video; cancel it or let it end.")
            self.videos_changed.emit()
            return
        self._leave()
        try:
            opened = video.data.video
            session = Session(opened, self.projects.get(Path(opened.path).absolute()))
        except RedError as error:
            show_error(str(error))
            self.videos_changed.emit()
            return
        for warning in session.warnings:
            show_warning(warning)
        self.video, self.session = video, session
        for other in self.videos:
            other.visible = other is video
        self.view.show(video, session)
        self.videos_changed.emit()
        self.changed.emit()

    def close(self) -> None:
        """Stop the job, close the project; what is on the screen is in it."""
        if self.job is not None:
            self.job.cancel()
            self.job.wait()
        self._leave()
        self.view.close()
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def _leave(self) -> None:
        self.boxes.clear()
        self.view.leave()
        if self.session is not None:
            self.session.close()
        self.video = self.session = None

    def _on_shown(self) -> None:
        if self.video is not None:
            self.boxes.show_on(self.video.shown_frame)
        self.changed.emit()

    def _on_inserted(self, event) -> None:
        if isinstance(event.value, VideoLayer):
            self.open(event.value)

    def _on_removed(self, event) -> None:
        if not isinstance(event.value, VideoLayer):
            return
        if event.value is self.video:
            if self.job is not None:
                self.job.cancel()
                self.job.wait()
                self.job = None
            self._leave()
            if self.videos:
                self.open(self.videos[-1])
        self.videos_changed.emit()
        self.changed.emit()

    # -- jobs ----------------------------------------------------------------------

    def prealign(self, model: str, device: str, faces: int) -> None:
        """Pre-annotate the video; face boxes, if there are any, say which faces."""
        if self.session is None or self.busy:
            return
        try:
            check_model(model)
        except RedError as error:
            show_error(str(error))
            return
        session, boxes = self.session, self.boxes.boxes()
        settings = Settings(
            model=model,
            device=device,
            faces=len(boxes) if boxes else faces,
            boxes=boxes,
            box_frame=self.boxes.frame or 0,
        )
        aligner = self._make_aligner(model, device)

        def work(report: ProgressCallback, should_stop: ShouldStop) -> PrealignSummary:
            try:
                return prealign(session, aligner, settings, report, should_stop)
            finally:
                aligner.close()

        self._start(work, self._say_prealigned, aligner.stop)
        self.progressed.emit(Progress(0, 0, "loading the model …"))

    def detect(self) -> None:
        """Find the faces on the shown frame and put a box round each."""
        if self.video is None or self.busy:
            return
        video, frame = self.video, self.video.shown_frame

        def finish(boxes: list) -> str:
            self.boxes.put(video, frame, boxes)
            if not boxes:
                return f"No face found in frame {frame + 1}: draw a box round it."
            return f"{len(boxes)} face{'s' * (len(boxes) > 1)} found in frame {frame + 1}."

        self._start(lambda *_: default_detector().detect(video.data[frame]), finish)
        self.progressed.emit(Progress(0, 0, "looking for faces …"))

    def draw_box(self) -> None:
        """Let the person draw a box round the face."""
        if self.video is not None:
            self.boxes.draw(self.video)

    def export(self, folder: Path) -> None:
        """Write the ``.pts`` files of the video into a folder."""
        if self.session is None or self.busy:
            return
        session = self.session
        self.view.commit()
        self._start(
            lambda report, stop: export_session(session, folder, report, stop), self._say_exported
        )

    def cancel(self) -> None:
        """Stop the running job."""
        if self.job is not None:
            self.job.cancel()

    def _start(
        self,
        work: Callable,
        finish: Callable[..., str],
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        job = BackgroundJob(work, interrupt)
        job.progressed.connect(self.progressed)
        job.ended.connect(lambda outcome: self._on_ended(job, outcome, finish))
        self.job = job
        job.start()
        self.changed.emit()

    def _on_ended(self, job: BackgroundJob, outcome: object, finish: Callable[..., str]) -> None:
        if job is not self.job:
            return
        self.job = None
        match outcome:
            case Done(value):
                self.told.emit(finish(value))
            case Cancelled():
                self.told.emit("Cancelled; what was found until then is kept.")
            case Failed() as failed:
                self.told.emit(failed.message)
                if isinstance(failed.error, RedError):
                    show_error(failed.message)
                else:
                    notification_manager.dispatch(ErrorNotification(failed.error))
        self.changed.emit()

    def _say_prealigned(self, summary: PrealignSummary) -> str:
        if summary.frames and summary.without_face == summary.frames:
            return "No face found in any frame: draw a box round one and try again."
        rate = summary.frames / summary.seconds if summary.seconds > 0 else 0
        lost = f", no face in {summary.without_face}" if summary.without_face else ""
        return f"{summary.frames} frames in {summary.seconds:.0f} s ({rate:.0f} a second){lost}."

    def _say_exported(self, summary: ExportSummary) -> str:
        return (
            f"{summary.faces} faces in {summary.out}, {summary.corrected} of them corrected"
            + (f"; {summary.without_face} frames without a face." if summary.without_face else ".")
        )
