"""One pass over a video's packets: how many, when each is shown, where decoding can start.

A packet is known by its *ordinal*, its place in the file. Everything else a file says of
itself (frame counts, frame rates, where a seek lands) may lie; the order of its packets can't.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from trainer.data.video_base import MAX_PIXELS, VideoError
from trainer.data.video_gaps import gap_warning, gif_breaks_at, gif_warning, riff_is_cut_off

NO_TIME = np.iinfo(np.int64).min
"""Stands for a timestamp that the file doesn't give."""

REENCODE = 'ffmpeg -i "{name}" -c:v libx264 -crf 16 -pix_fmt yuv420p fixed.mp4'

_AS_BEFORE = 20
"""Bytes: an MPEG-4 packet below it may say only that the picture stays."""

_PARTIAL = frozenset(["h264", "mpeg2video", "vc1", "vp9"])
"""Codecs of which a packet may hold a field only, or a picture that isn't shown. Their decoders
say of data that makes no sense that it is so."""


@dataclass
class PacketIndex:
    """The packets of one video stream, in the file's order, and the order they are shown in.

    Attributes
    ----------
    time_base : Fraction
        Seconds per unit of `pts` and `dts`.
    pts, dts : (P,) int64 arrays
        Presentation and decoding timestamps; NO_TIME where the file has none.
    sizes : (P,) int64 array
        Bytes of each packet.
    sums : dict of int to int
        CRC-32 of each key packet, by ordinal.
    order : (n_frames,) int64 array
        Ordinal of the packet of each shown frame.
    rate : float or None
        Frames a second, as the file claims.
    pts_guessed : bool
        The container stores no presentation times and the codec reorders frames.
    seekable : bool
        False: seeking in this file lies, decode in order from its start.
    damaged : bool
        Decoding met data that isn't valid.
    one_thread : bool
        Decode with one thread only.
    silent : set of int
        Ordinals of packets that may be whole and yet show no picture of their own.
    partial : bool
        A packet may hold less than a picture that is shown: one that gives none is no damage.
    lost : set of int
        Frames known not to be decodable, even from the start.
    dirty : set of int
        Ordinals of key packets at which decoding can't start after all.
    """

    time_base: Fraction
    pts: np.ndarray
    dts: np.ndarray
    sizes: np.ndarray
    sums: dict[int, int]
    order: np.ndarray
    rate: float | None
    pts_guessed: bool
    seekable: bool = True
    damaged: bool = False
    one_thread: bool = False
    silent: set[int] = field(default_factory=set)
    partial: bool = False
    lost: set[int] = field(default_factory=set)
    dirty: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._number()

    def _number(self) -> None:
        self.shown = np.full(len(self.sizes), -1, np.int64)
        self.shown[self.order] = np.arange(len(self.order))
        keys = sorted((k for k in self.sums if self.shown[k] >= 0), key=self.shown.__getitem__)
        self.keys = np.array(keys, np.int64)
        self.key_frames = self.shown[self.keys]
        self._by_content: dict[tuple[int, int], list[int]] = {}
        for key in keys:
            self._by_content.setdefault((int(self.sizes[key]), self.sums[key]), []).append(key)

    @property
    def n_frames(self) -> int:
        """Frames shown."""
        return len(self.order)

    def reorder(self, order: np.ndarray) -> None:
        """Take the order in which the packets' frames really came out of the decoder."""
        self.order = np.asarray(order, np.int64)
        self.lost.clear()
        self._number()

    def key_before(self, frame: int) -> int | None:
        """Place in `keys` of the last clean key packet shown at or before a frame, or None."""
        place = int(np.searchsorted(self.key_frames, frame, side="right")) - 1
        while place >= 0 and int(self.keys[place]) in self.dirty:
            place -= 1
        return place if place >= 0 else None

    def identify(self, packet: av.Packet) -> int | None:
        """Ordinal of a key packet by its content; None if unknown or ambiguous."""
        same = self._by_content.get((packet.size, zlib.crc32(packet)), [])
        exact = [k for k in same if times(packet) == (self.pts[k], self.dts[k])]
        found = exact or same
        return found[0] if len(found) == 1 else None

    def timestamps(self) -> np.ndarray:
        """(n_frames,) float64 seconds since the first frame, never going back."""
        pts = self.pts[self.order]
        if (pts == NO_TIME).any() or (np.diff(pts) < 0).any():
            return np.arange(self.n_frames) / (self.rate or 25.0)
        return (pts - pts[0]) * float(self.time_base)

    def fps(self) -> float:
        """Mean frames a second; the file's own figure where the timestamps agree to 1 %."""
        seconds = self.timestamps()
        if len(seconds) > 1 and seconds[-1] > 0:
            measured = (len(seconds) - 1) / float(seconds[-1])
            if not self.rate or abs(measured - self.rate) > 0.01 * measured:
                return measured
        return self.rate or 25.0


