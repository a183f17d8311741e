"""The whole video at a glance under napari's time slider; a click goes there."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QPoint, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from napari_red._qt.attach import dims_widget
from napari_red._qt.strip_picture import HEIGHT, StripColours, strip_picture
from napari_red.core.overview import Overview

SIDES = 6
"""Pixels left free on either side where there is no slider to be in line with."""

LEGEND = (
    "The whole video: bars are as high as the lowest confidence, red where it is low. "
    "Above them jumps (pink) and corrected frames, below them what is accepted (green). "
    "Click or drag to go there; Ctrl+click to accept the shown frame and go there."
)


class ReviewStrip(QWidget):
    """Paints an :class:`Overview` in line with the time slider.

    Signals
    -------
    went : int, the frame that was clicked
    accepted_and_went : int, the frame that was clicked with Ctrl: the shown one is right
    resized : there is room for another number of columns
    """

    went = Signal(int)
    accepted_and_went = Signal(int)
    resized = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.overview: Overview | None = None
        self.proposed: list[tuple[int, int]] = []
        self.frame = 0
        self._image: QImage | None = None
        self._pixels: np.ndarray | None = None
        self._out = False
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)
        self.setAccessibleName("The whole video at a glance")
        self.setWhatsThis(LEGEND)
        viewer.events.theme.connect(self._on_theme)

    def put_in(self, viewer: napari.Viewer) -> None:
        """Stand under the time slider, or in a dock below where napari has none to stand under."""
        dims = dims_widget(viewer)
        around = dims.parentWidget() if dims is not None else None
        layout = around.layout() if around is not None else None
        if dims is None or not isinstance(layout, QVBoxLayout) or layout.indexOf(dims) < 0:
            viewer.window.add_dock_widget(self, name="Review", area="bottom")
            return
        layout.insertWidget(layout.indexOf(dims) + 1, self)
        dims.installEventFilter(self)

    def take_out(self) -> None:
        """Leave the window; doing it twice does no harm."""
        if self._out:
            return
        self._out = True
        self.viewer.events.theme.disconnect(self._on_theme)
        self.setParent(None)
        self.deleteLater()

    def columns(self) -> int:
        """How many columns there is room for."""
        return self._span()[1]

    def show_overview(self, overview: Overview | None) -> None:
        """Show this video; the strip keeps its place, so that the canvas never jumps."""
        self.overview = overview
        self._paint_again()

    def show_frame(self, frame: int) -> None:
        """Put the playhead there."""
        if frame != self.frame:
            self.frame = frame
            self.update()

    def show_proposed(self, stretches: list[tuple[int, int]]) -> None:
        """Mark first frames and ends of stretches that would change."""
        self.proposed = stretches
        self._paint_again()

    # -- painting ------------------------------------------------------------------

    def _span(self) -> tuple[int, int]:
        """Where the columns begin, and how many pixels they take: where the slider's are."""
        sliders = getattr(dims_widget(self.viewer), "slider_widgets", None)
        slider = sliders[0].slider if sliders else None
        if slider is None or not slider.isVisible() or slider.window() is not self.window():
            return SIDES, max(self.width() - 2 * SIDES, 0)
        left = slider.mapTo(self.window(), QPoint(0, 0)).x()
        own = self.mapTo(self.window(), QPoint(0, 0)).x()
        return left - own, slider.width()

    def _paint_again(self) -> None:
        self._image = None
        self.update()

    def _picture(self, overview: Overview) -> QImage:
        if self._image is None:
            columns = overview.columns
            marked = None
            if self.proposed:
                marked = np.zeros(len(columns.confidence), bool)
                for first, stop in self.proposed:
                    last = overview.column_of(max(stop - 1, first))
                    marked[overview.column_of(first) : last + 1] = True
            pixels = np.ascontiguousarray(strip_picture(columns, self._colours(), marked))
            self._pixels = pixels  # the image doesn't keep it
            height, width = pixels.shape[:2]
            self._image = QImage(
                pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888
            )
        return self._image

    def _colours(self) -> StripColours:
        theme: Any = get_theme(self.viewer.theme)
        ground, ink = (colour.as_rgb_tuple()[:3] for colour in (theme.foreground, theme.text))
        return StripColours(ground, ink)

    def paintEvent(self, event) -> None:
        """Draw the picture and the playhead."""
        if self.overview is None:
            return
        left, width = self._span()
        painter = QPainter(self)
        image = self._picture(self.overview)
        painter.drawImage(left, 0, image.scaled(width, HEIGHT) if image.width() != width else image)
        x = left + int((self.frame + 0.5) * width / self.overview.n_frames)
        painter.setPen(QPen(QColor(*self._colours().ground), 3))
        painter.drawLine(x, 0, x, HEIGHT)
        painter.setPen(QPen(QColor(*self._colours().ink), 1))
        painter.drawLine(x, 0, x, HEIGHT)
        painter.end()

    def eventFilter(self, watched, event) -> bool:
        """The slider was laid out anew."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self.resized.emit()
        return False

    def resizeEvent(self, event) -> None:
        """There is other room."""
        super().resizeEvent(event)
        self.resized.emit()
        self.update()

    def _on_theme(self, event=None) -> None:
        self._paint_again()

    # -- mouse ---------------------------------------------------------------------

    def column_at(self, x: float) -> int:
        """The column under a place in the widget."""
        assert self.overview is not None
        left, width = self._span()
        shown = len(self.overview.columns.confidence)
        return min(max(int((x - left) * shown / max(width, 1)), 0), shown - 1)

    def mousePressEvent(self, event) -> None:
        """Go there; with Ctrl once the shown frame is accepted."""
        if event.button() == Qt.MouseButton.LeftButton and self.overview is not None:
            frame = self.overview.frame_of(self.column_at(event.position().x()))
            accepts = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            (self.accepted_and_went if accepts else self.went).emit(frame)

    def mouseMoveEvent(self, event) -> None:
        """Go along, or say what is there."""
        if self.overview is None:
            return
        column = self.column_at(event.position().x())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.went.emit(self.overview.frame_of(column))
        QToolTip.showText(event.globalPosition().toPoint(), self._tip(column), self)

    def _tip(self, column: int) -> str:
        assert self.overview is not None
        first = self.overview.frame_of(column)
        changes = any(a <= first < b for a, b in self.proposed)
        words = self.overview.words(column) + (", would change" if changes else "")
        return f"<p>{words}</p><p><small>{LEGEND}</small></p>"
