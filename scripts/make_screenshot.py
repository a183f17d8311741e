"""Make the README's picture of the window: the sample, pre-annotated, one point corrected.

xvfb-run -s "-screen 0 1600x1000x24" python scripts/make_screenshot.py docs/images/window.png
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_red._qt.dock import FaceLandmarksDock
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack
from napari_red.core.sample import sample_path

FRAME = 20


def spin(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def main(target: Path) -> None:
    """Open, pre-annotate, correct the chin, take the picture."""
    viewer = napari.Viewer(title="napari-red", show=True)
    viewer.window._qt_window.resize(1400, 860)
    dock = FaceLandmarksDock(viewer)
    viewer.window.add_dock_widget(dock, name="Face landmarks", area="right")
    work = dock.workbench
    work.projects[sample_path().absolute()] = (
        Path(tempfile.mkdtemp(prefix="demo-")) / "talking_face.red"
    )
    viewer.add_layer(VideoLayer(VideoStack.open(sample_path())))
    spin(1)
    dock.videos.start.click()
    while work.busy:
        spin(0.05)
    viewer.dims.set_current_step(0, FRAME)
    spin(1)
    chin = work.view.current.landmarks[0, 8] + np.array([1, 2])
    work.session.move(FRAME, 0, {8: tuple(chin)})
    viewer.scene.camera.zoom *= 1.35
    spin(1)
    target.parent.mkdir(parents=True, exist_ok=True)
    viewer.window._qt_window.grab().save(str(target))
    dock.close()
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