def times(packet: av.Packet) -> tuple[int, int]:
    """(pts, dts) of a packet, NO_TIME for what it lacks."""
    return (
        NO_TIME if packet.pts is None else packet.pts,
        NO_TIME if packet.dts is None else packet.dts,
    )


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file for reading, or say why it can't be.

    Raises
    ------
    VideoError
        Missing, empty, forbidden, or nothing that is known as a video.
    """
    try:
        # "file:" keeps a colon or a percent sign in a name from meaning something.
        return av.open(f"file:{path}", metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(explain(path, error)) from error


def explain(path: Path, error: av.FFmpegError | OSError) -> str:
    """An error of reading, put so that the user can act on it."""
    if isinstance(error, PermissionError):
        return f"{path}: may not be read; check its permissions"
    if not os.path.exists(path):
        return f"{path}: no such file; check the path, or whether its drive is connected"
    if os.path.isfile(path) and path.stat().st_size == 0:
        return f"{path}: the file is empty; copy or record it again"
    if isinstance(error, av.DecoderNotFoundError):
        return (
            f"{path}: there is no decoder for this kind of video ({reason(error)}); convert it "
            f"elsewhere: {REENCODE.format(name=path.name)}"
        )
    return (
        f"{path}: can't be read as a video ({reason(error)}); it may be cut off, damaged or "
        "not a video: copy it again, and see whether a video player opens it"
    )


def reason(error: Exception) -> str:
    """The short word for what went wrong, without numbers and file names."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video stream that is not a cover picture.

    Raises
    ------
    VideoError
        There is none, or its pictures are too large.
    """
    attached = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & attached]
    if not streams or container.format.name == "tty":
        what = "only sound" if container.streams.audio else "no video stream"
        raise VideoError(f"{path}: there is {what} in this file; choose one with pictures")
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError(
            f"{path}: there is no decoder for this kind of video; convert it elsewhere: "
            f"{REENCODE.format(name=path.name)}"
        )
    check_size(path, stream.width, stream.height)
    return stream


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse pictures that memory can't hold many of."""
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"{path}: pictures of {width} x {height} pixels, at most {MAX_PIXELS // 10**6} "
            "million pixels can be handled; scale it down, to 1920 pixels wide for example: "
            f'ffmpeg -i "{path.name}" -vf scale=1920:-2 smaller.mp4'
        )


