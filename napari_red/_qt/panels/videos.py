"""The project's videos: add them, open one, pre-annotate many."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_red._qt.parts import SmallList, button, column, note, row

_KEY = Qt.ItemDataRole.UserRole
_STATES = {"new": "–", "waiting": "waiting", "running": "…", "done": "done", "failed": "failed"}


@dataclass(frozen=True)
class VideoRow:
    """One line of the list.

    Attributes
    ----------
    key : what is handed back when it is chosen: ("record", id) or ("layer", number)
    state, message : how its pre-annotation stands
    part : how much of it is done while it runs, 0 to 1
    corrected, accepted : frames
    """

    key: tuple[str, int]
    name: str
    tip: str
    state: str = "new"
    message: str = ""
    part: float | None = None
    corrected: int = 0
    accepted: int = 0
    is_open: bool = False


class VideosPanel(QWidget):
    """Passive: shows rows, says what was pressed.

    Signals
    -------
    opened : key of a row that was double-clicked
    """

    opened = Signal(object)
    new_project = Signal()
    open_project = Signal()
    add_videos = Signal()
    add_folder = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.project = button("Project", "Start a project or open one: it holds many videos")
        menu = QMenu(self.project)
        menu.addAction("New project …", self.new_project.emit)
        menu.addAction("Open project …", self.open_project.emit)
        self.project.setMenu(menu)
        self.add = button("Add", "Add videos, or a folder of them, to the project")
        adding = QMenu(self.add)
        adding.addAction("Videos …", self.add_videos.emit)
        adding.addAction("Folder …", self.add_folder.emit)
        self.add.setMenu(adding)
        self.list = _list()
        self.list.itemDoubleClicked.connect(lambda item, _: self.opened.emit(item.data(0, _KEY)))
        self.list.itemActivated.connect(lambda item, _: self.opened.emit(item.data(0, _KEY)))
        self.hint = note("Open or drop a video to begin, or open a project.")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.hint.setMinimumHeight(64)
        self.start = button(
            "This video",
            "Find the landmarks in every frame of the open video; corrected frames stay as "
            "they are",
        )
        self.start_selected = button(
            "Selected", "Pre-annotate the selected videos, one after the other"
        )
        self.start_all = button(
            "All", "Pre-annotate every video that isn't done; go on with those that were stopped"
        )
        self.stop = button("Stop", "Stop after what is found; 'Resume' goes on from there")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.hide()
        column(
            self,
            row(self.project, self.add, None),
            self.hint,
            self.list,
            self.progress,
            row(
                QLabel("Pre-annotate"),
                self.start,
                self.start_selected,
                self.start_all,
                self.stop,
                None,
            ),
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def selected(self) -> list[tuple[str, int]]:
        """Keys of the selected rows."""
        return [item.data(0, _KEY) for item in self.list.selectedItems()]

    def show_rows(self, rows: list[VideoRow]) -> None:
        """List the videos; what is selected stays so."""
        chosen = set(self.selected())
        if [row.key for row in rows] != self._keys():
            self.list.clear()
            self.list.addTopLevelItems([QTreeWidgetItem() for _ in rows])
        for index, one in enumerate(rows):
            item = self.list.topLevelItem(index)
            assert item is not None
            _fill(item, one)
            item.setSelected(one.key in chosen)
        self.hint.setVisible(not rows)
        self.list.setVisible(bool(rows))

    def show_progress(self, done: int, total: int) -> None:
        """How far all the videos together are."""
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def show_batch(self, *, running: bool, can_start: bool, resumes: bool) -> None:
        """What can be pressed; ``resumes`` says whether some were stopped half-way."""
        self.progress.setVisible(running)
        self.stop.setVisible(running)
        self.start_all.setText("Resume" if resumes and not running else "All")
        self.start_all.setEnabled(can_start and not running)
        self.start_selected.setEnabled(can_start and not running)

    def names(self) -> list[str]:
        """What is listed, in order."""
        return [item.text(0) for item in self._items()]

    def _items(self) -> list[QTreeWidgetItem]:
        found = [self.list.topLevelItem(i) for i in range(self.list.topLevelItemCount())]
        return [item for item in found if item is not None]

    def _keys(self) -> list[tuple[str, int]]:
        return [item.data(0, _KEY) for item in self._items()]


def _fill(item: QTreeWidgetItem, row: VideoRow) -> None:
    state = _STATES.get(row.state, row.state)
    if row.part is not None:
        state = f"{100 * row.part:.0f} %"
    item.setData(0, _KEY, row.key)
    item.setText(0, row.name)
    item.setText(1, state)
    item.setText(2, str(row.corrected or ""))
    item.setText(3, str(row.accepted or ""))
    item.setToolTip(0, row.tip)
    item.setToolTip(1, row.message or f"Pre-annotation: {row.state}")
    item.setToolTip(2, f"{row.corrected} frames corrected")
    item.setToolTip(3, f"{row.accepted} frames accepted")
    font = item.font(0)
    font.setBold(row.is_open)
    item.setFont(0, font)


class VideoList(SmallList, QTreeWidget):
    """The videos of the project."""

    least, usual = (120, 64), (240, 120)


def _list() -> QTreeWidget:
    made = VideoList()
    made.setHeaderLabels(["Video", "State", "✎", "✓"])
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    made.setToolTip("Double-click opens a video")
    header = made.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for index in (1, 2, 3):
        header.setSectionResizeMode(index, QHeaderView.ResizeMode.ResizeToContents)
    made.headerItem().setToolTip(2, "Frames that a person corrected")
    made.headerItem().setToolTip(3, "Frames that a person accepted")
    return made
