"""The panel "Improve": one button that teaches the model what was corrected."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from napari_red._qt.curves import TrainingCurves
from napari_red._qt.improving import Improving
from napari_red._qt.parts import button, column, note, row
from napari_red.core.improve import Improvement, Material
from napari_red.core.jobs import Progress

STAGES = {
    1: "1 of 3, landmarks",
    2: "2 of 3, who it is",
    3: "3 of 3, motion",
}


class ImprovePanel(QWidget):
    """Starts a round of fine-tuning, shows how it goes, and what came out.

    Signals
    -------
    start_wanted : improve the model, or go on with a round that was broken off
    anew_wanted : improve it with all corrections, whatever was broken off
    models_wanted, reannotate_wanted, look_wanted : a button was pressed
    """

    start_wanted = Signal()
    anew_wanted = Signal()
    models_wanted = Signal()
    reannotate_wanted = Signal()
    look_wanted = Signal()

    def __init__(self, improving: Improving) -> None:
        super().__init__()
        self._improving = improving
        self._steps_before = self._step = 0
        self._asides: list[str] = []
        self._has_material = False
        self.model = note()
        self.material = note()
        self.start = button(
            "Improve the model",
            "Train the whole network on what was corrected and accepted, in its three stages. "
            "You can go on working meanwhile. A model that is not better is not taken.",
            lambda: self._start(self.start_wanted),
        )
        self.anew = button(
            "Begin anew",
            "Drop the round that was broken off, and train on all corrections from the beginning",
            lambda: self._start(self.anew_wanted),
        )
        self.broken_off = note()
        self.broken_off.setText(
            "A round was broken off. Corrections made since aren't in it: go on with it, or begin "
            "anew with all of them."
        )
        self.models = button(
            "Models …",
            "Compare, choose, name, export the project's models",
            self.models_wanted.emit,
        )
        self.look = button(
            "Look", "Open the folder with the frames that were pushed", self.look_wanted.emit
        )
        self.stop = button(
            "Stop early",
            "Keep the best so far, if it is better than the old model",
            improving.stop_early,
        )
        self.cancel = button("Cancel", "Stop at once; everything stays as it was", improving.cancel)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.curves = TrainingCurves()
        self.result = note()
        self.reannotate = button(
            "Re-annotate",
            "Let the model go over all videos again. Faces that look like those you corrected are "
            "changed alike; what you corrected or accepted stays",
            self.reannotate_wanted.emit,
        )
        column(
            self,
            self.model,
            self.material,
            self.broken_off,
            row(self.start, self.anew, self.look),
            row(self.reannotate, self.models),
            self.progress,
            self.curves,
            row(self.stop, self.cancel, None),
            self.result,
        )
        improving.changed.connect(self.refresh)
        improving.progressed.connect(self._on_progress)
        improving.event.connect(self._on_event)
        improving.ended.connect(self._on_ended)
        improving.failed.connect(self._on_failed)
        self.refresh()

    def show_state(self, model: str, material: Material | None) -> None:
        """Say which model is used, and what there is to learn from."""
        self.model.setText(f"Model: {model}")
        self.material.setText("" if material is None else material.words)
        self._has_material = material is not None and material.corrected > 0
        self.refresh()

    def tell(self, words: str) -> None:
        """Say how something ended."""
        self.result.setText(words)

    def refresh(self) -> None:
        """Show the buttons that make sense now."""
        busy = self._improving.busy
        interrupted = self._improving.interrupted
        ready = self._improving.improver is not None
        self.start.setText("Go on with the training" if interrupted else "Improve the model")
        can_start = ready and (interrupted or self._has_material)
        self.start.setEnabled(can_start and not busy)
        self.reannotate.setEnabled(ready and self._has_material and not busy)
        self.models.setEnabled(ready and not busy)
        self.anew.setEnabled(ready and self._has_material)
        for beside in (self.look, self.anew, self.broken_off):
            beside.setVisible(interrupted)
        for part in (self.progress, self.stop, self.cancel):
            part.setVisible(busy)
        self.curves.setVisible(busy or bool(self.curves.errors))

    def _start(self, wanted: Any) -> None:
        self.curves.clear()
        self._steps_before = self._step = 0
        self._asides = []
        self.result.setText("")
        self._say("looking for the frames …")
        wanted.emit()

    def _on_progress(self, progress: Progress) -> None:
        self.progress.setMaximum(max(progress.total, 1))
        self.progress.setValue(progress.done)
        self.progress.setFormat(f"pushing: {progress.message}")

    def _on_event(self, event: dict[str, Any]) -> None:
        kind, message = event["event"], event.get("message")
        if kind == "skipped":
            self._asides.append(f"Stage {STAGES[event['stage']]} was left out: {message}.")
            self._tell_beside()
        elif kind == "stage":
            self._steps_before += self._step
            self._step = int(event["step"])
            self.curves.set_before(event["error_before"])
            if event.get("longer"):
                self._tell_beside(f"{str(message).capitalize()}.")
        elif kind == "step":
            self._step = int(event["step"])
            self._say_step(event)
            self.curves.add_loss(self._steps_before + self._step, event["loss"])
        elif kind == "eval" and "error_now" in event:
            self.curves.add_error(self._steps_before + self._step, event["error_now"])
        elif kind == "anew":
            self._asides.append(f"{message}; it begins anew, with all corrections.")
            self._tell_beside()
        elif kind in ("start", "gate"):
            self._say(str(message))

    def _tell_beside(self, *more: str) -> None:
        self.result.setText(" ".join([*self._asides, *more]))

    def _say_step(self, event: dict[str, Any]) -> None:
        self.progress.setMaximum(max(int(event["steps"]), 1))
        self.progress.setValue(self._step)
        self.progress.setFormat(
            f"stage {STAGES[event['stage']]}; {time_left(event['seconds_left'])}"
        )

    def _say(self, words: str) -> None:
        self.progress.setMaximum(0)
        self.progress.setFormat(words)

    def _on_ended(self, improvement: Improvement | None) -> None:
        if improvement is None:
            self.result.setText("Cancelled; everything is as it was.")
            return
        if improvement.version is None:
            words = f"The old model stays: {improvement.message.removeprefix('kept the old one: ')}"
        else:
            words = f"{improvement.version.name} is used from now on: {improvement.message}"
        self.result.setText(" ".join([f"{words}.", *self._asides, *improvement.notes]))

    def _on_failed(self, message: str) -> None:
        self.result.setText(message)


def time_left(seconds: float) -> str:
    """How long it will take, roughly, for a person."""
    if seconds < 10:
        return "some seconds left"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10} seconds left"
    return f"about {round(seconds / 60)} minutes left"
