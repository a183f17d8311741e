"""Make the tutorial's pictures: one session with the sample and a darker video of the same face.

xvfb-run -s "-screen 0 1600x1000x24" python scripts/make_tutorial_pictures.py docs/images
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# The person's own settings and data are neither seen nor changed.
_HOME = Path(tempfile.mkdtemp(prefix="tutorial-"))
for _name in ("CACHE", "CONFIG", "DATA", "STATE"):
    os.environ[f"XDG_{_name}_HOME"] = str(_HOME / _name.lower())
os.environ["NAPARI_CONFIG"] = str(_HOME / "napari.yaml")

import av  # noqa: E402
import napari  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from qtpy.QtCore import QBuffer  # noqa: E402
from qtpy.QtWidgets import QApplication, QWidget  # noqa: E402

from napari_red._qt.dock import FaceLandmarksDock  # noqa: E402
from napari_red._qt.models_dialog import ModelsDialog  # noqa: E402
from napari_red.core.sample import sample_path  # noqa: E402
from trainer.data.video import open_video  # noqa: E402

SIZE = (1366, 768)
MOST_BYTES = 250_000
MOUTH = range(48, 68)
CORRECTED = (4, 16, 28, 40, 52, 64, 76, 88, 100, 115)
"""Frames of both videos that somebody who draws the jaw lower corrects."""


def darker(source: Path, target: Path) -> None:
    """The same face on another day: mirrored, in dim light, with a grainy camera."""
    rng = np.random.default_rng(1)
    with open_video(source) as video, av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = video.height, video.width
        stream.pix_fmt, stream.bit_rate = "yuv420p", 3_000_000
        for number in range(len(video)):
            picture = 0.35 * video.frame(number)[:, ::-1] + rng.normal(
                0, 14, (video.height, video.width, 3)
            )
            frame = av.VideoFrame.from_ndarray(
                picture.clip(0, 255).astype(np.uint8), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class Session:
    """A window, somebody in front of it, and a folder for the pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(title="napari-red", show=True)
        self.window = self.viewer.window._qt_window
        self.window.resize(*SIZE)
        self.dock = FaceLandmarksDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Face landmarks", area="right")
        self.work = self.dock.workbench

    def spin(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def wait(self, until: Callable[[], bool], limit: float = 900) -> None:
        """Let it live until something is so."""
        end = time.monotonic() + limit
        while not until():
            self.spin(0.02)
            if time.monotonic() > end:
                raise TimeoutError("the window didn't come to rest")

    def only(self, *titles: str) -> None:
        """Open these panels and close the others."""
        for section in self.dock.sections.sections:
            if section.is_open and section.title not in titles:
                section.button.click()
        for title in titles:
            self.dock.sections.open(title)
        self.spin(0.4)

    def turn(self, frame: int) -> None:
        """Show a frame of the open video."""
        self.viewer.dims.set_current_step(0, frame)
        self.wait(lambda: self.work.view.frame == frame)

    def open(self, name: str) -> None:
        """Show a video of the project."""
        record = next(one for one in self.work.shown_project.videos() if one.name == name)
        self.work.open_record(record)
        self.wait(lambda: self.work.session is not None and self.work.session.video_id == record.id)
        self.spin(0.5)

    def shot(self, name: str, of: QWidget | None = None) -> None:
        """Take a picture, in steps of colour as fine as fit the size."""
        self.spin(0.6)
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.ReadWrite)
        (of or self.window).grab().save(buffer, "PNG")
        pixels = np.asarray(Image.open(io.BytesIO(bytes(buffer.data()))).convert("RGB"))
        target = self.folder / f"tutorial_{name}.png"
        for step in (1, 2, 4, 8, 16):
            Image.fromarray(pixels // step * step).save(target, optimize=True)
            if target.stat().st_size <= MOST_BYTES:
                break
        print(f"{target}: {target.stat().st_size // 1000} kB")

    def correct(self) -> None:
        """Draw the jaw of the open video lower, in some frames."""
        session = self.work.session
        for frame in CORRECTED:
            shown = session.view(frame).landmarks[0]
            side = np.ptp(shown[:17, 0])
            lower = shown[:17] + (0, 0.025 * side)
            session.move(frame, 0, {i: (float(x), float(y)) for i, (x, y) in enumerate(lower)})


def main(folder: Path) -> None:
    """Go through the session and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample_path(), _HOME / "monday.mp4")
    darker(sample_path(), _HOME / "tuesday.mp4")
    at = Session(folder)
    dock, work = at.dock, at.work

    dock.videos_control.open_project(_HOME / "interviews.red")
    dock.videos_control.add([_HOME / "monday.mp4", _HOME / "tuesday.mp4"])
    at.wait(lambda: dock.videos.names() == ["monday", "tuesday"] and work.session is not None)
    at.only("Videos", "Faces")
    dock.videos.start_all.click()
    at.wait(lambda: any(row.video.state == "done" for row in dock.videos_control.standings))
    at.turn(20)
    at.spin(4)
    at.shot("videos")
    at.wait(lambda: not work.busy and not work.batch.busy)

    at.open("monday")
    at.only("Faces", "Review")
    dock.faces.named.emit("Anna")
    at.turn(20)
    work.view.points.selected_data = set(MOUTH)
    work.session.move(
        20, 0, {i: tuple(work.view.current.landmarks[0, i] + (2.0, 1.0)) for i in MOUTH}
    )
    at.viewer.scene.camera.zoom *= 1.6
    at.shot("correct")
    at.viewer.reset_view()
    work.view.points.selected_data = set()

    at.only("Faces", "Review")
    dock.review.forward.click()
    at.wait(lambda: not work.busy and dock.review.choice.isVisible())
    at.shot("retrack")
    dock.review.drop.click()

    at.correct()
    at.open("tuesday")
    dock.faces.named.emit("Anna")
    at.correct()
    dock.review.accept.click()
    at.wait(lambda: bool(dock.review_control.queue))
    at.spin(2)
    dock.review.next.click()
    at.spin(2)
    at.only("Review")
    at.shot("review")

    at.open("monday")
    at.turn(20)
    at.only("Improve")
    at.wait(lambda: dock.improve.start.isEnabled())
    dock.improve.start.click()
    at.wait(lambda: len(dock.improve.curves.errors) >= 2 or not dock.improving.busy)
    at.shot("improve")
    at.wait(lambda: not dock.improving.busy)
    print(dock.improve.result.text())

    dock.improve.models.click()
    (dialog,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, ModelsDialog))
    dialog.compare.click()
    at.wait(lambda: not dialog.comparing)
    at.shot("models", dialog)
    dialog.close()
    dock.close_workbench()
    at.viewer.close()
    shutil.rmtree(_HOME, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
