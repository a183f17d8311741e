"""Frames that are missing of a file, in its middle too, are told of; those that aren't are not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from make_videos import B_FRAMES, KINDS, OPEN_GOP, UNEVEN, number_in, numbered_picture, write_video

from trainer.data.video import open_video
from trainer.data.video_decoder import Decoder

NOT_CODED = bytes([0, 0, 1, 0xB6, 0x50, 0x40])
"""An MPEG-4 packet that says: the picture stays (25 a second)."""


def warnings_of(path: Path) -> list[str]:
    with open_video(path) as video:
        return video.warnings


def numbers_of(path: Path) -> list[int]:
    with open_video(path) as video:
        return [number_in(image) for _, image in video.frames()]


def without(source: Path, target: Path, start: float, n_bytes: int, *, zeros: bool) -> Path:
    """A file of which a piece is gone, or zeros, from a part of its length on."""
    data = bytearray(source.read_bytes())
    at = int(len(data) * start)
    data[at : at + n_bytes] = bytes(n_bytes if zeros else 0)
    target.write_bytes(data)
    return target


def copied(source: Path, target: Path, change) -> Path:
    """A file with the same packets, each as ``change`` (packet, number) has it."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            for changed in change(packet, number):
                changed.stream = stream
                new.mux(changed)
    return target


def repacked(packet: av.Packet, data: bytes, later: int = 0) -> av.Packet:
    new = av.Packet(data)
    new.pts, new.dts, new.time_base = packet.pts + later, packet.dts + later, packet.time_base
    new.is_keyframe = packet.is_keyframe
    return new


@pytest.fixture
def gif(tmp_path: Path) -> Path:
    return write_video(tmp_path / "whole.gif", "gif", pix_fmt="rgb8")


