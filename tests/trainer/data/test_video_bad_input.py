"""What can be wrong with a video, and what is said about it."""

from __future__ import annotations

import os
import random
from pathlib import Path

import av
import pytest
from make_videos import (
    B_FRAMES,
    cut_off,
    damage_frame,
    number_in,
    refusal,
    write_sound,
    write_video,
)

from trainer.data import video_check
from trainer.data.video import VideoError, open_video
from trainer.data.video_index import PacketIndex


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.mp4")


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "empty" in refusal(tmp_path / "empty.mp4")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_to_be_forbidden(tmp_path: Path) -> None:
    path = write_video(tmp_path / "mine.mp4", n_frames=1)
    path.chmod(0)
    assert "permission" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("noise.mp4", bytes(range(256)) * 20), ("text.avi", b"hello " * 99), ("a.txt", b"hi\n" * 99)],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert "video" in refusal(tmp_path / name)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    assert "only sound" in refusal(write_sound(tmp_path / "talk.mp4"))


def test_a_video_without_a_frame_is_refused(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", "mpeg4", n_frames=3)
    data = whole.read_bytes()
    path = tmp_path / "none.avi"
    path.write_bytes(data[: data.index(b"movi") + 4])
    assert "frame" in refusal(path)


def test_an_mp4_that_lost_its_end_with_the_index_is_refused(
    made: dict[str, Path], tmp_path: Path
) -> None:
    assert "cut off" in refusal(cut_off(made["constant.mp4"], tmp_path / "half.mp4", 0.6))


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        ("mpeg4_b.avi", True),
        ("h264_b.avi", True),
        ("mjpeg.avi", True),
        ("fast.mp4", True),
        ("fragments.mp4", True),
        ("mpeg1.mpg", False),
        ("open_gop.mkv", False),
        ("open_gop.ts", False),
    ],
)
def test_a_video_that_was_cut_off_opens_with_the_frames_it_has(
    made: dict[str, Path], tmp_path: Path, kind: str, warned: bool
) -> None:
    whole = made.get(kind) or write_video(
        tmp_path / kind,
        b_frames=2,
        options=B_FRAMES,
        container_options={"movflags": "faststart"},
    )
    with open_video(cut_off(whole, tmp_path / f"cut_{kind}", 0.7)) as video:
        assert 5 < video.n_frames < 40
        # The very last picture may be a part of one.
        for number in random.Random(0).sample(range(video.n_frames - 1), video.n_frames - 1):
            assert number_in(video.frame(number)) == number
        assert len(list(video.frames())) == video.n_frames
        if warned:
            assert any("cut off" in w for w in video.warnings)


@pytest.mark.parametrize("long", [False, True])
def test_a_damaged_frame_keeps_its_number_and_costs_only_frames_near_it(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    if long:
        monkeypatch.setattr(video_check, "_BUDGET", 4 * 96 * 160)
        monkeypatch.setattr(video_check, "_SEEK_BUDGET", 0)
    with open_video(damage_frame(made["constant.mp4"], tmp_path / "hit.mp4", 15)) as video:
        assert video.n_frames == 40
        got = {n: number_in(image) for n, image in video.frames()}
        lost = set(range(40)) - set(got)
        assert 15 in lost
        assert lost <= set(range(12, 24))
        for number in [*range(12), *range(24, 40)]:
            assert got[number] == number
        for number in lost:
            with pytest.raises(VideoError, match=f"frame {number} .*damaged"):
                video.frame(number)
            assert any(f"frame {number} " in w for w in video.warnings)
        assert number_in(video.frame(30)) == 30


def test_frames_that_cannot_be_decoded_at_either_end_are_left_out(
    made: dict[str, Path], tmp_path: Path
) -> None:
    path = damage_frame(made["mjpeg.avi"], tmp_path / "first.avi", 0)
    path = damage_frame(path, tmp_path / "both.avi", 39)
    with open_video(path) as video:
        assert video.n_frames == 38
        assert any("damaged" in w for w in video.warnings)
        assert [number_in(video.frame(n)) for n in (37, 0)] == [38, 1]


def test_a_file_that_was_replaced_while_open_is_noticed(
    made: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(made["constant.mp4"].read_bytes())
    video = open_video(path)
    path.write_bytes(made["variable.mp4"].read_bytes()[::-1])
    with video, pytest.raises(VideoError):
        list(video.frames())


def test_a_file_that_loses_its_end_while_open_is_noticed_and_no_frame_is_called_damaged(
    made: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "clip.mkv"
    path.write_bytes(made["open_gop.mkv"].read_bytes())
    with open_video(path) as video:
        cut_off(made["open_gop.mkv"], path, 0.4)
        for _ in range(2):
            with pytest.raises(VideoError, match="drive"):
                video.frame(38)
        path.write_bytes(made["open_gop.mkv"].read_bytes())
        assert number_in(video.frame(38)) == 38


def test_other_packets_after_a_seek_lead_back_to_decoding_from_the_start(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = open_video(made["constant.mp4"])
    identify = PacketIndex.identify

    def mistaken(self: PacketIndex, packet: av.Packet) -> int | None:
        found = identify(self, packet)
        return None if found is None else max(found - 12, 0)

    monkeypatch.setattr(PacketIndex, "identify", mistaken)
    with video:
        assert [number_in(video.frame(n)) for n in (30, 18, 39)] == [30, 18, 39]


def test_pictures_beyond_what_memory_holds_are_refused(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.data.video_index.MAX_PIXELS", 100 * 100)
    message = refusal(made["constant.mp4"])
    assert "160 x 96" in message
    assert "scale" in message


def test_names_with_colons_and_percent_signs_open(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "10%02d.mp4", n_frames=2)) as video:
        assert video.n_frames == 2
    if os.name == "posix":
        (tmp_path / "10%02d.mp4").rename(tmp_path / "at 12:30 ü.mp4")
        with open_video(tmp_path / "at 12:30 ü.mp4") as video:
            assert video.name == "at 12:30 ü"
