"""Videos of one name are told apart in the lists of the window."""

from napari_red._qt.panels.review import ReviewPanel
from napari_red.core.records import TrackRecord, VideoRecord
from napari_red.core.review import ToReview


def proposal(number, path):
    video = VideoRecord(number, path, str(number), "clip", 10, 120, 160, 25.0)
    return ToReview(video, TrackRecord(number, number, 0, 68), 0, 4, "unsure")


def test_the_queue_says_which_of_two_videos_it_means(qtbot):
    panel = ReviewPanel()
    qtbot.addWidget(panel)
    panel.show_queue([proposal(1, "/data/a/clip.mp4"), proposal(2, "/data/b/clip.mp4")], None)
    lines = [panel.list.item(row).text() for row in range(2)]
    assert lines == ["a/clip.mp4 · frame 5: unsure", "b/clip.mp4 · frame 5: unsure"]
    assert panel.list.item(1).toolTip() == "b/clip.mp4, frame 5: unsure"