@pytest.mark.parametrize("zeros", [False, True])
def test_a_gif_with_a_hole_has_what_is_before_it(gif: Path, tmp_path: Path, zeros: bool) -> None:
    assert warnings_of(gif) == []
    path = without(gif, tmp_path / "hole.gif", 0.5, gif.stat().st_size // 40, zeros=zeros)
    found = numbers_of(path)
    assert 10 < len(found) < 30
    assert found == list(range(len(found)))
    (warning,) = warnings_of(path)
    assert f"after frame {len(found) - 1} are missing" in warning
    assert abs(int(warning.partition("about ")[2].split()[0]) - (40 - len(found))) <= 4


def test_a_gif_that_was_cut_off_has_no_part_of_a_picture(gif: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gif"
    path.write_bytes(gif.read_bytes()[: int(gif.stat().st_size * 0.7)])
    found = numbers_of(path)
    assert found == list(range(len(found)))
    assert "cut off" in warnings_of(path)[0]


def test_a_gif_without_an_end_mark_is_whole(gif: Path, tmp_path: Path) -> None:
    path = tmp_path / "open.gif"
    path.write_bytes(gif.read_bytes()[:-1])
    assert numbers_of(path) == list(range(40))
    assert warnings_of(path) == []


@pytest.mark.parametrize("zeros", [False, True])
def test_a_transport_stream_without_a_piece_is_said_to_lack_frames(
    tmp_path: Path, zeros: bool
) -> None:
    whole = write_video(tmp_path / "whole.ts", b_frames=3, options=OPEN_GOP, n_frames=60)
    path = without(whole, tmp_path / "hole.ts", 0.5, 600, zeros=zeros)
    lost = 60 - len(numbers_of(path))
    assert lost > 0
    (warning,) = (w for w in warnings_of(path) if "missing" in w)
    assert f"about {lost} frames" in warning
    assert 15 < int(warning.partition("after frame ")[2].split()[0]) < 45


@pytest.mark.parametrize("name", ["pause.mkv", "pause.ts", "pause.flv"])
def test_a_long_pause_where_frames_come_steadily_is_told(tmp_path: Path, name: str) -> None:
    times = [40 * n + 2000 * (n >= 25) for n in range(60)]
    codec = "flv1" if name.endswith("flv") else "libx264"
    path = write_video(tmp_path / name, codec, n_frames=60, times=times)
    (warning,) = warnings_of(path)
    assert "about 50 frames are missing" in warning
    assert "after frame 24 (1.0 seconds in)" in warning


def test_packets_that_give_no_frame_are_told_and_keep_their_numbers(tmp_path: Path) -> None:
    options = {"x265-params": "keyint=12:min-keyint=12:open-gop=1:bframes=4:log-level=none"}
    whole = write_video(tmp_path / "whole.mkv", "libx265", n_frames=60, options=options)
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as file:
        key = [p for p in file.demux(video=0) if p.is_keyframe][2]
    data[key.pos + 12 : key.pos + key.size] = bytes(key.size - 12)
    path = tmp_path / "hit.mkv"
    path.write_bytes(data)
    with open_video(path) as video:
        got = {number: number_in(image) for number, image in video.frames()}
        warning = next(w for w in video.warnings if "data is damaged" in w)
        lost = sorted(set(range(60)) - set(got))
    assert lost
    assert f"{len(lost)} of 60 frames (the first at frame {lost[0]}) can't be decoded" in warning
    assert all(got[n] == n for n in got if n < lost[0] or n > 48)


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv"])
def test_packets_that_only_say_that_the_picture_stays_are_no_damage(
    tmp_path: Path, suffix: str
) -> None:
    whole = write_drops(tmp_path / f"whole.{suffix}", 2 * np.arange(40))

    def change(packet: av.Packet, number: int):
        between = int(Fraction(4, 100) / packet.time_base)
        stays = repacked(packet, NOT_CODED, later=between)
        stays.is_keyframe = False
        return [repacked(packet, bytes(packet)), *([stays] if number % 5 == 2 else [])]

    path = copied(whole, tmp_path / f"stays.{suffix}", change)
    assert warnings_of(path) == []
    assert numbers_of(path) == list(range(40))


def test_pictures_of_vp8_that_are_not_shown_are_no_damage(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.webm", "libvpx", gop=500)

    def change(packet: av.Packet, number: int):
        data = bytearray(packet)
        if number in (7, 20):
            data[0] &= ~0x10
        return [repacked(packet, bytes(data))]

    path = copied(whole, tmp_path / "hidden.webm", change)
    assert numbers_of(path) == [n for n in range(40) if n not in (7, 20)]
    assert warnings_of(path) == []


@pytest.mark.parametrize("options", [{}, B_FRAMES])
def test_packets_that_hold_half_a_picture_here_and_there_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / "fields.mkv", b_frames=2 * bool(options), options=options)
    with open_video(path) as video:
        index = video._opened.index
    second = {int(index.order[number]) for number in (1, 3, 6, 20, 33)}
    whole = Decoder._next

    def without_second_halves(decoder: Decoder):
        item = whole(decoder)
        while item is not None and int(decoder.index.order[item[0]]) in second:
            item = whole(decoder)
        return item

    monkeypatch.setattr(Decoder, "_next", without_second_halves)
    assert numbers_of(path) == [n for n in range(40) if n not in (1, 3, 6, 20, 33)]
    assert warnings_of(path) == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"no_times.h264"}))
def test_nothing_is_said_of_whole_videos(made: dict[str, Path], kind: str) -> None:
    assert warnings_of(made[kind]) == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(
    "times",
    [
        [40 * (n + n // 10) for n in range(60)],  # every tenth was dropped while recording
        [40 * (n + (n > 57)) for n in range(60)],
        [40 * 3 * n for n in range(60)],
        UNEVEN,
        [n * n for n in range(60)],
    ],
    ids=["dropped", "last", "thirds", "uneven", "slower"],
)
def test_whole_videos_of_uneven_rate_lack_nothing(
    tmp_path: Path, suffix: str, times: list[int]
) -> None:
    path = tmp_path / f"whole.{suffix}"
    if suffix != "avi":
        write_video(path, times=times, n_frames=len(times))
    else:
        write_drops(path, np.unique(np.array(times) // 40))
    assert warnings_of(path) == []


def write_drops(path: Path, ticks: np.ndarray) -> Path:
    """A video of 25 frames a second; an AVI has chunks without data where a tick has no frame."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 160, "yuv420p"
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = int(tick), Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def test_an_avi_with_dropped_frames_that_was_cut_off_is_told(tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    write_drops(whole, np.arange(60) + np.arange(60) // 10)
    path = tmp_path / "cut.avi"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    assert "cut off" in warnings_of(path)[0]


def test_an_avi_that_lacks_a_picture_of_its_index_is_told(
    made: dict[str, Path], tmp_path: Path
) -> None:
    path = without(made["mjpeg.avi"], tmp_path / "hole.avi", 0.5, 2000, zeros=True)
    assert len(numbers_of(path)) < 40
    assert any("promises 40 frames" in w for w in warnings_of(path))
