"""How many actions a piece of work takes, counted in a real window.

The task, and what it takes in other programs, is in docs/actions.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import napari
import numpy as np
import pytest
from hands import Hands
from napari.utils.notifications import notification_manager
from pycocotools.coco import COCO
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_red._qt.dock import FaceLandmarksDock
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = [pytest.mark.window, pytest.mark.slow]

N_FRAMES, HEIGHT, WIDTH = 300, 240, 320
FRAMES = (23, 71, 140, 206, 288)
LANDMARKS = (0, 8, 16, 19, 24, 30, 36, 45, 48, 54)
PERSON = "Ada Lovelace"
WINDOW = (1366, 768)
"""Width and height in pixels: the smallest screen that the window is made for."""

LEFT = Qt.MouseButton.LeftButton
PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
PAGE = Path(__file__).parents[2] / "docs" / "actions.md"


def predicted(frame: int) -> np.ndarray:
    """(68, 2) float32 xy: far enough apart for a mouse, elsewhere in every frame."""
    number = np.arange(68)
    x = 60 + 24 * (number % 9) + 10 * np.sin(frame / 20)
    y = 35 + 22 * (number // 9)
    return (np.round(np.column_stack([x, y]) * 64) / 64).astype(np.float32)


def way(frame: int, landmark: int) -> np.ndarray:
    """(2,) xy in pixels: every landmark in every frame is moved by something else."""
    angle = 2.4 * (10 * FRAMES.index(frame) + LANDMARKS.index(landmark))
    return 6 * np.array([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True, eq=False)
class Found:
    """One frame of an aligner's."""

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray


class Knowing:
    """An aligner that finds :func:`predicted`."""

    def run(self, video, *, start, stop, **options) -> Iterator[Found]:
        for frame in range(start, stop):
            confidence = np.full((1, 68), 0.9, np.float32)
            yield Found(frame, predicted(frame)[None], confidence, np.full(1, 0.01, np.float32))


class Person:
    """Does with mouse and keyboard what a person does, and counts it by step of the task."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.window = viewer.window._qt_window
        self.hands = Hands(viewer)
        self.counts: Counter[str] = Counter()
        self.step = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def click(self, widget: QWidget, place: QPoint | None = None, held=PLAIN) -> None:
        """One click on what can be seen and pressed, with the keys that are held."""
        assert widget.isVisible()
        assert widget.isEnabled()
        self.counts[self.step] += 1
        QTest.mouseClick(widget, LEFT, held, place or QPoint())
        QApplication.processEvents()

    def choose(self, combo: QComboBox, key: str) -> None:
        """One click opens the list, one takes an entry."""
        self.click(combo)
        QTest.qWait(QApplication.doubleClickInterval() + 50)  # sooner it is a double click
        view = combo.view()
        entry = view.visualRect(combo.model().index(combo.findData(key), 0))
        self.click(view.viewport(), entry.center())
        assert combo.currentData() == key

    def press(self, key: str) -> None:
        """One key, with the ones that are held, wherever the keyboard is at the moment."""
        self.counts[self.step] += 1
        combination = QKeySequence(key)[0]
        target = QApplication.focusWidget() or self.window
        QTest.keyClick(target, combination.key(), combination.keyboardModifiers())
        QApplication.processEvents()

    def type(self, text: str) -> None:
        """One text, with the Enter at its end, wherever the keyboard is at the moment."""
        self.counts[self.step] += 1
        field = QApplication.focusWidget()
        assert isinstance(field, QLineEdit | QComboBox)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)
        QApplication.processEvents()

    def drag(self, start: np.ndarray, end: np.ndarray) -> None:
        """One drag on the canvas, between (y, x) in pixels of the video."""
        self.counts[self.step] += 1
        self.hands.canvas.setFocus(Qt.FocusReason.MouseFocusReason)  # as a real click does
        self.hands.drag(start, end)

    def confirm_folder(self, act: Callable[[], None]) -> None:
        """What ``act`` does asks for a folder; one click takes the proposed one."""
        clicked: list[QPushButton] = []

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if isinstance(dialog, QFileDialog) and dialog.isVisible():
                timer.stop()
                late = QTimer(dialog)  # or a failure would wait forever
                late.timeout.connect(dialog.reject)
                late.start(5_000)
                box = dialog.findChild(QDialogButtonBox)
                clicked.append(box.button(QDialogButtonBox.StandardButton.Open))
                self.click(clicked[0])

        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(50)
        act()
        timer.stop()
        assert clicked


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 300 frames with predictions in its project."""
    path = tmp_path / "talk.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(N_FRAMES):
            picture = np.full((HEIGHT, WIDTH, 3), 40 + number % 100, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    with open_video(path) as opened:
        session = Session(opened)
        prealign(session, Knowing(), Settings("made"))
        session.close()
    return path


@pytest.fixture
def dock(qtbot, video: Path) -> Iterator[FaceLandmarksDock]:
    """The dock in a window that shows the video and its predictions."""
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(*WINDOW)
    viewer.open(str(video), plugin="napari-red")
    _, dock = viewer.window.add_plugin_dock_widget("napari-red", "Face landmarks")
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(lambda: dock.strip.overview is not None, timeout=30_000)
    qtbot.waitUntil(viewer.window._qt_window.isActiveWindow, timeout=30_000)
    yield dock
    dock.close_workbench()
    viewer.close()
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs, False)
    notification_manager.records.clear()
    qtbot.wait(50)


