"""Real windows and real mouse events."""

import pytest
from real_windows import drag, open_dock, open_viewer

__all__ = ["annotated_dock", "drag", "open_dock", "open_viewer"]


@pytest.fixture
def annotated_dock(qtbot, open_viewer, open_dock, video_path):
    """Opens the dock on a video that an aligner has gone through:
    ``annotated_dock(aligner, faces=1, frame=0)``."""

    def make(aligner, *, faces=1, frame=0):
        viewer = open_viewer()
        viewer.open(str(video_path), plugin="napari-red")
        dock = open_dock(viewer, aligner)
        dock.faces.count.setValue(faces)
        dock.videos.start.click()
        qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
        viewer.dims.set_current_step(0, frame)
        qtbot.waitUntil(lambda: dock.workbench.view.frame == frame)
        return dock

    return make
