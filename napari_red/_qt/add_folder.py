"""The dialog that adds a folder of videos."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_red._qt.parts import button, row

_MOST = 2**31 - 1


class AddFolderDialog(QDialog):
    """Asks for a folder, whose names its folders are, and which frames to work on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a folder of videos")
        self.folder = QLineEdit()
        self.folder.setMinimumWidth(320)
        self.folder.setToolTip("Every video in it and below it is added")
        self.people = QCheckBox("A folder's name is the name of the person in it")
        self.people.setToolTip("anna/clip1.mp4: the first face of clip1 is anna")
        self.first, self.last, self.stride = QSpinBox(), QSpinBox(), QSpinBox()
        self.first.setRange(1, _MOST)
        self.last.setRange(0, _MOST)
        self.last.setSpecialValueText("the end")
        self.stride.setRange(1, 10_000)
        self.stride.setPrefix("every ")
        self.stride.setToolTip("1 is every frame, 10 every tenth")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Folder", row(self.folder, button("…", "Choose a folder", self._choose)))
        form.addRow("", self.people)
        form.addRow("From frame", self.first)
        form.addRow("To frame", self.last)
        form.addRow("Step", self.stride)
        form.addRow(self.buttons)

    @property
    def options(self) -> dict[str, Any]:
        """For :func:`napari_red.core.add_videos.add_videos`."""
        return {
            "identity_from_folder": self.people.isChecked(),
            "start": self.first.value() - 1,
            "stop": self.last.value() or None,
            "stride": self.stride.value(),
        }

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with videos", self.folder.text())
        if folder:
            self.folder.setText(folder)
