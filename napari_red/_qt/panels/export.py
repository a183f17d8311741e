"""Annotation files out: which format, what of it, where to."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QSizePolicy, QWidget

from napari_red._qt.parts import breakable, button, column, note, row
from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import LastExport
from napari_red.core.formats.registry import FORMATS


class ExportPanel(QWidget):
    """Passive: holds the choice, says when a folder was chosen.

    Attributes
    ----------
    begin_at : the folder that is proposed

    Signals
    -------
    wanted : Path, the folder to write to
    """

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.begin_at: Path | None = None
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
        self.start = button("Export …", "Choose a folder and write the files into it", self.ask)
        self.result = note()
        self.open_folder = button("Open folder", "Look at what was written", self._open)
        self._folder: Path | None = None
        column(
            self,
            row(QLabel("Format"), self.format),
            self.about,
            row(self.frames, self.videos),
            row(self.pseudonyms, None, self.start),
            self.result,
            row(self.open_folder, None),
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.tell("", None)
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

    def show_last(self, last: LastExport) -> None:
        """Choose what was chosen last time."""
        self.format.setCurrentIndex(max(self.format.findData(last.choice.format), 0))
        self.frames.setCurrentIndex(int(last.choice.only_accepted))
        self.videos.setCurrentIndex(int(last.whole_project))
        self.pseudonyms.setChecked(last.choice.pseudonyms)

    def ask(self) -> None:
        """Have the folder chosen."""
        begin = "" if self.begin_at is None else str(self.begin_at)
        folder = QFileDialog.getExistingDirectory(self, "Folder for the annotation", begin)
        if folder:
            self.wanted.emit(Path(folder))

    def tell(self, text: str, folder: Path | None) -> None:
        """Say how it went, and where the files are."""
        self._folder = folder
        self.result.setText(breakable(text))
        self.result.setToolTip(text)
        self.result.setVisible(bool(text))
        self.open_folder.setVisible(folder is not None)

    def _show_format(self) -> None:
        one = FORMATS[self.format.currentData()]
        self.about.setText(f"<small>For {one.program}.</small>")
        tip = f"Writes {one.writes}. Counts {one.numbering}. What is lost: {one.loses}."
        if one.extra:
            tip += f' Needs: pip install "napari-red[{one.extra}]".'
        self.about.setToolTip(tip)
        self.format.setToolTip(tip)

    def _open(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))
