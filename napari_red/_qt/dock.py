"""The dock "Face landmarks": puts its parts together and joins them to the workbench."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import napari
from napari.layers import Vectors
from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_red._qt import left_off, tasks
from napari_red._qt.attach import attach
from napari_red._qt.export_control import ExportControl
from napari_red._qt.faces_control import FacesControl
from napari_red._qt.frame_words import frame_words
from napari_red._qt.improve_control import ImproveControl, model_names
from napari_red._qt.improving import Improving
from napari_red._qt.panels.export import ExportPanel
from napari_red._qt.panels.faces import FacesPanel
from napari_red._qt.panels.improve import ImprovePanel
from napari_red._qt.panels.review import ReviewPanel
from napari_red._qt.panels.videos import VideosPanel
from napari_red._qt.proposal_layer import ProposedContours
from napari_red._qt.retrack_control import RetrackControl, stretches
from napari_red._qt.review_control import ReviewControl
from napari_red._qt.sections import Sections
from napari_red._qt.state import StateBar
from napari_red._qt.strip import ReviewStrip
from napari_red._qt.videos_control import VideosControl
from napari_red._qt.view_options import ViewOptionsBox
from napari_red._qt.who_control import WhoControl
from napari_red._qt.workbench import AlignerFactory, Workbench
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.prealign import Settings

WIDTH = 336
"""Least width in pixels."""


class FaceLandmarksDock(QWidget):
    """Pre-annotate videos, correct them, export them.

    Closed, it lets go of everything; the next one in the same viewer goes on where it was.

    Attributes
    ----------
    workbench : the project and the open video
    sections : the panels below each other; more can be added with ``sections.add``
    state, videos, faces, review, export, strip : what it is made of
    """

    def __init__(
        self, napari_viewer: napari.Viewer, make_aligner: AlignerFactory = AlignerProcess
    ) -> None:
        super().__init__()
        # A plugin is handed a stand-in, which tells of every private name as a mistake.
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        attach(viewer)
        left = left_off.take(viewer)
        self._closed = False
        self.workbench = Workbench(viewer, make_aligner, left)
        self.state = StateBar()
        self.videos, self.faces = VideosPanel(), FacesPanel()
        self.review, self.export = ReviewPanel(), ExportPanel()
        self.improving = Improving()
        self.improve = ImprovePanel(self.improving)
        self.strip = ReviewStrip(viewer)
        self.sections = Sections()
        self._put_together()
        work = self.workbench
        self.videos_control = VideosControl(self.videos, work, self.settings)
        self.faces_control = FacesControl(self.faces, work)
        self.review_control = ReviewControl(self.review, self.strip, work)
        self.export_control = ExportControl(self.export, work)
        self.retrack_control = RetrackControl(self.review, work, self.chosen_model)
        self.proposed = ProposedContours(work.view, left and left.layer("proposed", Vectors))
        self.who_control = WhoControl(self.faces, work, self.chosen_model)
        self.improve_control = ImproveControl(self.improve, self.improving, work, self.settings)
        self._join()
        self.strip.put_in(viewer)
        self.destroyed.connect(self.improving.leave)
        self.destroyed.connect(self.workbench.let_go)
        self.videos_control.refresh()
        self.faces_control.refresh()
        self.export_control.refresh()
        self.improve_control.refresh()
        self.review_control.ask()
        if left is not None:
            self.state.model.choose(left.model, left.device)
        self._show_state()

    def sizeHint(self) -> QSize:
        """Wide enough for every row, and no wider: the canvas needs the room."""
        return QSize(max(self.minimumSizeHint().width(), WIDTH), super().sizeHint().height())

    def chosen_model(self) -> tuple[str, str]:
        """The model and the device that are chosen."""
        return self.state.model.model, self.state.model.device.currentText()

    def settings(self) -> Settings:
        """What to look for in many videos."""
        model, device = self.chosen_model()
        return Settings(model=model, device=device, faces=self.faces.count.value())

    def close_workbench(self) -> None:
        """Stop what runs, close the project, hide the layers, take the strip away."""
        if self._closed:
            return
        self._closed = True
        self.proposed.close()
        self.improve_control.close()
        self.workbench.close()
        self.strip.take_out()

    def closeEvent(self, event) -> None:
        """The dock goes, and everything it holds open with it."""
        self.close_workbench()
        super().closeEvent(event)

    def changeEvent(self, event) -> None:
        """napari's × doesn't close what is in a dock: it takes it out and forgets it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            self._taken_out()

    def _taken_out(self) -> None:
        if self._closed:
            return
        model, device = self.chosen_model()
        left = replace(self.workbench.left_off(), model=model, device=device)
        left.keep(proposed=self.proposed.layer)
        ended = self._unfinished()
        self.close_workbench()
        left_off.leave(self.workbench.viewer, left)
        if ended:
            show_warning(
                f"The dock was closed, and {' and '.join(ended)} with it. What is in the project "
                "stays; open the dock again to go on."
            )
        self.deleteLater()

    def _unfinished(self) -> list[str]:
        """What closing the dock ends before it is done, in words."""
        standing = {
            "the running job": self.workbench.jobs.busy,
            "the training": self.improving.busy,
            "the re-track that waited to be kept": self.retrack_control.proposal is not None,
        }
        return [what for what, there in standing.items() if there]

    def _put_together(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(4)
        layout.addWidget(self.state)
        layout.addWidget(self.sections, stretch=1)
        for title, panel, tip in (
            ("Videos", self.videos, "The project, its videos, and pre-annotating them"),
            ("Faces", self.faces, "The faces of the open video: find, name and mend them"),
            ("Review", self.review, "What needs a person next; accept, undo, re-track"),
            ("Export", self.export, "Annotation files for other programs"),
        ):
            self.sections.add(title, panel, tip)
        tip = "Teach the model what was corrected; it is taken only if it gets better"
        self.sections.add("Improve", self.improve, tip, below="Review", opened=False)
        view = ViewOptionsBox(self.workbench.view.options)
        self.sections.add("View", view, "What is shown on the canvas, and how", opened=False)
        for title in ("Faces", "Review"):  # where there is little room, these stay open
            self.sections.open(title)
        self.setMinimumWidth(WIDTH)

    def _join(self) -> None:
        work, job = self.workbench, self.state.job
        self.videos.start.clicked.connect(self._prealign)
        for runner in (work.runner, work.jobs.edit):
            job.cancel.clicked.connect(runner.cancel)
            runner.progressed.connect(job.show_progress)
        for runner in work.jobs.all:
            runner.told.connect(job.tell)
            runner.failed.connect(job.warn)
        self.state.help.clicked.connect(lambda: work.view.show_help())
        work.view.actions.told.connect(job.tell)
        work.view.actions.name_wanted.connect(self._ask_name)
        work.videos_changed.connect(self._show_state)
        work.tracks_changed.connect(self._show_state)
        work.changed.connect(self._show_state)
        self.review_control.overview.connect(self.faces_control.show_seen)
        self.retrack_control.proposed.connect(
            lambda proposal: self.strip.show_proposed(stretches(proposal))
        )
        self.retrack_control.proposed.connect(self.proposed.show)
        for control in (
            self.videos_control,
            self.faces_control,
            self.retrack_control,
            self.who_control,
            self.improve_control,
        ):
            control.failed.connect(job.warn)
        self.improve_control.models_changed.connect(self._show_models)
        self.improve_control.video_told.connect(self.videos_control.hear)
        self.state.model.chosen.connect(self.improve_control.use)
        self.faces_control.told.connect(job.tell)
        for title, source in (
            ("Videos", self.videos_control),
            ("Faces", self.faces_control),
            ("Review", self.review_control),
            ("Export", self.export_control),
        ):
            source.stands.connect(partial(self.sections.say, title))

    def _show_models(self) -> None:
        project = self.workbench.shown_project
        used = self.improve_control.chosen
        self.state.model.show_project_models(model_names(project), used)

    def _ask_name(self, face: int) -> None:
        self.sections.open("Faces")
        self.faces.ask_name()

    def _prealign(self) -> None:
        tasks.prealign_video(self.workbench, *self.chosen_model(), self.faces.count.value())

    def _show_state(self) -> None:
        work = self.workbench
        session, project = work.session, work.shown_project
        path = str(project.path if project else session.project_path if session else "")
        locked = project.locked if project is not None else ""
        self.state.project.show_project(path, locked, made=project is not None)
        words = frame_words(work.video, work.view.current)
        self.state.frame.setText(work.view.held or words)
        self.state.job.show_busy(work.busy or work.jobs.edit.busy)
        self._enable(has_video=session is not None, can_write=not locked)

    def _enable(self, *, has_video: bool, can_write: bool) -> None:
        """What can be pressed now."""
        work = self.workbench
        faces = work.session.n_faces if work.session is not None else 0
        ready = has_video and can_write and not work.busy
        self.videos.start.setEnabled(ready and not work.batch.busy)
        for button in (self.faces.detect, self.faces.draw):
            button.setEnabled(ready)
        edits = (self.review.accept, self.review.accept_up_to)
        for button in (*edits, self.review.undo, self.review.redo):
            button.setEnabled(bool(faces) and can_write)
        for button in (self.review.backward, self.review.both, self.review.forward):
            button.setEnabled(bool(faces) and ready)
        self.export.start.setEnabled(bool(work.shown_project) and not work.busy)
        boxes = work.boxes.boxes()
        self.faces.show_boxes(len(boxes or ()), work.boxes.frame)
