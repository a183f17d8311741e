"""Decoding one exact frame of a video, wherever a seek really lands.

Every packet gets its ordinal as timestamp before it is decoded, and frames carry the
timestamp of their packet: so each frame says which packet it came from, whatever the
container believes. Where a seek landed is known by the content of the first key packet.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.reformatter import VideoReformatter

from trainer.data.video_base import VideoError
from trainer.data.video_index import (
    NO_TIME,
    REENCODE,
    PacketIndex,
    explain,
    open_container,
    reason,
    video_stream,
)

_THREADS = 4
"""Threads of one decoder at most: each holds frames, and delays the one that is wanted."""

_own = threading.local()

_KEYS_BACK = 4
"""How many key packets before the wanted one a seek aims at before it gives up."""


class Decoder:
    """One open container, at one place in it. For one thread at a time.

    Setting `stopped` from another thread ends a call that is under way with a VideoError.
    `astray` is True when, after a seek, other packets came than the index lists.
    """

    def __init__(self, path: Path, index: PacketIndex) -> None:
        self.path = path
        self.index = index
        self.stopped = False
        self._aim = 0
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def start_over(self) -> None:
        """Reopen the file: not even a seek to its beginning can be trusted to arrive there."""
        self.close()
        self._open()

    def _open(self) -> None:
        self._container = open_container(self.path)
        self._stream = video_stream(self._container, self.path)
        self._one_thread = self.index.one_thread
        self._stream.thread_type = "NONE" if self._one_thread else "AUTO"
        self._stream.thread_count = min(os.cpu_count() or 1, _THREADS)
        self._begin(0, from_start=True)

    def picture(self, number: int) -> av.VideoFrame:
        """Decode frame `number`; asking for frames in order costs no seeks.

        Raises
        ------
        VideoError
            Its data is damaged, or the file has changed.
        """
        if number in self.index.lost:
            raise self._damaged(number)
        in_order = self._may_continue(number)
        if in_order and (frame := self._read_until(number)):
            return frame
        if not (in_order and self._from_start) and (frame := self._jump(number)):
            return frame
        if not self._one_thread:
            # With several threads an error costs sound frames near it as well.
            self.index.one_thread = True
            self.start_over()
            return self.picture(number)
        self.index.lost.add(number)
        raise self._damaged(number)

    def _jump(self, number: int) -> av.VideoFrame | None:
        place = self.index.key_before(number) if self.index.seekable else None
        for _ in range(2):
            # The first key is reached by opening the file, which needs no trust.
            if not place or (landed := self.land(place)) is None:
                break
            if frame := self._read_until(number):
                return frame
            place = self.index.key_before(int(self.index.shown[landed]) - 1)
        self.start_over()
        return self._read_until(number)

    def following(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode on from here to the end: (frame number, frame) in the decoder's order."""
        while (item := self._next()) is not None:
            yield item

    def land(self, place: int) -> int | None:
        """Move to a key packet, or one before it, so that its frame is the next to come.

        Parameters
        ----------
        place : int
            Index into the index's `keys`.

        Returns
        -------
        Ordinal of the key packet where it landed, None where no try came out at a clean one.
        """
        keys = self.index.keys
        wanted = int(keys[place])
        aims = [
            (back, kind)
            for back in range(min(place + 1, _KEYS_BACK))
            for kind in (self.index.pts, self.index.dts)
        ]
        if self._aim < len(aims):
            aims.insert(0, aims.pop(self._aim))
        tried = set()
        for back, kind in aims:
            offset = int(kind[keys[place - back]])
            if offset == NO_TIME or offset in tried:
                continue
            tried.add(offset)
            landed = self._seek(offset)
            if landed is None or landed > wanted or landed in self.index.dirty:
                continue
            if self._is_clean():
                self._aim = 2 * back + (kind is self.index.dts)
                return landed
            self.index.dirty.add(landed)
        return None

    def _may_continue(self, number: int) -> bool:
        if self._held is not None and self._held[0] >= number:
            return self._held[0] == number
        if number < self._position:
            return False
        if not self.index.seekable:
            return True
        place = self.index.key_before(number)
        return place is None or self.index.key_frames[place] <= self._position

    def _begin(self, ordinal: int, *, from_start: bool = False) -> None:
        self._demux = self._container.demux(self._stream)
        self._ordinal = ordinal
        self._ended = False
        self.astray = False
        self._ready: deque[tuple[int, av.VideoFrame]] = deque()
        self._held: tuple[int, av.VideoFrame] | None = None
        self._from_start = from_start
        self._floor = 0
        self._position = 0

    def _seek(self, offset: int) -> int | None:
        """Seek, and tell by its content which key packet is the first to come."""
        try:
            self._container.seek(offset, stream=self._stream, backward=True)
            self._begin(0)
            for packet in self._demux:
                if packet.size and packet.is_keyframe:
                    landed = self.index.identify(packet)
                    if landed is None:
                        return None
                    self._ordinal = landed
                    self._floor = self._position = int(self.index.shown[landed])
                    self._feed(packet)
                    return landed
        except av.FFmpegError:
            return None
        return None

    def _is_clean(self) -> bool:
        """Whether the key packet's own picture is the first to come, as a key frame."""
        first = self._next()
        if first is None:
            return False
        self._ready.appendleft(first)
        self._position = first[0]
        return first[0] == self._floor and bool(first[1].key_frame)

    def _read_until(self, number: int) -> av.VideoFrame | None:
        """The frame, or None when a later one or the end comes first."""
        if self._held is not None:
            if self._held[0] == number:
                return self._held[1]
            if self._held[0] > number:
                return None
        while (item := self._next()) is not None:
            if self.stopped:
                raise VideoError(f"{self.path}: this video was closed; open it again")
            self._held = item
            if item[0] == number:
                return item[1]
            if item[0] > number:
                return None
        return None

    def _next(self) -> tuple[int, av.VideoFrame] | None:
        while not self._ready and not self._ended:
            trouble = "it ends too early"
            try:
                packet = next(self._demux, None)
            except av.FFmpegError as error:
                packet, trouble = None, reason(error)
            if packet is not None and not packet.size:
                continue
            if self._ordinal < len(self.index.sizes):
                if packet is None:
                    self._go_astray(trouble)
                elif packet.size != self.index.sizes[self._ordinal]:
                    self._go_astray(f"packet {self._ordinal} is another one")
            self._feed(packet)
        if not self._ready:
            return None
        item = self._ready.popleft()
        self._position = item[0] + 1
        return item

    def _go_astray(self, trouble: str) -> None:
        if self._from_start:
            raise VideoError(
                f"{self.path}: the file can't be read as it was when it was opened ({trouble}); "
                "see whether its drive is connected, and open it again"
            )
        self.astray = self._ended = True

    def _feed(self, packet: av.Packet | None) -> None:
        if self.astray:
            return
        if packet is None or self._ordinal >= len(self.index.sizes):
            packet, self._ended = None, True
        else:
            packet.pts = packet.dts = self._ordinal
            self._ordinal += 1
        try:
            frames = self._stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise VideoError(f"{self.path}: {reason(error)}; close other programs") from error
            self.index.damaged |= self._from_start
            return
        for frame in frames:
            # After a seek, frames may lack what they were predicted from.
            self.index.damaged |= self._from_start and frame.is_corrupt
            if frame.pts is None:
                raise VideoError(
                    f"{self.path}: frames of this kind of video can't be told apart; "
                    f"re-encode it: {REENCODE.format(name=self.path.name)}"
                )
            number = int(self.index.shown[frame.pts])
            if number >= self._floor:
                self._ready.append((number, frame))

    def _damaged(self, number: int) -> VideoError:
        if not self.path.exists():
            return VideoError(explain(self.path, FileNotFoundError()))
        return VideoError(
            f"{self.path}: frame {number} can't be decoded, its data is damaged; leave it out, "
            "or copy or record the file again"
        )


