"""Short videos made on the spot, each frame carrying its number, and ways to damage them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from trainer.data.video import VideoError, open_video
from trainer.data.video_index import scan
from trainer.errors import RedError

HEIGHT, WIDTH = 96, 160
_BLOCK = 16

B_FRAMES = {"x264-params": "b-adapt=0:bframes=2:scenecut=0:keyint=12"}
"""libx264 options that really make B-frames, two between any others, a key every 12."""

OPEN_GOP = {"x264-params": "b-adapt=0:bframes=3:scenecut=0:keyint=12:open-gop=1:b-pyramid=none"}
"""Key frames with B-frames before them that need the pictures before the key."""

INTRA_REFRESH = {"x264-params": "intra-refresh=1:scenecut=0:keyint=12:bframes=0"}
"""Packets marked as key frames that decoding can't start at."""


def numbered_picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(height, width, 3) uint8 RGB: a moving pattern, the number in black and white blocks."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack(
        [(x + 3 * number) % 256, (y * 2 + 5 * number) % 256, (x + y) % 256], axis=-1
    ).astype(np.uint8)
    for bit in range(10):
        block = picture[: 2 * _BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK]
        block[:] = 255 if number >> bit & 1 else 0
    return picture


def number_in(picture: np.ndarray) -> int:
    """The number a decoded picture carries."""
    middles = picture[_BLOCK, _BLOCK // 2 : 10 * _BLOCK : _BLOCK].mean(axis=-1)
    return int(sum(1 << bit for bit, value in enumerate(middles) if value > 127))


def write_video(
    path: Path,
    codec: str = "libx264",
    n_frames: int = 40,
    *,
    times: Iterable[int] | None = None,
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    b_frames: int = 0,
    options: dict[str, str] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    rotation: float | None = None,
    flip: bool = False,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> Path:
    """Encode numbered pictures.

    Parameters
    ----------
    times : iterable of int, optional
        When each frame is shown, in milliseconds; without it 25 a second from 0 on.
    rotation : float, optional
        Degrees counter-clockwise that the file says it is to be turned for showing.
    """
    base = Fraction(1, 25) if times is None else Fraction(1, 1000)
    moments = range(n_frames) if times is None else list(times)
    with av.open(str(path), "w", format=container, options=container_options or {}) as file:
        stream = file.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.time_base = base
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=flip)
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, *size), format="rgb24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = moment, base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no pictures."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def cut_off(source: Path, target: Path, part: float) -> Path:
    """The first part of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * part)])
    return target


def start_later(source: Path, target: Path, frames: int) -> Path:
    """An MP4 whose edit list leaves out its first frames (at 25 a second, 512 ticks each)."""
    data = bytearray(source.read_bytes())
    entry = data.index(b"elst") + 12
    duration, start = struct.unpack_from(">Ii", data, entry)
    struct.pack_into(">Ii", data, entry, duration, start + 512 * frames)
    target.write_bytes(data)
    return target


def first_frames(source: Path, target: Path, n_frames: int) -> Path:
    """The beginning of a video, encoded anew."""
    with av.open(str(source)) as theirs, av.open(str(target), "w") as file:
        shown = theirs.streams.video[0]
        stream = file.add_stream("libx264", rate=shown.average_rate, options={"crf": "16"})
        stream.height, stream.width, stream.pix_fmt = shown.height, shown.width, "yuv420p"
        for frame in islice(theirs.decode(shown), n_frames):
            frame.pict_type = 0
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return target


def damage_frame(source: Path, target: Path, number: int) -> Path:
    """Overwrite all of one frame's data but its first bytes."""
    index, _ = scan(source)
    with av.open(str(source)) as file:
        packets = [p for p in file.demux(video=0) if p.size]
        packet = packets[index.order[number]]
        start, size = packet.pos + 4, packet.size - 4
    data = bytearray(source.read_bytes())
    data[start : start + size] = bytes(size)
    target.write_bytes(data)
    return target


def decode_in_order(path: Path) -> Iterator[np.ndarray]:
    """Every frame as the decoder hands them out, one thread, nothing skipped: the truth."""
    with av.open(str(path)) as file:
        file.streams.video[0].thread_type = "NONE"
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


UNEVEN = [int(t) for t in np.cumsum(np.random.default_rng(1).integers(5, 900, 40))]

KINDS = {
    "constant.mp4": {"b_frames": 2, "options": B_FRAMES},
    "variable.mp4": {"b_frames": 2, "options": B_FRAMES, "times": UNEVEN},
    "late_start.mp4": {"times": [t + 60_000 for t in UNEVEN]},
    "fragments.mp4": {"b_frames": 2, "container_options": {"movflags": "frag_keyframe"}},
    "mpeg1.mpg": {"codec": "mpeg1video", "container": "mpeg"},
    "mpeg1_b.mpg": {"codec": "mpeg1video", "container": "mpeg", "b_frames": 2},
    "mpeg2_b.mpg": {"codec": "mpeg2video", "container": "mpeg", "b_frames": 2},
    "mpeg4_b.avi": {"codec": "mpeg4", "b_frames": 2},
    "h264_b.avi": {"b_frames": 2, "options": B_FRAMES},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "open_gop.mkv": {"b_frames": 3, "options": OPEN_GOP},
    "open_gop.ts": {"b_frames": 3, "options": OPEN_GOP},
    "intra_refresh.mp4": {"options": INTRA_REFRESH},
    "no_times.h264": {"b_frames": 2, "options": B_FRAMES},
    "h265.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"lag-in-frames": "8"}},
    "wmv.wmv": {"codec": "wmv2"},
    "one_key.mkv": {"gop": 500},
    "one_frame.mp4": {"n_frames": 1},
}


def refusal(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        open_video(path)
    assert isinstance(caught.value, RedError)
    assert path.name in str(caught.value)
    return str(caught.value)
