#!/usr/bin/env python
"""How quickly the window answers while the model is being improved beside it.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/measure_improving.py

Opens the sample, pre-annotates it, corrects eight frames, then turns from frame to frame
as a person does: first in peace, then while fine-tuning runs. Prints milliseconds until
everything that a turn sets off is drawn, and the ratio of the two.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_red._qt.dock import FaceLandmarksDock
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack
from napari_red.core.sample import sample_path

PAUSE_S = 0.15
CORRECTED = range(5, 120, 15)


def wait(until: Callable[[], bool], seconds: float = 600) -> None:
    """Handle events until something is so."""
    end = time.monotonic() + seconds
    while not until():
        QApplication.processEvents()
        time.sleep(0.005)
        if time.monotonic() > end:
            raise TimeoutError("waited too long")


def turns(viewer: napari.Viewer, go_on: Callable[[int], bool]) -> np.ndarray:
    """Milliseconds of each turn to the next frame, as long as ``go_on(number of turns)``."""
    taken: list[float] = []
    while go_on(len(taken)):
        began = time.perf_counter()
        viewer.dims.set_current_step(0, (len(taken) + 1) % 120)
        QApplication.processEvents()
        taken.append(1000 * (time.perf_counter() - began))
        pause = time.monotonic() + PAUSE_S
        wait(lambda end=pause: time.monotonic() > end)
    return np.array(taken)


def say(what: str, taken: np.ndarray) -> None:
    """Print how long turns took."""
    middle, slow = np.percentile(taken, [50, 95])
    print(f"{what}: {middle:.0f} ms, 95 % within {slow:.0f} ms ({len(taken)} turns)")


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="napari-red-"))
    video = Path(shutil.copy(sample_path(), folder / "talk.mp4"))
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1366, 768)
    dock = FaceLandmarksDock(viewer)
    viewer.window.add_dock_widget(dock, name="Face landmarks", area="right")
    viewer.add_layer(VideoLayer(VideoStack.open(video)))
    work = dock.workbench
    wait(lambda: work.session is not None)
    dock.videos.start.click()
    wait(lambda: not work.busy)
    session = work.session
    for frame in CORRECTED:
        points = session.view(frame).landmarks[0]
        session.move(frame, 0, {i: (float(points[i, 0]), points[i, 1] + 5.0) for i in range(17)})
    dock.sections.open("Improve")
    wait(dock.improve.start.isEnabled)
    quiet = turns(viewer, lambda number: number < 100)
    say("in peace", quiet)
    began = time.monotonic()
    dock.improve.start.click()
    trained = turns(viewer, lambda _: dock.improving.busy)
    say("while it trains", trained)
    print(f"95 %: {np.percentile(trained, 95) / np.percentile(quiet, 95):.2f} times as long")
    print(f"{time.monotonic() - began:.0f} s: {dock.improve.result.text()}")
    dock.close_workbench()
    viewer.close()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