class Turn(NamedTuple):
    """How to turn decoded pictures upright: transpose, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Turn:
        """What the display matrix that comes with a frame says.

        Ask it of one frame a video: a frame asked for its side data is only freed by the
        garbage collector.
        """
        side = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(side, SideData):
            return cls()
        # x' = a x + c y, y' = b x + d y, with x to the right and y down.
        a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(side), np.int32)[:5])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)


def to_rgb(
    frame: av.VideoFrame, turn: Turn = Turn(), size: tuple[int, int] | None = None
) -> np.ndarray:
    """A decoded frame upright.

    Parameters
    ----------
    frame : av.VideoFrame
        In any pixel format; 16 bits become 8, an alpha channel is dropped.
    turn : Turn
        How to turn it upright.
    size : (height, width), optional
        Scale to this size, as it is shown.

    Returns
    -------
    (H, W, 3) uint8 RGB array.
    """
    height, width = size or (None, None)
    if turn.transpose:
        height, width = width, height
    image = converted(frame, "rgb24", height=height, width=width)
    if turn.transpose:
        image = image.transpose(1, 0, 2)
    if turn.flip_x:
        image = image[:, ::-1]
    if turn.flip_y:
        image = image[::-1]
    return np.ascontiguousarray(image)


def converted(
    frame: av.VideoFrame, pixel_format: str, height: int | None = None, width: int | None = None
) -> np.ndarray:
    """A frame's pixels in another format and, where that is said, another size.

    A frame that converts itself sets up FFmpeg's scaler, with threads and some megabytes, for
    that once; here each thread has one that stays.
    """
    if not hasattr(_own, "reformatter"):
        _own.reformatter = VideoReformatter()
    reformatted = _own.reformatter.reformat(frame, width=width, height=height, format=pixel_format)
    return reformatted.to_ndarray()