@contextmanager
def step(person: Person, name: str) -> Iterator[None]:
    """What is done meanwhile belongs to this row of the table."""
    person.step = name
    yield
    person.step = ""


def place_of(dock: FaceLandmarksDock, frame: int) -> QPoint:
    """Where the frame is in the strip."""
    strip = dock.strip
    for x in range(strip.width()):
        if strip.overview.frame_of(strip.column_at(x)) == frame:
            return QPoint(x, strip.height() // 2)
    raise AssertionError(f"frame {frame} can't be clicked in a strip of {strip.width()} pixels")


def do_the_task(qtbot, dock: FaceLandmarksDock) -> Person:
    """The task of docs/actions.md; gives who did it."""
    view = dock.workbench.view
    person = Person(view.viewer)
    for frame in FRAMES:
        with step(person, "go to the frames"):
            held = PLAIN if frame == FRAMES[0] else CTRL  # accepts the frame that is left
            person.click(dock.strip, place_of(dock, frame), held)
            qtbot.waitUntil(lambda frame=frame: view.frame == frame, timeout=10_000)
        with step(person, "move the landmarks"):
            for landmark in LANDMARKS:
                start = view.points.data[landmark].copy()
                person.drag(start, start + way(frame, landmark)[::-1])
        if frame == FRAMES[0]:
            with step(person, "name the person"):
                person.press("F2")
                person.type(PERSON)
    with step(person, "accept the frames"):
        person.press("G")
    with step(person, "export"):
        section = dock.sections.section("Export")
        if not section.is_open:
            person.click(section.button)
        person.choose(dock.export.format, "coco")
        person.confirm_folder(lambda: person.click(dock.export.start))
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
    return person


def documented() -> dict[str, int]:
    """The column of this program in the table of docs/actions.md."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("|")
    ]
    column = rows[0].index("napari-red")
    counts = {}
    for cells in rows[2:]:
        counts[cells[0]] = int(re.match(r"\d+", cells[column]).group())
        if cells[0] == "sum":
            break
    return counts


def test_the_task_takes_as_many_actions_as_docs_say(
    qtbot, dock: FaceLandmarksDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "out"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    person = do_the_task(qtbot, dock)

    told = documented()
    assert person.counts == {name: n for name, n in told.items() if n and name != "sum"}
    assert person.total == told["sum"]

    coco = COCO(str(tmp_path / "coco.json"))  # beside the project
    assert len(coco.anns) == N_FRAMES
    for annotation in coco.anns.values():
        frame = coco.imgs[annotation["image_id"]]["frame_id"]
        points = np.reshape(annotation["keypoints"], (68, 3))[:, :2]
        wanted = predicted(frame).astype(float)
        if frame in FRAMES:
            for landmark in LANDMARKS:
                wanted[landmark] += way(frame, landmark)
        moved = LANDMARKS if frame in FRAMES else ()
        np.testing.assert_allclose(points, wanted, atol=0.6)
        np.testing.assert_allclose(
            np.delete(points, moved, axis=0), np.delete(wanted, moved, axis=0), atol=0.01
        )
        assert annotation["accepted"] == (frame in FRAMES)
        assert annotation["identity"] == PERSON

    (tmp_path / "coco.json").unlink()
    with step(person, "export again"):
        person.press("Ctrl+Shift+E")
    qtbot.waitUntil((tmp_path / "coco.json").is_file, timeout=60_000)
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
    assert person.counts["export again"] == 1
