"""The parts of the dock: each a few controls, all of them passive."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_red.core.jobs import Progress
from napari_red.core.models import DEVICES, SUFFIX, shipped_models
from trainer.palette import GROUP_COLOURS

MOST_FACES = 8


def _row(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, stretch=1 if isinstance(widget, QComboBox) else 0)
    return layout


def _note(text: str = "") -> QLabel:
    """A label that wraps and never widens the dock, however long a path is in it."""
    label = QLabel(text)
    label.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


class VideoBox(QGroupBox):
    """Which video is worked on, and where its landmarks are kept.

    Signals
    -------
    chosen : int, position of the video in the list
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Video")
        self.videos = QComboBox()
        self.videos.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.place = _note()
        layout = QVBoxLayout(self)
        layout.addWidget(self.videos)
        layout.addWidget(self.place)
        self.videos.activated.connect(self.chosen)

    def show_videos(self, names: list[str], current: int | None, project: str) -> None:
        """List the videos; ``project`` is the path of the current one's project file."""
        self.videos.clear()
        self.videos.addItems(names)
        self.videos.setEnabled(bool(names))
        self.videos.setCurrentIndex(-1 if current is None else current)
        self.place.setText(
            f"Saved at once in {project}" if project else "Open or drop a video to begin."
        )
        # A path has no spaces to break it at; the zero-width ones are for that.
        self.place.setText(self.place.text().replace("/", "/\u200b"))
        self.place.setToolTip(project)


class ModelBox(QGroupBox):
    """Which network, and where it runs."""

    def __init__(self) -> None:
        super().__init__("Model")
        self.models = QComboBox()
        for name in shipped_models():
            self.models.addItem(name, name)
        self.models.setToolTip("Models that ship with napari-red, and files you chose")
        self.from_file = QPushButton("File …")
        self.from_file.setToolTip(f"Choose a {SUFFIX} file, such as one you fine-tuned")
        self.device = QComboBox()
        self.device.addItems(DEVICES)
        self.device.setToolTip("auto takes the fastest device there is")
        layout = QVBoxLayout(self)
        layout.addLayout(_row(self.models, self.from_file))
        layout.addLayout(_row(QLabel("Device"), self.device))
        self.from_file.clicked.connect(self._choose)

    @property
    def model(self) -> str:
        """Name or path of the chosen model; empty if there is none."""
        return self.models.currentData() or ""

    def add_file(self, path: str) -> None:
        """Offer a model file, and choose it."""
        if self.models.findData(path) < 0:
            self.models.addItem(path.rsplit("/", 1)[-1], path)
        self.models.setCurrentIndex(self.models.findData(path))

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model file", "", f"Models (*{SUFFIX})")
        if path:
            self.add_file(path)


class FaceBox(QGroupBox):
    """Which faces: found by themselves, or boxes on one frame."""

    def __init__(self) -> None:
        super().__init__("Faces")
        self.count = QSpinBox()
        self.count.setRange(1, MOST_FACES)
        self.count.setToolTip("How many faces to follow when no box is drawn")
        self.detect = QPushButton("Detect")
        self.detect.setToolTip("Find the faces on the shown frame")
        self.draw = QPushButton("Draw box")
        self.draw.setToolTip("Draw a rectangle round each face on the shown frame")
        self.clear = QPushButton("Clear")
        self.note = _note()
        layout = QVBoxLayout(self)
        layout.addLayout(_row(QLabel("Follow"), self.count))
        layout.addLayout(_row(self.detect, self.draw, self.clear))
        layout.addWidget(self.note)

    def show_boxes(self, count: int, frame: int | None) -> None:
        """Say where alignment will start."""
        self.count.setEnabled(not count)
        self.clear.setEnabled(frame is not None or bool(count))
        if count and frame is not None:
            faces = "1 box" if count == 1 else f"{count} boxes"
            self.note.setText(f"{faces} on frame {frame + 1}: followed both ways from there.")
        else:
            self.note.setText("Found by themselves.")


class RunBox(QGroupBox):
    """Pre-annotate, with progress and cancel."""

    def __init__(self) -> None:
        super().__init__("Landmarks")
        self.start = QPushButton("Pre-annotate")
        self.start.setToolTip(
            "Find the landmarks in every frame; corrected frames stay as they are"
        )
        self.cancel = QPushButton("Cancel")
        self.progress = QProgressBar()
        self.message = _note()
        layout = QVBoxLayout(self)
        layout.addLayout(_row(self.start, self.cancel))
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        self.show_busy(False, can_start=False)

    def show_busy(self, busy: bool, *, can_start: bool) -> None:
        """Which buttons can be pressed."""
        self.start.setEnabled(can_start and not busy)
        self.cancel.setEnabled(busy)
        self.progress.setVisible(busy)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar; an unknown total makes it run back and forth."""
        self.progress.setRange(0, progress.total)
        self.progress.setValue(progress.done)
        self.message.setText(progress.message)


class EditBox(QGroupBox):
    """The shown frame: what is corrected, undo and redo, what the colours mean."""

    def __init__(self) -> None:
        super().__init__("Shown frame")
        self.state = _note()
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take the last correction back (Ctrl+Z)")
        self.redo = QPushButton("Redo")
        self.redo.setToolTip("Ctrl+Shift+Z")
        self.show_hidden = QPushButton("Show hidden")
        self.show_hidden.setToolTip("Landmarks that were deleted are only hidden")
        legend = _note(
            " ".join(
                f'<span style="color: rgb{colour}">●</span>&nbsp;{group}'
                for group, colour in GROUP_COLOURS.items()
            )
            + " ◆&nbsp;corrected; faint where unsure"
        )
        legend.setTextFormat(Qt.TextFormat.RichText)
        layout = QVBoxLayout(self)
        layout.addWidget(self.state)
        layout.addLayout(_row(self.undo, self.redo, self.show_hidden))
        layout.addWidget(legend)
