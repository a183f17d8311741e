"""What a person chose to see, and the controls for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_red.core.appearance import COLOURINGS, LABELS, Look
from trainer.palette import GROUP_COLOURS

GROUPS = ("", *GROUP_COLOURS)
SIZES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)

COLOURING_WORDS = {
    "group": "facial part",
    "confidence": "confidence",
    "source": "who placed it",
}

MOST = 100
"""Brightness and contrast go from minus this to this."""


@dataclass(frozen=True)
class Sight:
    """All that a person chose to see, for a dock that goes on with it.

    Attributes
    ----------
    look : of the landmarks
    follow : whether the camera follows the face
    brightness, contrast : of the picture, −100 … 100
    """

    look: Look = field(default_factory=Look)
    follow: bool = False
    brightness: int = 0
    contrast: int = 0


class ViewOptions(QObject):
    """How landmarks and picture are shown; nothing of it changes what is saved.

    Signals
    -------
    look_changed : other landmarks are shown, or they look otherwise
    picture_changed : the picture is to be brighter, darker, …
    follow_changed : bool, whether the camera follows the face
    legend_changed : list of (word, RGB): what the colours mean now
    """

    look_changed = Signal()
    picture_changed = Signal()
    follow_changed = Signal(bool)
    legend_changed = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.look = Look()
        self.follow = False
        self.brightness = 0
        self.contrast = 0

    @property
    def sight(self) -> Sight:
        """All of it as it is now."""
        return Sight(self.look, self.follow, self.brightness, self.contrast)

    def use(self, sight: Sight) -> None:
        """Have all of it so."""
        self.set_look(**asdict(sight.look))
        self.set_follow(sight.follow)
        self.set_picture(sight.brightness, sight.contrast)

    def set_look(self, **changes: object) -> None:
        """Change the look: see :class:`napari_red.core.appearance.Look`."""
        look = self.look.but(**changes)
        if look != self.look:
            self.look = look
            self.look_changed.emit()

    def set_follow(self, follow: bool) -> None:
        """Whether the camera follows the face."""
        if follow != self.follow:
            self.follow = follow
            self.follow_changed.emit(follow)

    def set_picture(self, brightness: int | None = None, contrast: int | None = None) -> None:
        """How bright and how strong the picture is: −100 … 100, 0 as it is."""
        before = self.brightness, self.contrast
        if brightness is not None:
            self.brightness = min(max(brightness, -MOST), MOST)
        if contrast is not None:
            self.contrast = min(max(contrast, -MOST), MOST)
        if before != (self.brightness, self.contrast):
            self.picture_changed.emit()

    def contrast_limits(self) -> tuple[float, float]:
        """What becomes black and what white of 0 … 255."""
        width = 255 * 2 ** (-self.contrast / 50)
        middle = 127.5 - 127.5 * self.brightness / MOST
        return middle - width / 2, middle + width / 2

    # -- what keys do --------------------------------------------------------------

    def toggle_follow(self) -> None:
        """Follow the face, or stay."""
        self.set_follow(not self.follow)

    def toggle_contours(self) -> None:
        """Draw the contour lines, or don't."""
        self.set_look(contours=not self.look.contours)

    def toggle_not_visible(self) -> None:
        """Draw the landmarks that are not visible, or don't."""
        self.set_look(not_visible=not self.look.not_visible)

    def next_group(self) -> None:
        """Show only the next facial part; all after the last."""
        self.set_look(group=_next(GROUPS, self.look.group))

    def next_colouring(self) -> None:
        """Colour by the next thing."""
        self.set_look(colour_by=_next(COLOURINGS, self.look.colour_by))

    def next_labels(self) -> None:
        """No text, numbers, names."""
        self.set_look(labels=_next(LABELS, self.look.labels))

    def larger_points(self) -> None:
        """Draw the points larger."""
        self.set_look(size=min((s for s in SIZES if s > self.look.size), default=SIZES[-1]))

    def smaller_points(self) -> None:
        """Draw the points smaller."""
        self.set_look(size=max((s for s in SIZES if s < self.look.size), default=SIZES[0]))

    def brighter(self) -> None:
        """Make the picture brighter."""
        self.set_picture(brightness=self.brightness + 10)

    def darker(self) -> None:
        """Make the picture darker."""
        self.set_picture(brightness=self.brightness - 10)

    def plain_picture(self) -> None:
        """Show the picture as it is."""
        self.set_picture(0, 0)


