"""Panels below each other, each under a title that opens and closes it.

As many stay open as there is room for: the dock is never scrolled.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpacerItem,
    QVBoxLayout,
    QWidget,
)

_FIXED, _GROWS = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding


class Section(QWidget):
    """A title with a line on how its panel stands, and the panel.

    Signals
    -------
    toggled : bool, whether a person opened or closed it
    """

    toggled = Signal(bool)

    def __init__(self, title: str, panel: QWidget, tip: str) -> None:
        super().__init__()
        self.title, self.panel = title, panel
        self.button = QPushButton()
        self.button.setObjectName("section")
        self.button.setStyleSheet("text-align: left; font-weight: bold; padding: 3px 6px;")
        self.button.setToolTip(tip)
        self.button.setSizePolicy(_GROWS, _FIXED)
        self.summary = QLabel()
        self.summary.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(self.button)
        inside.setContentsMargins(0, 0, 8, 0)
        inside.addStretch()
        inside.addWidget(self.summary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(panel, stretch=1)
        self.button.clicked.connect(lambda: self.toggled.emit(not self.is_open))
        self.set_open(False)

    @property
    def is_open(self) -> bool:
        """Whether its panel is shown."""
        return not self.panel.isHidden()

    @property
    def grows(self) -> bool:
        """Whether it is open, and its panel has use for more room."""
        policy = self.panel.sizePolicy().verticalPolicy()
        return self.is_open and policy == _GROWS

    def set_open(self, is_open: bool) -> None:
        """Show its panel, or only the title."""
        self.panel.setVisible(is_open)
        self.button.setText(f"{'▾' if is_open else '▸'}  {self.title}")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, _GROWS if self.grows else _FIXED)


class Sections(QWidget):
    """Sections in the order they were added."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[Section] = []
        self._opened: list[Section] = []  # the one opened last comes last
        self._refit = QTimer(self)
        self._refit.setSingleShot(True)
        self._refit.timeout.connect(self._fit)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._rest = QSpacerItem(0, 0, _FIXED, _GROWS)
        self._layout.addSpacerItem(self._rest)

    def add(
        self, title: str, panel: QWidget, tip: str, *, below: str | None = None, opened: bool = True
    ) -> Section:
        """Another section, at the end or below the one with that title.

        It is opened if there is room for it beside those that are open already.
        """
        section = Section(title, panel, tip)
        titles = [one.title for one in self.sections]
        index = len(titles) if below is None else titles.index(below) + 1
        self.sections.insert(index, section)
        self._layout.insertWidget(index, section)
        section.toggled.connect(lambda is_open: self._toggle(section, is_open))
        panel.installEventFilter(self)
        if opened:
            self._opened.insert(0, section)
            section.set_open(True)
        self._fit()
        return section

    def section(self, title: str) -> Section:
        """The section with that title."""
        return next(one for one in self.sections if one.title == title)

    def say(self, title: str, summary: str) -> None:
        """Say beside a title how its panel stands, also while it is closed."""
        self.section(title).summary.setText(summary)

    def open(self, title: str) -> None:
        """Open a section; others close if there is no room."""
        self._toggle(self.section(title), True)

    def minimumSizeHint(self):
        """Room for one open section: the others close."""
        size = super().minimumSizeHint()
        titles = sum(one.button.sizeHint().height() + 3 for one in self.sections)
        size.setHeight(titles)
        return size

    def resizeEvent(self, event) -> None:
        """There is other room than before."""
        super().resizeEvent(event)
        self._fit()

    def _toggle(self, section: Section, is_open: bool) -> None:
        if section in self._opened:
            self._opened.remove(section)
        if is_open:
            self._opened.append(section)
        section.set_open(is_open)
        self._fit()

    def _fit(self) -> None:
        """Close what was opened longest ago until the rest has room; reopen what has again."""
        if not self.isVisible():
            return
        room = self.height() + 3
        room -= sum(one.button.sizeHint().height() + 3 for one in self.sections)
        shown: set[Section] = set()
        for section in reversed(self._opened):
            need = 2 + section.panel.minimumSizeHint().height()
            if need <= room or not shown:
                shown.add(section)
                room -= need
        for section in self.sections:
            if section.is_open != (section in shown):
                section.set_open(section in shown)
        grows = any(one.grows for one in self.sections)
        self._rest.changeSize(0, 0, _FIXED, _FIXED if grows else _GROWS)
        self._layout.invalidate()

    def eventFilter(self, watched, event) -> bool:
        """A panel shows more or less than before: there may be other room for the rest."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._refit.start()
        return super().eventFilter(watched, event)

    def showEvent(self, event) -> None:
        """Now it is known how much room there is."""
        super().showEvent(event)
        self._fit()
