"""What needs a person next, accepting, undo, and following a face anew from here."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from napari_red._qt.parts import SmallList, button, column, note, row
from napari_red.core.review import ToReview


class ReviewPanel(QWidget):
    """Passive: shows the queue and what a re-track would change, says what was pressed.

    Signals
    -------
    went : ToReview that was clicked
    retrack : "forward", "backward" or "both"
    """

    went = Signal(object)
    retrack = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.counts = note("Nothing to review yet.")
        self.list = _Queue()
        self.list.itemClicked.connect(self._on_clicked)
        self.list.itemActivated.connect(self._on_clicked)
        self.previous = button("◀", "Back to the proposal before")
        self.next = button("Next ▶", "Go to the next proposal")
        self.accept = button("Accept", "This frame is right as it is")
        self.accept_up_to = button("… up to here", "Every frame up to this one is right as it is")
        self.undo = button("Undo", "Take the last edit back (Ctrl+Z)")
        self.redo = button("Redo", "Make it again (Ctrl+Shift+Z)")
        self.backward = button(
            "◀ Back", "Follow the chosen face anew from this frame, towards the start"
        )
        self.both = button("Both", "Follow the chosen face anew from this frame, both ways")
        self.forward = button(
            "On ▶", "Follow the chosen face anew from this frame, towards the end"
        )
        for one, way in (
            (self.backward, "backward"),
            (self.both, "both"),
            (self.forward, "forward"),
        ):
            one.clicked.connect(lambda _, way=way: self.retrack.emit(way))
        self.proposal = note()
        self.keep = button("Keep", "Take the new landmarks; Undo takes them back")
        self.drop = button("Drop", "Leave everything as it was")
        self.choice = QWidget()
        column(self.choice, self.proposal, row(self.keep, self.drop, None), margin=0)
        self.choice.hide()
        column(
            self,
            self.counts,
            self.list,
            row(self.previous, self.next, None, self.accept, self.accept_up_to),
            row(
                QLabel("Re-track"),
                self.backward,
                self.both,
                self.forward,
                None,
                self.undo,
                self.redo,
            ),
            self.choice,
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def show_queue(
        self, queue: list[ToReview], current: int | None, names: Mapping[int, str]
    ) -> None:
        """List the proposals, the first one first.

        ``names`` says what each video of the project is called, by its number.
        """
        self.list.clear()
        faces = any(one.face for one in queue)
        for one in queue:
            parts = [names[one.video.id]] if len(names) > 1 else []
            parts.append(f"frame {one.frame + 1}")
            if faces:
                parts.append(f"face {one.face + 1}")
            item = QListWidgetItem(f"{' · '.join(parts)}: {one.words}")
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setToolTip(f"{names[one.video.id]}, frame {one.frame + 1}: {one.words}")
            self.list.addItem(item)
        self.mark(current)
        self.next.setEnabled(bool(queue))
        self.previous.setEnabled(bool(queue))

    def mark(self, current: int | None) -> None:
        """Which proposal is being looked at."""
        self.list.setCurrentRow(-1 if current is None else current)

    def propose(self, words: str) -> None:
        """Ask whether to keep a re-track; empty words take the question away."""
        self.proposal.setText(words)
        self.choice.setVisible(bool(words))

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.went.emit(item.data(Qt.ItemDataRole.UserRole))


class _Queue(SmallList, QListWidget):
    """The frames that need a person."""

    least, usual = (120, 58), (240, 140)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Frames that need a person, those first where a correction helps most")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
