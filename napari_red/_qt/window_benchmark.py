"""How fast the window is: a made video, two faces, a real viewer, real mouse events.

``python -m napari_red._qt.window_benchmark`` prints it; without a screen, start it under a
virtual one, as in ``xvfb-run -a python -m napari_red._qt.window_benchmark``.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_red._qt.attach import attach
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core.frames import VideoStack, cache_bytes
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from trainer.face_3d import FACE_3D

SIZE = (720, 1280)
"""Height and width of the made video."""

PATIENCE_S = 10.0

SEEN_BEFORE = 300
"""Frames that are stepped through before memory is watched: more than the cache holds."""

MODULE = "napari_red._qt.window_benchmark"


def made_face(frame: int, face: int) -> np.ndarray:
    """(68, 2) float32 landmarks of a face that sways: 200 pixels wide, two side by side."""
    x = 400 + 480 * face + 40 * np.sin(frame / 20)
    y = 330 + 20 * np.cos(frame / 15)
    return (FACE_3D[:, :2] * (14, -14) + (x, y)).astype(np.float32)


def write_video(path: Path, n_frames: int) -> None:
    """A video of two moving discs, each frame of it different."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    back = ((x // 8 + y // 8) % 64 + 60).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stream.gop_size = 50
        for number in range(n_frames):
            picture = np.repeat(np.roll(back, number, axis=1)[..., None], 3, axis=2)
            for face in range(2):
                cx, cy = made_face(number, face).mean(axis=0).astype(int)
                picture[cy - 150 : cy + 130, cx - 110 : cx + 110] = (200, 165, 140)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def fill(session: Session) -> None:
    """Predictions for two faces in every frame."""
    run = session.start_run("made", "cpu")
    sure = np.full(68, 0.7, np.float32)
    for first in range(0, session.n_frames, 512):
        frames = range(first, min(first + 512, session.n_frames))
        session.store(
            run,
            [(face, Prediction(i, made_face(i, face), sure)) for i in frames for face in range(2)],
        )
    session.finish_run(run, "done")


