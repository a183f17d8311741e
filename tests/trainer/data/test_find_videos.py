"""Which videos a list of paths stands for."""

from __future__ import annotations

from pathlib import Path

from make_videos import (
    refusal,
    write_video,
)

from trainer.data.video import find_videos, open_video


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_folder_stands_for_the_videos_in_and_below_it_in_natural_order(tmp_path: Path) -> None:
    for name in ("clip10.mp4", "clip9.MP4", "notes.txt", ".hidden.mp4", "b/deep/x.avi"):
        touch(tmp_path / name)
    found = [p.relative_to(tmp_path).as_posix() for p in find_videos([tmp_path])]
    assert found == ["clip9.MP4", "clip10.mp4", "b/deep/x.avi"]


def test_the_layout_of_300vw_is_understood(tmp_path: Path) -> None:
    touch(tmp_path / "001/vid.avi")
    touch(tmp_path / "001/annot/000001.pts")
    touch(tmp_path / "001/imgs/000001.jpg")
    touch(tmp_path / "002/annot/000001.pts")
    touch(tmp_path / "002/imgs/000001.jpg")
    touch(tmp_path / "002/imgs/000002.jpg")
    assert find_videos([tmp_path]) == [tmp_path / "001/vid.avi", tmp_path / "002/imgs"]


def test_folders_of_single_photographs_are_no_videos(tmp_path: Path) -> None:
    for name in ("anna_1.jpg", "bert_1.jpg"):
        touch(tmp_path / "photos" / name)
    touch(tmp_path / "film" / "x.mkv")
    assert find_videos([tmp_path]) == [tmp_path / "film/x.mkv"]


def test_each_video_is_found_once_and_files_are_taken_as_they_are(tmp_path: Path) -> None:
    video = touch(tmp_path / "a.mp4")
    other = touch(tmp_path / "strange.name")
    assert find_videos([video, tmp_path, other, str(video)]) == [video, other]


def test_a_path_with_nothing_in_it_is_kept_for_its_error(tmp_path: Path) -> None:
    assert find_videos([tmp_path, tmp_path / "gone"]) == [tmp_path, tmp_path / "gone"]
    refusal(tmp_path)


def test_results_of_300vw_are_called_after_the_folder(tmp_path: Path) -> None:
    (tmp_path / "001").mkdir()
    with open_video(write_video(tmp_path / "001" / "vid.avi", "mpeg4", n_frames=1)) as video:
        assert video.name == "001"
