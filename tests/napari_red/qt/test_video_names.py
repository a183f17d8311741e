"""Videos of one name are told apart in the lists of the window."""

import pytest

from napari_red._qt.panels.review import ReviewPanel
from napari_red.core.records import TrackRecord, VideoRecord
from napari_red.core.review import ToReview


def proposal(number, path):
    video = VideoRecord(number, path, str(number), "clip", 10, 120, 160, 25.0)
    return ToReview(video, TrackRecord(number, number, 0, 68), 0, 4, "unsure")


def test_the_queue_says_which_of_two_videos_it_means(qtbot):
    panel = ReviewPanel()
    qtbot.addWidget(panel)
    queue = [proposal(1, "/data/a/clip.mp4"), proposal(2, "/data/b/clip.mp4")]
    panel.show_queue(queue, None, {1: "a/clip.mp4", 2: "b/clip.mp4"})
    lines = [panel.list.item(row).text() for row in range(2)]
    assert lines == ["a/clip.mp4 · frame 5: unsure", "b/clip.mp4 · frame 5: unsure"]
    assert panel.list.item(1).toolTip() == "b/clip.mp4, frame 5: unsure"


@pytest.mark.window
def test_the_queue_tells_a_video_from_one_that_needs_nothing_yet(
    qtbot, annotated_dock, make_aligner, tmp_path
):
    dock = annotated_dock(make_aligner(), frame=0)
    qtbot.waitUntil(lambda: dock.review.list.count() > 0)
    project = dock.workbench.session.project
    other = tmp_path / "elsewhere" / "clip.mp4"
    project.add_video(other, "other", n_frames=9, height=120, width=160, fps=25.0)
    dock.review_control.ask_queue()
    expected = f"{tmp_path.name}/clip.mp4 · frame "
    qtbot.waitUntil(lambda: dock.review.list.item(0).text().startswith(expected))
