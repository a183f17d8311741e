"""A video is known again wherever it lies, and a changed one is not taken for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_videos import numbered_picture
from PIL import Image

from trainer.data import fingerprint
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import VideoError

CONTENT = bytes(range(256)) * 40


def test_moving_renaming_and_copying_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    before = video_fingerprint(path)
    (tmp_path / "deep").mkdir()
    shutil.copy(path, tmp_path / "deep" / "copy.avi")
    path.rename(tmp_path / "b.mp4")
    assert video_fingerprint(tmp_path / "b.mp4") == before
    assert video_fingerprint(tmp_path / "deep" / "copy.avi") == before


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, place: int, by: int
) -> None:
    path = tmp_path_factory.mktemp("one") / "a.mp4"
    path.write_bytes(CONTENT)
    before = video_fingerprint(path)
    changed = bytearray(CONTENT)
    changed[place] = (changed[place] + by) % 256
    path.write_bytes(changed)
    assert video_fingerprint(path) != before


def test_a_file_cut_off_or_grown_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    seen = set()
    for content in (CONTENT, CONTENT[:-1], CONTENT + b"\0", b""):
        path.write_bytes(content)
        seen.add(video_fingerprint(path))
    assert len(seen) == 4


def test_of_a_large_file_only_parts_are_read_its_ends_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_WHOLE", 1000)
    monkeypatch.setattr(fingerprint, "_PARTS", 4)
    monkeypatch.setattr(fingerprint, "_PART", 100)
    path = tmp_path / "a.mp4"
    assert sum(n for _, _, n in fingerprint._parts([path], [len(CONTENT)])) == 400

    def changed_at(place: int) -> str:
        content = bytearray(CONTENT)
        content[place] ^= 1
        path.write_bytes(content)
        return video_fingerprint(path)

    path.write_bytes(CONTENT)
    before = video_fingerprint(path)
    assert changed_at(0) != before
    assert changed_at(len(CONTENT) - 1) != before
    assert changed_at((len(CONTENT) - 100) // 3 + 50) != before
    assert changed_at(150) == before


def test_a_folder_counts_as_its_pictures_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(numbered_picture(number)).save(folder / f"{number}.png")
    monkeypatch.setattr(fingerprint, "_PART", 10)
    for limit in (fingerprint._WHOLE, 100):
        monkeypatch.setattr(fingerprint, "_WHOLE", limit)
        before = video_fingerprint(folder)
        (folder / "notes.txt").write_text("not a frame")
        folder = folder.rename(tmp_path / f"moved{limit}")
        assert video_fingerprint(folder) == before
        (folder / "0.png").rename(folder / "9.png")
        assert video_fingerprint(folder) != before
        (folder / "9.png").rename(folder / "0.png")
        assert video_fingerprint(folder) == before


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone\.mp4: no such file"):
        video_fingerprint(tmp_path / "gone.mp4")
