"""The faces of the open video: who they are, which frames they have, how they are mended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QCompleter,
    QHeaderView,
    QLabel,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_red._qt.parts import SmallList, button, column, note, row

MOST_FACES = 8


@dataclass(frozen=True)
class FaceRow:
    """One face: its number (from 0), colour (RGB), person, frames it has, corrected ones."""

    face: int
    colour: tuple[int, int, int]
    person: str
    frames: int | None
    corrected: int


class FacesPanel(QWidget):
    """Passive: shows faces, says what was pressed.

    Signals
    -------
    chosen : int, a face was clicked
    visited : int, a face was double-clicked
    named : str, who the chosen face is
    delete, split : about the chosen face
    merge, swap : int, the other face
    show_hidden : every landmark of the frame is visible
    rename : call the chosen face's person otherwise, everywhere
    erase : remove a person everywhere
    """

    chosen = Signal(int)
    visited = Signal(int)
    named = Signal(str)
    delete = Signal()
    split = Signal()
    merge = Signal(int)
    swap = Signal(int)
    show_hidden = Signal()
    rename = Signal()
    erase = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.count = QSpinBox()
        self.count.setRange(1, MOST_FACES)
        self.count.setMaximumWidth(84)
        self.count.setToolTip("How many faces to look for when no box is drawn")
        self.detect = button("Detect", "Find the faces on the shown frame and box them")
        self.draw = button("Draw box", "Draw a rectangle round each face on the shown frame")
        self.clear = button("Clear", "Take the boxes away")
        self.note = note()
        self.list = _FaceList()
        self.list.itemClicked.connect(lambda item, _: self.chosen.emit(_face(item)))
        self.list.itemDoubleClicked.connect(lambda item, _: self.visited.emit(_face(item)))
        self.person = QComboBox()
        self.person.setEditable(True)
        self.person.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.person.setToolTip(
            "Who this face is: the same name is the same person in every video. Enter stores "
            "it; empty means that nobody knows"
        )
        line = self.person.lineEdit()
        assert line is not None
        line.setPlaceholderText("who it is …")
        line.returnPressed.connect(self._name)
        self.person.textActivated.connect(lambda _: self._name())
        completer = self.person.completer()
        if completer is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.suggestion = button("", "Take this name", self._take)
        self.suggestion.hide()
        self.who = button(
            "Who?", "Compare this face with the people of the project who have a name"
        )
        self.more = button("Mend", "Delete, split, merge or swap faces; rename or erase a person")
        self.menu = QMenu(self.more)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.more.setMenu(self.menu)
        self._others: list[FaceRow] = []
        self._current: FaceRow | None = None
        column(
            self,
            row(QLabel("Find"), self.count, self.detect, self.draw, self.clear, None),
            self.note,
            self.list,
            row(self.person, self.who, self.more),
            self.suggestion,
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.show_faces([], None)

    def show_boxes(self, count: int, frame: int | None) -> None:
        """Say where pre-annotation will start."""
        self.count.setEnabled(not count)
        self.clear.setEnabled(frame is not None or bool(count))
        self.note.setVisible(bool(count) and frame is not None)
        if count and frame is not None:
            faces = "1 box" if count == 1 else f"{count} boxes"
            self.note.setText(f"{faces} on frame {frame + 1}: followed both ways from there.")

    def show_faces(self, faces: list[FaceRow], current: int | None) -> None:
        """List the faces; ``current`` is the one the buttons are about."""
        self._others = [one for one in faces if one.face != current]
        self._current = next((one for one in faces if one.face == current), None)
        self.list.clear()
        for one in faces:
            item = QTreeWidgetItem([f"{one.face + 1}", one.person or "–"])
            item.setData(0, Qt.ItemDataRole.UserRole, one.face)
            item.setIcon(0, _swatch(one.colour))
            item.setText(2, "" if one.frames is None else str(one.frames))
            item.setText(3, str(one.corrected or ""))
            item.setToolTip(1, one.person or "Not named yet")
            item.setToolTip(2, "Frames in which this face was found")
            item.setToolTip(3, "Frames in which it was corrected")
            self.list.addTopLevelItem(item)
            if one.face == current:
                self.list.setCurrentItem(item)
        for widget in (self.person, self.more, self.who):
            widget.setEnabled(current is not None)

    def show_person(self, person: str, known: list[str]) -> None:
        """Show who the chosen face is; ``known`` are the project's people."""
        line = self.person.lineEdit()
        assert line is not None
        if line.hasFocus() and line.isModified():
            return
        if [self.person.itemText(i) for i in range(self.person.count())] != known:
            self.person.clear()
            self.person.addItems(known)
        self.person.setEditText(person)

    def suggest(self, name: str, score: float, why: str) -> None:
        """Offer a name; an empty one takes the offer away."""
        self.suggestion.setToolTip(f"Take this name: {why}")
        self.suggestion.setProperty("name", name)
        self.suggestion.setText(f"Probably {name} ({score:.2f}): take" if name else "")
        self.suggestion.setVisible(bool(name))

    def ask_name(self) -> None:
        """Have a person type a name."""
        self.person.setFocus()
        line = self.person.lineEdit()
        if line is not None:
            line.selectAll()

    def _take(self) -> None:
        self.person.setEditText(str(self.suggestion.property("name")))
        self._name()

    def _name(self) -> None:
        self.named.emit(self.person.currentText())

    def _fill_menu(self) -> None:
        self.menu.clear()
        split = self.menu.addAction("Split: another face from this frame on", self.split.emit)
        split.setToolTip("From the shown frame on, this is a new face")
        for title, signal, tip in (
            ("Merge with", self.merge, "Both are the same face: one track of the two"),
            ("Swap from here on with", self.swap, "They were mixed up at the shown frame"),
        ):
            others = self.menu.addMenu(title)
            others.setToolTip(tip)
            others.setEnabled(bool(self._others))
            for one in self._others:
                name = f"face {one.face + 1}" + (f" ({one.person})" if one.person else "")
                others.addAction(name, partial(signal.emit, one.face))
        self.menu.addAction("Delete this face", self.delete.emit)
        hidden = self.menu.addAction("Show its frame's hidden landmarks", self.show_hidden.emit)
        hidden.setToolTip("Landmarks that were deleted are only hidden (Shift+H)")
        self.menu.addSeparator()
        person = self._current.person if self._current else ""
        rename = self.menu.addAction(
            f"Rename {person or 'a person'} everywhere …", self.rename.emit
        )
        rename.setToolTip("Another name for this face's person, in every video of the project")
        rename.setEnabled(bool(person))
        self.menu.addAction("Erase a person everywhere …", self.erase.emit)


def _face(item: QTreeWidgetItem) -> int:
    return int(item.data(0, Qt.ItemDataRole.UserRole))


def _swatch(colour: tuple[int, int, int]) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(*colour))
    return QIcon(picture)


class _FaceList(SmallList, QTreeWidget):
    """The faces of the open video."""

    least, usual = (120, 70), (240, 90)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Face", "Person", "Frames", "✎"])
        self.setRootIsDecorated(False)
        self.setToolTip("A click chooses a face, a double click goes to its first frame")
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for index in (0, 2, 3):
            header.setSectionResizeMode(index, QHeaderView.ResizeMode.ResizeToContents)
