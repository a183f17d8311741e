"""What is always in sight at the top of the dock: project, model, device, frame, the job."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QProgressBar, QWidget

from napari_red._qt.parts import ElidedLabel, button, column, note, row
from napari_red.core.jobs import Progress
from napari_red.core.models import ABOUT, DEVICES, SUFFIX, shipped_models

_WARNING = "color: #e0a030;"


class ProjectLine(QWidget):
    """Which project file everything is saved in, and why it can't be, if so."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ElidedLabel()
        self.name.setStyleSheet("font-weight: bold;")
        self.locked = note()
        self.locked.setStyleSheet(_WARNING)
        column(self, self.name, self.locked, margin=0)

    def show_project(self, path: str, locked: str, *, made: bool) -> None:
        """Show its path; ``made`` says whether the file is there already, ``locked`` why
        nothing can be written and what to do."""
        if not path:
            self.name.setText("No project")
            self.name.setToolTip("Open or drop a video, or open a project under Videos.")
        else:
            self.name.setText(path.replace("\\", "/").rsplit("/", 1)[-1])
            saved = "Saved at once in" if made else "Will be saved, from the first change on, in"
            self.name.setToolTip(f"{saved} {path}")
        self.locked.setVisible(bool(locked))
        self.locked.setText(f"Read-only, because {locked}.")


class ModelLine(QWidget):
    """Which network, and where it runs.

    Signals
    -------
    chosen : str, a person chose this model
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.models = QComboBox()
        self.models.setMinimumContentsLength(6)
        self.models.activated.connect(lambda _: self.chosen.emit(self.model))
        self._of_project: list[str] = []
        for place, name in enumerate(shipped_models()):
            self.models.addItem(name, name)
            self.models.setItemData(place, ABOUT.get(name, ""), Qt.ItemDataRole.ToolTipRole)
        self.models.setToolTip(
            "Model: those that ship with napari-red, those of the project, and files you chose\n"
            + "\n".join(f"{name}: {about}" for name, about in ABOUT.items())
        )
        self.from_file = button(
            "…", f"Choose a {SUFFIX} file, such as one you fine-tuned", self._choose
        )
        self.from_file.setMaximumWidth(28)
        self.device = QComboBox()
        self.device.addItems(DEVICES)
        self.device.setToolTip("Device: auto takes the fastest one there is")
        layout = row(self.models, self.from_file, self.device)
        layout.setStretch(2, 0)
        self.setLayout(layout)

    @property
    def model(self) -> str:
        """Name or path of the chosen model; empty if there is none."""
        return self.models.currentData() or ""

    def show_project_models(self, names: Sequence[str], used: str) -> None:
        """Offer the models of a project after those that ship, and choose the one it uses."""
        for name in self._of_project:
            self.models.removeItem(self.models.findData(name))
        self._of_project = list(names)
        for place, name in enumerate(names, len(shipped_models())):
            self.models.insertItem(place, name, name)
        self.models.setCurrentIndex(max(self.models.findData(used), 0))

    def add_file(self, path: str, name: str = "") -> None:
        """Offer a model file, and choose it; ``name`` is what it is called."""
        if self.models.findData(path) < 0:
            self.models.addItem(name or path.replace("\\", "/").rsplit("/", 1)[-1], path)
        self.models.setCurrentIndex(self.models.findData(path))

    def choose(self, model: str, device: str) -> None:
        """Choose what was chosen before: a model of the list or a file, and a device."""
        place = self.models.findData(model)
        if place >= 0:
            self.models.setCurrentIndex(place)
        elif model:
            self.add_file(model)
        self.device.setCurrentText(device)

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model file", "", f"Models (*{SUFFIX})")
        if path:
            self.add_file(path)
            self.chosen.emit(path)


class JobLine(QWidget):
    """How the running job goes, how the last one ended, and cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(10)
        self.cancel = button("Cancel", "Stop the running job; what it found until then is kept")
        self.message = note()
        self.message.setMinimumHeight(self.message.fontMetrics().height() + 4)  # never jumps
        self.bar = QWidget()
        bar = row(self.progress, self.cancel)
        bar.setStretch(0, 1)
        self.bar.setLayout(bar)
        column(self, self.bar, self.message, margin=0)
        self.show_busy(False)
        self.tell("")

    def show_busy(self, busy: bool) -> None:
        """Whether there is something to cancel."""
        self.bar.setVisible(busy)
        self.cancel.setEnabled(busy)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar; an unknown total makes it run back and forth."""
        self.progress.setRange(0, progress.total)
        self.progress.setValue(progress.done)
        self.tell(progress.message)

    def tell(self, text: str) -> None:
        """Say how it went."""
        self._say(text, "")

    def warn(self, text: str) -> None:
        """Say what went wrong, and what to do."""
        self._say(text, _WARNING)

    def _say(self, text: str, style: str) -> None:
        self.message.setText(text.replace("/", "/\u200b"))
        self.message.setToolTip(text)
        if self.message.styleSheet() != style:
            self.message.setStyleSheet(style)


class StateBar(QWidget):
    """The lines together."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.model, self.job = ProjectLine(), ModelLine(), JobLine()
        self.frame = note("No video.")
        self.frame.setToolTip("The frame on the canvas, and what is known of it")
        self.help = button("?", "Help: how everything is done, and all keys (F1)")
        self.help.setMaximumWidth(24)
        top = row(self.project, self.help)
        top.setStretch(0, 1)
        column(self, top, self.model, self.frame, self.job)
