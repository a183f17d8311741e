"""Annotation files out: which format, what of it, where to."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QSizePolicy, QWidget

from napari_red._qt.parts import ElidedLabel, breakable, button, column, note, row
from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import LastExport
from napari_red.core.formats.registry import FORMATS


class ExportPanel(QWidget):
    """Passive: holds the choice and the folder.

    Attributes
    ----------
    folder : where to; None where there is nothing to export

    Signals
    -------
    folder_changed : another folder is shown
    """

    folder_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder: Path | None = None
        self.format = QComboBox()
        for key, one in FORMATS.items():
            if one.writer is not None:
                self.format.addItem(one.title, key)
        self.format.currentIndexChanged.connect(self._show_format)
        self.about = note()
        self.frames = QComboBox()
        self.frames.addItems(["all frames", "accepted frames"])
        self.frames.setToolTip("Whether frames that nobody accepted go out too")
        self.videos = QComboBox()
        self.videos.addItems(["this video", "all videos"])
        self.videos.setToolTip("The open video, or every video of the project")
        self.pseudonyms = QCheckBox("Pseudonyms")
        self.pseudonyms.setToolTip("person_01 and so on go out instead of names")
        self.where = ElidedLabel()
        self.change = button("Into …", "Choose another folder", self._choose_folder)
        self.start = button("Export", "Write the files into this folder (Ctrl+Shift+E)")
        self.result = note()
        self.open_folder = button("Open folder", "Look at what was written", self._open)
        where = row(self.change, self.where)
        where.setStretch(1, 1)
        column(
            self,
            row(QLabel("Format"), self.format),
            self.about,
            row(self.frames, self.videos),
            where,
            row(self.pseudonyms, None, self.open_folder, self.start),
            self.result,
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.show_folder(None)
        self.tell("")
        self._show_format()

    @property
    def choice(self) -> ExportChoice:
        """What is exported, and how."""
        return ExportChoice(
            format=self.format.currentData(),
            only_accepted=self.frames.currentIndex() == 1,
            pseudonyms=self.pseudonyms.isChecked(),
        )

    @property
    def whole_project(self) -> bool:
        """Whether all videos go out."""
        return self.videos.currentIndex() == 1

    def show_next(self, following: LastExport) -> None:
        """Choose what an export does next."""
        self.format.setCurrentIndex(max(self.format.findData(following.choice.format), 0))
        self.frames.setCurrentIndex(int(following.choice.only_accepted))
        self.videos.setCurrentIndex(int(following.whole_project))
        self.pseudonyms.setChecked(following.choice.pseudonyms)
        self.show_folder(following.folder)

    def show_folder(self, folder: Path | None) -> None:
        """Show where to."""
        self.folder = folder
        self.where.setText("" if folder is None else folder.name)
        self.where.setToolTip("" if folder is None else str(folder))
        self.change.setEnabled(folder is not None)
        self.show_written()
        self.folder_changed.emit()

    def show_written(self) -> None:
        """Whether there is a folder to look into."""
        self.open_folder.setEnabled(self.folder is not None and os.path.isdir(self.folder))

    def tell(self, text: str) -> None:
        """Say how it went."""
        self.result.setText(breakable(text))
        self.result.setToolTip(text)
        self.result.setVisible(bool(text))

    def _choose_folder(self) -> None:
        """Have the folder chosen, from the nearest one that is there."""
        assert self.folder is not None
        begin = next((one for one in (self.folder, *self.folder.parents) if os.path.isdir(one)), "")
        folder = QFileDialog.getExistingDirectory(self, "Folder for the annotation", str(begin))
        if folder:
            self.show_folder(Path(folder))

    def _show_format(self) -> None:
        one = FORMATS[self.format.currentData()]
        self.about.setText(f"<small>For {one.program}.</small>")
        tip = f"Writes {one.writes}. Counts {one.numbering}. What is lost: {one.loses}."
        if one.extra:
            tip += f' Needs: pip install "napari-red[{one.extra}]".'
        self.about.setToolTip(tip)
        self.format.setToolTip(tip)

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.folder)))
