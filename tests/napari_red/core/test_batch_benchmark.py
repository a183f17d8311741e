from napari_red.core import batch_benchmark
from napari_red.core.batch_benchmark import BatchResult, cut_clips
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import open_video


def test_clips_are_cut_evenly_and_all_differ(tmp_path, make_video):
    videos = [make_video(tmp_path / "a.mp4", 24)]
    cut = cut_clips(videos, tmp_path / "clips", 5, 8)
    assert len({video_fingerprint(path) for path in cut}) == 5
    for path in cut:
        with open_video(path) as video:
            assert (video.n_frames, video.width) == (8, 160)


def test_the_first_clip_which_starts_up_counts_as_the_others():
    assert batch_benchmark._of_all([100.0, 102.0, 104.0]) == 6


def test_the_result_is_told_as_rates_and_a_ratio():
    words = BatchResult(50, 1000, 990, 3.0, 2.0, 50.0, 40.0).words
    assert "60 clips a minute, 20.0 frames a second" in words
    assert "ratio:    0.80" in words
