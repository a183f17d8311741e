"""How many actions a piece of work takes, counted in a real window.

The task, and what it takes in other programs, is in docs/actions.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import menpo.io as mio
import napari
import numpy as np
import pandas as pd
import pytest
from hands import Hands
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QWidget

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
        person.press("Ctrl+Shift+E")
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
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    person = do_the_task(qtbot, dock)

    told = documented()
    assert person.counts == {name: n for name, n in told.items() if n and name != "sum"}
    assert person.total == told["sum"]

    folder = tmp_path / "talk_export" / "talk"  # beside the project
    table = pd.read_csv(folder / "faces.csv", index_col="file")
    assert len(table) == len(list((folder / "annot").iterdir())) == N_FRAMES
    assert set(table.identity) == {PERSON}
    for frame in range(N_FRAMES):
        file = f"annot/{frame + 1:06d}.pts"
        points = mio.import_landmark_file(folder / file)["PTS"].points[:, ::-1]  # menpo has y, x
        wanted = predicted(frame).astype(float)
        moved = LANDMARKS if frame in FRAMES else ()
        for landmark in moved:
            wanted[landmark] += way(frame, landmark)
        np.testing.assert_allclose(points, wanted, atol=0.6)
        np.testing.assert_allclose(
            np.delete(points, moved, axis=0), np.delete(wanted, moved, axis=0), atol=0.01
        )
        assert table.frame[file] == frame
        assert table.accepted[file] == (frame in FRAMES)
        if moved:
            assert table.corrected[file] == " ".join(map(str, LANDMARKS))

    (folder / "faces.csv").unlink()
    with step(person, "export again"):
        person.press("Ctrl+Shift+E")
    qtbot.waitUntil((folder / "faces.csv").is_file, timeout=60_000)
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
    assert person.counts["export again"] == 1
