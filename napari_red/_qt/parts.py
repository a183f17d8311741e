"""Small parts that the panels are made of."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

GAP = 4


def row(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets beside each other; combo boxes and lines grow, None is a gap that does."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GAP)
    for widget in widgets:
        if widget is None:
            layout.addStretch()
        else:
            grows = isinstance(widget, (QComboBox, QLineEdit))
            layout.addWidget(widget, stretch=1 if grows else 0)
    return layout


def column(widget: QWidget, *parts: QWidget | QHBoxLayout, margin: int = 2) -> QVBoxLayout:
    """Put parts below each other into a widget."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(GAP)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    return layout


def button(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """A button that says what it does when the mouse rests on it."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setMinimumWidth(20)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def note(text: str = "") -> QLabel:
    """A label that wraps and never widens the dock, however long a path is in it."""
    label = QLabel(text)
    label.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


def breakable(path: str) -> str:
    """A path that a label may break behind its slashes."""
    return path.replace("/", "/\u200b").replace("\\", "\\\u200b")


def for_window(event: QKeyEvent) -> bool:
    """Whether a list leaves a key to the window: letters, which lists look for entries with,
    and the arrows that turn to another frame."""
    letter = event.text().strip()
    return (letter != "" and letter.isprintable()) or event.key() in (
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
    )


class SmallList:
    """With a list or tree of Qt's: asks for little room and takes what there is, and leaves
    the window's keys to the window.

    Attributes
    ----------
    least, usual : width and height in pixels that are asked for
    """

    least: tuple[int, int]
    usual: tuple[int, int]

    def keyPressEvent(self, event) -> None:
        """The window's keys are the window's here too."""
        if for_window(event):
            event.ignore()
        else:
            super().keyPressEvent(event)  # type: ignore[misc]

    def minimumSizeHint(self) -> QSize:
        """The least room."""
        return QSize(*self.least)

    def sizeHint(self) -> QSize:
        """The room that is enough."""
        return QSize(*self.usual)


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis where there is no room; its tooltip is whole."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show this, as much of it as fits."""
        self._whole = text
        self._elide()

    def whole(self) -> str:
        """The text, also what of it has no room."""
        return self._whole

    def resizeEvent(self, event) -> None:
        """There is other room than before."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        width = max(self.width() - 2, 40)
        mode = Qt.TextElideMode.ElideMiddle
        super().setText(self.fontMetrics().elidedText(self._whole, mode, width))
