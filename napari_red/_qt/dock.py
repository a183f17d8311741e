"""The dock "Face landmarks": puts its parts together and joins them to the workbench."""

from __future__ import annotations

from pathlib import Path

import napari
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_red._qt.attach import attach
from napari_red._qt.boxes import EditBox, FaceBox, ModelBox, RunBox, VideoBox
from napari_red._qt.workbench import AlignerFactory, Workbench
from napari_red.core.aligner_process import AlignerProcess
from trainer.condition import told_of


class FaceLandmarksDock(QScrollArea):
    """Pre-annotate the open video, correct it, export it."""

    def __init__(
        self, napari_viewer: napari.Viewer, make_aligner: AlignerFactory = AlignerProcess
    ) -> None:
        super().__init__()
        attach(napari_viewer)
        self.workbench = Workbench(napari_viewer, make_aligner)
        self.video, self.model, self.faces = VideoBox(), ModelBox(), FaceBox()
        self.run, self.edit = RunBox(), EditBox()
        self.export = QPushButton("Export .pts …")
        self.export.setToolTip("Write NAME/annot/000001.pts and so on into a folder")
        inner = QWidget()
        layout = QVBoxLayout(inner)
        for part in (self.video, self.model, self.faces, self.run, self.edit, self.export):
            layout.addWidget(part)
        layout.addStretch()
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(290)
        self._join()
        self._show_videos()
        self._show_state()

    def close_workbench(self) -> None:
        """Stop what runs and close the project."""
        self.workbench.close()

    def closeEvent(self, event) -> None:
        """The dock goes, and everything it holds open with it."""
        self.close_workbench()
        super().closeEvent(event)

    def _join(self) -> None:
        work = self.workbench
        self.video.chosen.connect(lambda i: work.open(work.videos[i]))
        self.faces.detect.clicked.connect(work.detect)
        self.faces.draw.clicked.connect(work.draw_box)
        self.faces.clear.clicked.connect(work.boxes.clear)
        self.run.start.clicked.connect(self._prealign)
        self.run.cancel.clicked.connect(work.cancel)
        self.edit.undo.clicked.connect(work.view.undo)
        self.edit.redo.clicked.connect(work.view.redo)
        self.edit.show_hidden.clicked.connect(work.view.show_hidden)
        self.export.clicked.connect(self._export)
        work.videos_changed.connect(self._show_videos)
        work.changed.connect(self._show_state)
        work.progressed.connect(self.run.show_progress)
        work.told.connect(self.run.message.setText)

    def _prealign(self) -> None:
        self.workbench.prealign(
            self.model.model, self.model.device.currentText(), self.faces.count.value()
        )

    def _export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the annotation")
        if folder:
            self.workbench.export(Path(folder))

    def _show_videos(self) -> None:
        work = self.workbench
        self.video.show_videos(
            [video.name for video in work.videos],
            work.videos.index(work.video) if work.video in work.videos else None,
            str(work.session.project_path) if work.session else "",
        )

    def _show_state(self) -> None:
        work = self.workbench
        faces = work.session.n_faces if work.session else 0
        ready = work.session is not None
        self.run.show_busy(work.busy, can_start=ready)
        for button in (self.faces.detect, self.faces.draw):
            button.setEnabled(ready and not work.busy)
        self.export.setEnabled(bool(faces) and not work.busy)
        boxes = work.boxes.boxes()
        self.faces.show_boxes(len(boxes or ()), work.boxes.frame)
        self.edit.setEnabled(bool(faces))
        self.edit.state.setText(self._frame_state())

    def _frame_state(self) -> str:
        work = self.workbench
        if work.video is None:
            return "No video."
        shown, total = work.video.shown_frame + 1, work.video.data.shape[0]
        if work.video.late:
            wanted = work.video.screen.wanted + 1
            return f"Frame {wanted} is being decoded; this is {shown}, locked until then."
        view = work.view.current
        parts = [f"Frame {shown} of {total}"]
        if not view.visible.any():
            parts.append("no landmarks")
        if view.corrected.any():
            parts.append(f"{int(view.corrected.sum())} corrected")
        if view.hidden.any():
            parts.append(f"{int(view.hidden.sum())} not visible")
        size = (work.video.data.shape[2], work.video.data.shape[1])
        for face, (points, sure) in enumerate(zip(view.landmarks, view.confidence, strict=True), 1):
            parts += [f"face {face} {words}" for words in told_of(points, sure, size)]
        return ", ".join(parts) + "."
