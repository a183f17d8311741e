"""The window that the demo opens."""

import napari
import pytest

from napari_red._qt.launch import open_window
from napari_red.core.demo import run_demo
from napari_red.core.prealign import Settings
from trainer.data.video import open_video

pytestmark = pytest.mark.window


def test_the_demos_window_shows_the_demos_landmarks(
    qtbot, monkeypatch, video_path, make_aligner, tmp_path
):
    with open_video(video_path) as video:
        result = run_demo(video, make_aligner(), tmp_path / "out", Settings("made"))
    seen = []

    def look():
        viewer = napari.current_viewer()
        seen.append([(layer.name, layer.visible) for layer in viewer.layers])
        viewer.close()

    monkeypatch.setattr(napari, "run", look)
    open_window(video_path, result.project)
    assert seen == [[("clip", True), ("Face contours", True), ("Face landmarks", True)]]
    assert not video_path.with_suffix(".red").exists()