class Window:
    """A viewer with a video in it, and what there is to measure."""

    def __init__(self, video: Path) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(1366, 768)
        attach(self.viewer)
        self.layer = VideoLayer(VideoStack.open(video))
        self.viewer.add_layer(self.layer)
        self.canvas = self.viewer.window._qt_viewer.canvas
        self.draws = 0
        self.canvas._scene_canvas.events.draw.connect(self._drawn)
        self.settle()

    def close(self) -> None:
        """Close it, and let the decoder go."""
        self.viewer.close()
        self.layer.close()

    def settle(self, seconds: float = 0.3) -> None:
        """Let everything that waits happen."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            QApplication.processEvents()

    def step(self, frame: int) -> tuple[float, float]:
        """Turn to a frame: milliseconds until it or a preview is drawn, and until it is."""
        begin = time.perf_counter()
        before, first = self.draws, 0.0
        self.viewer.dims.set_current_step(0, frame)
        while time.perf_counter() - begin < PATIENCE_S:
            QApplication.processEvents()
            if self.draws > before:
                if self.layer.shown_frame == frame:
                    first = first or time.perf_counter()
                    if not self.layer.late:
                        break
                before = self.draws
        end = time.perf_counter()
        return 1000 * ((first or end) - begin), 1000 * (end - begin)

    def steps(self, frames: Iterable[int]) -> np.ndarray:
        """(N, 3) milliseconds for each of these frames: of :meth:`step`, and what the
        window's thread computed meanwhile, which other programs disturb less."""
        found = []
        for frame in frames:
            begin = time.thread_time()
            times = self.step(frame)
            found.append((*times, 1000 * (time.thread_time() - begin)))
        return np.array(found)

    def drag(self, start: Sequence[float], path: Iterable[Sequence[float]]) -> np.ndarray:
        """(N, 2) milliseconds from each mouse move of a drag (yx) to the redrawn canvas, and
        what the window's thread computed meanwhile."""
        took = []
        self._mouse(QEvent.Type.MouseMove, start, pressed=False)
        self._mouse(QEvent.Type.MouseButtonPress, start, pressed=True)
        place = start
        for place in path:
            begin, before = time.perf_counter(), self.draws
            computed = time.thread_time()
            self._mouse(QEvent.Type.MouseMove, place, pressed=True)
            while self.draws == before and time.perf_counter() - begin < 1:
                QApplication.processEvents()
            computed = time.thread_time() - computed
            took.append((1000 * (time.perf_counter() - begin), 1000 * computed))
        self._mouse(QEvent.Type.MouseButtonRelease, place, pressed=False)
        QApplication.processEvents()
        return np.array(took)

    def _drawn(self, event: object = None) -> None:
        self.draws += 1

    def _mouse(self, kind: QEvent.Type, yx: Sequence[float], *, pressed: bool) -> None:
        native = self.canvas.native
        size = np.array([native.height(), native.width()])
        camera = self.viewer.scene.camera
        y, x = (np.asarray(yx) - camera.center[-2:]) * camera.zoom + size / 2
        place = QPointF(x, y)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        moves = kind == QEvent.Type.MouseMove
        event = QMouseEvent(
            kind,
            place,
            QPointF(native.mapToGlobal(place.toPoint())),
            none if moves else left,
            left if pressed else none,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(native, event)


@contextmanager
def shown(window: Window, session: Session) -> Iterator[LandmarkView]:
    """The landmarks of a session in the window."""
    view = LandmarkView(window.viewer)
    view.show(window.layer, session)
    window.settle()
    try:
        yield view
    finally:
        view.close()


def memory_mb() -> float:
    """Memory of this process that is really there, in megabytes; NaN where unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 2**20


def measure(n_frames: int = 3000, n_steps: int = 200, n_long: int = 5000) -> dict[str, float]:
    """All figures, by name; times in milliseconds."""
    found: dict[str, float] = {}
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.mp4"
        # In a process of its own: what encoding leaves in memory isn't the window's.
        command = [sys.executable, "-m", MODULE, "--write", path, "--frames", n_frames]
        subprocess.run(list(map(str, command)), check=True)
        window = Window(path)
        forward = range(1, min(n_steps, n_frames))
        window.steps(forward[:30])
        alone = window.steps(forward)
        found |= _times("step, video alone", alone)
        with Session(window.layer.data.video, Path(folder) / "made.red") as session:
            fill(session)
            with shown(window, session) as view:
                window.steps(forward[:30])
                faces = window.steps(forward)
                found |= _times("step, two faces", faces)
                window.step(0)
                found |= _times("drag", _drag(window, view))
                previews = time.perf_counter()
                while not window.layer.data.previews.done.is_set():
                    window.settle()
                found["previews all there after, s"] = time.perf_counter() - previews
                jumps = window.steps(random.integers(0, n_frames, 40))
                found |= _times("jump, something near", jumps[:, :1])
                found |= _times("jump, exact", jumps)
                if n_long:
                    found |= _memory(window, n_frames, n_long)
        window.close()
    for what in ("median", "computed"):
        found[f"step, two faces / alone, {what}"] = (
            found[f"step, two faces, {what}"] / found[f"step, video alone, {what}"]
        )
    found["drag, redraws a second"] = 1000 / found["drag, median"]
    return found


def _drag(window: Window, view: LandmarkView) -> np.ndarray:
    assert view.points is not None
    start = view.points.data[30].copy()
    path = [start + (8 * np.sin(i / 5), i / 4) for i in range(1, 61)]
    return window.drag(start, path)


def _memory(window: Window, n_frames: int, n_steps: int) -> dict[str, float]:
    """Megabytes of the process when caches are full, of that cache, and how it grows on."""
    for frame in range(min(n_frames, SEEN_BEFORE)):
        window.step(frame)
    window.settle(1)
    gc.collect()
    before = memory_mb()
    for step in range(n_steps):
        window.step(step % n_frames)
    gc.collect()
    return {
        "memory, limit of the frame cache, MB": cache_bytes(window.layer.data.video) / 2**20,
        "memory, all, MB": before,
        f"memory, growth over {n_steps} steps, MB": memory_mb() - before,
    }


def _times(name: str, values: np.ndarray) -> dict[str, float]:
    """Figures of milliseconds (N, …): what passed in the last column but one, what was
    computed in the last; a single column is what passed."""
    passed = values[:, max(values.shape[1] - 2, 0)]
    found = {
        f"{name}, median": float(np.median(passed)),
        f"{name}, 95 %": float(np.percentile(passed, 95)),
    }
    if values.shape[1] > 1:
        found[f"{name}, computed"] = float(np.median(values[:, -1]))
    return found


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--long", type=int, default=5000, help="steps to watch memory for")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", type=Path, help="only write the made video here")
    options = parser.parse_args()
    if options.write:
        write_video(options.write, options.frames)
        return
    found = measure(options.frames, options.steps, options.long)
    for name, value in found.items():
        print(f"{name:42} {value:8.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