class ViewOptionsBox(QWidget):
    """Controls for :class:`ViewOptions`, which they follow."""

    def __init__(self, options: ViewOptions) -> None:
        super().__init__()
        self.options = options
        self.follow = QCheckBox("Follow")
        self.follow.setToolTip("Keep the face in the middle, at the same size (Shift+Z)")
        self.contours = QCheckBox("Lines")
        self.contours.setToolTip("Lines between the landmarks (Shift+C)")
        self.not_visible = QCheckBox("Not visible")
        self.not_visible.setToolTip("Draw landmarks that are not visible, as rings (Shift+O)")
        self.group = _choice({group: group or "all parts" for group in GROUPS})
        self.group.setToolTip("Show only one facial part (Shift+I)")
        self.labels = _choice(dict(zip(LABELS, ("no text", "numbers", "names"), strict=True)))
        self.labels.setToolTip("What stands beside each point (Shift+M)")
        self.colour_by = _choice(COLOURING_WORDS)
        self.colour_by.setToolTip("What the colours mean (Shift+K)")
        self.points = _slider(0, len(SIZES) - 1)
        self.points.setToolTip("Size of the points (, and .)")
        self.brightness, self.contrast = _slider(-MOST, MOST), _slider(-MOST, MOST)
        self.brightness.setToolTip("Brightness of the picture (Page Up, Page Down)")
        self.contrast.setToolTip("Contrast of the picture (Home: as it is)")
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._lay_out()
        self._join()
        self._follow_options()

    def show_legend(self, entries: list[tuple[str, tuple[int, int, int]]]) -> None:
        """Say what the colours mean."""
        self.legend.setText(legend_html(entries))

    def _lay_out(self) -> None:
        ticks = QHBoxLayout()
        for box in (self.follow, self.contours, self.not_visible):
            ticks.addWidget(box)
        ticks.addStretch()
        ticks.setSpacing(4)
        choices = QHBoxLayout()
        for choice in (self.group, self.labels):
            choices.addWidget(choice, stretch=1)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Colour", self.colour_by)
        form.addRow("Points", self.points)
        form.addRow("Brightness", self.brightness)
        form.addRow("Contrast", self.contrast)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(ticks)
        layout.addLayout(choices)
        layout.addLayout(form)
        layout.addWidget(self.legend)

    def _join(self) -> None:
        options = self.options
        self.follow.toggled.connect(options.set_follow)
        self.contours.toggled.connect(lambda on: options.set_look(contours=on))
        self.not_visible.toggled.connect(lambda on: options.set_look(not_visible=on))
        for name in ("group", "labels", "colour_by"):
            choice: QComboBox = getattr(self, name)
            choice.activated.connect(
                lambda _, name=name, choice=choice: options.set_look(**{name: choice.currentData()})
            )
        self.points.valueChanged.connect(lambda i: options.set_look(size=SIZES[i]))
        self.brightness.valueChanged.connect(lambda value: options.set_picture(brightness=value))
        self.contrast.valueChanged.connect(lambda value: options.set_picture(contrast=value))
        options.look_changed.connect(self._follow_options)
        options.picture_changed.connect(self._follow_options)
        options.follow_changed.connect(self._follow_options)
        options.legend_changed.connect(self.show_legend)

    def _follow_options(self) -> None:
        look = self.options.look
        self.follow.setChecked(self.options.follow)
        self.contours.setChecked(look.contours)
        self.not_visible.setChecked(look.not_visible)
        for name in ("group", "labels", "colour_by"):
            choice: QComboBox = getattr(self, name)
            choice.setCurrentIndex(choice.findData(getattr(look, name)))
        self.points.setValue(SIZES.index(look.size) if look.size in SIZES else 2)
        self.brightness.setValue(self.options.brightness)
        self.contrast.setValue(self.options.contrast)


def legend_html(entries: list[tuple[str, tuple[int, int, int]]]) -> str:
    """Coloured points with their words, and the forms."""
    words = " ".join(
        f'<span style="color: rgb{colour}">●</span>&nbsp;{word}' for word, colour in entries
    )
    return f"{words} ◆&nbsp;corrected ○&nbsp;not&nbsp;visible"


def _choice(words: dict[str, str]) -> QComboBox:
    box = QComboBox()
    for value, word in words.items():
        box.addItem(word, value)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _slider(least: int, most: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(least, most)
    return slider


def _next(values: tuple[str, ...], value: str) -> str:
    return values[(values.index(value) + 1) % len(values)]