def scan(path: Path) -> tuple[PacketIndex, list[str]]:
    """List a video's packets without decoding any.

    Returns
    -------
    The index, with frames ordered by timestamp (in the file's order where timestamps are
    missing), and warnings on what is cut off.

    Raises
    ------
    VideoError
        Unreadable, or nothing in it to show.
    """
    pts: list[int] = []
    dts: list[int] = []
    sizes: list[int] = []
    hidden: list[bool] = []
    torn: list[bool] = []
    silent: set[int] = set()
    sums: dict[int, int] = {}
    broken_at: Exception | None = None
    breaks_at: int | None = None
    last_at = 0
    with open_container(path) as container:
        stream = video_stream(container, path)
        for other in container.streams:
            if other is not stream:
                other.discard = av.stream.Discard.all
        codec = stream.codec_context
        if container.format.name == "gif":
            breaks_at = gif_breaks_at(path)
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                torn.append(packet.is_corrupt)
                last_at = packet.pos or 0
                pts.append(times(packet)[0])
                dts.append(times(packet)[1])
                hidden.append(packet.is_discard)
                if _may_be_silent(codec.name, packet):
                    silent.add(len(sizes))
                if packet.is_keyframe and not packet.is_corrupt:
                    sums[len(sizes)] = zlib.crc32(packet)
                sizes.append(packet.size)
        except av.FFmpegError as error:
            broken_at = error
        rate = float(stream.average_rate) if stream.average_rate else None
        promised = _promised(container, stream, path)
        # An edit list leaves samples out that `duration` still counts.
        edited = "mp4" in container.format.name
        time_base = stream.time_base or Fraction(1, 1000)
        length = None if edited else stream.duration
        if length is None and not edited and len(container.streams) == 1 and container.duration:
            length = int(container.duration / 1_000_000 / time_base)
        format_name = container.format.name
        guessed = format_name == "avi" and (
            codec.name in ("h264", "hevc") or bool(codec.has_b_frames)
        )
    partial = torn[-1:] == [True] or (breaks_at is not None and breaks_at >= last_at)
    if partial and sizes:
        for column in (pts, dts, sizes, hidden, torn):
            column.pop()
        silent.discard(len(sizes))
        sums.pop(len(sizes), None)
    times_shown = np.array(pts, np.int64)
    visible = np.flatnonzero(~np.array(hidden, bool)) if hidden else np.zeros(0, np.int64)
    if not len(visible):
        raise VideoError(
            f"{path}: there is a video stream in this file but not a single frame; "
            "record or export it again"
        )
    known = times_shown[visible]
    complete = not (known == NO_TIME).any() and len(np.unique(known)) == len(known)
    order = visible[np.argsort(known, kind="stable")] if complete else visible
    index = PacketIndex(
        time_base=time_base,
        pts=times_shown,
        dts=np.array(dts, np.int64),
        sizes=np.array(sizes, np.int64),
        sums=sums,
        order=order,
        rate=rate,
        pts_guessed=guessed or not complete,
        silent=silent,
        partial=codec.name in _PARTIAL,
    )
    if breaks_at is not None and (gone := gif_warning(path, breaks_at, index.n_frames)):
        return index, [gone]
    warnings = _cut_off(index, broken_at, partial, promised, length)
    if complete and not guessed:
        tick = float(time_base)
        incomplete = np.array(torn, bool)[order]
        warnings += gap_warning(index.timestamps(), incomplete, tick, format_name)
    return index, warnings


def _promised(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> int:
    """Pictures that a file says it has, as far as it can be believed."""
    if "mp4" in container.format.name:  # an edit list leaves out some that `frames` counts
        return len(stream.index_entries)
    if container.format.name == "avi" and not riff_is_cut_off(path):
        # `frames` counts what was dropped while recording, too, as chunks without data.
        return sum(entry.size > 0 for entry in stream.index_entries)
    return stream.frames


def _may_be_silent(codec: str, packet: av.Packet) -> bool:
    """Whether a whole packet may show no picture of its own."""
    if codec == "vp8":
        return not memoryview(packet)[0] & 0x10
    return codec == "mpeg4" and packet.size < _AS_BEFORE


def _cut_off(
    index: PacketIndex,
    broken_at: Exception | None,
    partial: bool,
    promised: int,
    length: int | None,
) -> list[str]:
    """What to tell about a file that ends before it should."""
    again = "what is there is used; copy or record it again if the rest matters"
    if broken_at is not None:
        return [f"reading stopped {index.n_frames} frames in ({reason(broken_at)}): {again}"]
    if promised > len(index.sizes) + partial:
        return [f"the file is cut off: it promises {promised} frames and has fewer; {again}"]
    if length and (index.pts[index.order] != NO_TIME).all():
        end = int(index.pts[index.order].max()) - int(index.pts[index.order].min())
        short = (length - end) * float(index.time_base)
        if short > max(1.0, 0.02 * length * float(index.time_base)):
            return [f"the file is cut off: {short:.1f} seconds at its end are missing; {again}"]
    if partial:
        return [f"the file is cut off within its last picture; {again}"]
    return []
