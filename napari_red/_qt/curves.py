"""The curves of a training, drawn as it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

LOSS_COLOUR = QColor("#8a8f98")
ERROR_COLOUR = QColor("#2f9e6e")
BEFORE_COLOUR = QColor("#d98032")
_MARGIN = 4.0


class TrainingCurves(QWidget):
    """Loss of the training frames, and error of the frames set aside, over the updates.

    The error before training is a dashed line: the new model has to come below it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Grey: loss on the frames that are trained on. Green: error on the frames set "
            "aside, in % of the distance between the eyes. Orange: that error before."
        )
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.losses: list[tuple[float, float]] = []
        self.errors: list[tuple[float, float]] = []
        self.before: float | None = None
        self.update()

    def add_loss(self, step: float, loss: float) -> None:
        """Another loss, at an update counted over all stages."""
        self.losses.append((step, loss))
        self.update()

    def add_error(self, step: float, error: float) -> None:
        """Another error on the frames set aside, in % of the interocular distance."""
        self.errors.append((step, error))
        self.update()

    def set_before(self, error: float | None) -> None:
        """The error of the model that training started from."""
        self.before = error
        self.update()

    def sizeHint(self) -> QSize:
        """Small: it shows a tendency."""
        return QSize(200, 72)

    def paintEvent(self, event) -> None:
        """Draw the curves, each in a scale of its own."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        frame = QPen(self.palette().mid().color())
        painter.setPen(frame)
        painter.drawRect(area)
        last = max([step for step, _ in (*self.losses, *self.errors)], default=0.0)
        if last <= 0 and not self.errors:
            painter.end()
            return
        last = max(last, 1.0)
        losses = [value for _, value in self.losses]
        painter.setPen(QPen(LOSS_COLOUR, 1.2))
        _draw(painter, area, self.losses, last, losses)
        errors = [value for _, value in self.errors]
        levels = errors if self.before is None else [*errors, self.before]
        if self.before is not None:
            painter.setPen(QPen(BEFORE_COLOUR, 1.2, Qt.PenStyle.DashLine))
            _draw(painter, area, [(0, self.before), (last, self.before)], last, levels)
        painter.setPen(QPen(ERROR_COLOUR, 2))
        _draw(painter, area, self.errors, last, levels)
        painter.end()


def _draw(
    painter: QPainter,
    area: QRectF,
    points: Sequence[tuple[float, float]],
    last: float,
    levels: Sequence[float],
) -> None:
    """A line through points, from step 0 to ``last``, as high as ``levels`` reach."""
    if not points:
        return
    low, high = min(levels), max(levels)
    margin = 0.1 * (high - low) or 0.5
    low, high = low - margin, high + margin
    places = [
        QPointF(
            area.left() + area.width() * step / last,
            area.bottom() - area.height() * (value - low) / (high - low),
        )
        for step, value in points
    ]
    if len(places) == 1:
        painter.drawEllipse(places[0], 1.5, 1.5)
    else:
        painter.drawPolyline(QPolygonF(places))
