"""Small stand-ins: a made face, a made video, an aligner that knows the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

N_FRAMES, HEIGHT, WIDTH = 24, 120, 160


def face_at(x: float, y: float, side: float = 60.0) -> np.ndarray:
    """(68, 2) float32 landmarks of a schematic face around (x, y)."""

    def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, n: int):
        angles = np.radians(np.linspace(start, end, n))
        return np.column_stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)])

    points = np.concatenate(
        [
            arc(0, -0.1, 0.5, 0.6, 180, 0, 17),
            arc(-0.22, -0.25, 0.14, 0.06, 200, 340, 5),
            arc(0.22, -0.25, 0.14, 0.06, 200, 340, 5),
            np.column_stack([np.zeros(4), np.linspace(-0.18, 0.05, 4)]),
            arc(0, 0.08, 0.1, 0.03, 180, 0, 5),
            arc(-0.22, -0.15, 0.09, 0.04, 180, 480, 6),
            arc(0.22, -0.15, 0.09, 0.04, 180, 480, 6),
            arc(0, 0.25, 0.18, 0.09, 180, 510, 12),
            arc(0, 0.25, 0.12, 0.03, 180, 495, 8),
        ]
    )
    # To 1/64 of a pixel, as the project file keeps predictions.
    return (np.round((points * side + (x, y)) * 64) / 64).astype(np.float32)


def truth(frame: int, face: int = 0) -> np.ndarray:
    """Where the made face is in a frame of the made video."""
    return face_at(60 + frame + 40 * face, 60)


@dataclass(frozen=True, eq=False)
class MadeFrame:
    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray


@dataclass
class KnowingAligner:
    """Gives :func:`truth`; keeps corrected landmarks; notes how it was called.

    ``lost`` holds (frame, face) pairs that it doesn't find; ``pause`` is the time a frame
    takes; ``fail_at`` the frame at which it raises.
    """

    lost: set[tuple[int, int]] = field(default_factory=set)
    pause: float = 0.0
    fail_at: int | None = None
    offset: float = 0.0
    believing: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False

    closed: bool = False

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True

    def run(self, video: Any, **options: Any) -> Iterator[MadeFrame]:
        self.calls.append(options | {"video": video})
        corrections = options.get("corrections") or {}
        faces = options["faces"]
        for frame in range(options["start"], options["stop"]):
            if frame == self.fail_at:
                raise RuntimeError("the aligner broke")
            time.sleep(self.pause)
            landmarks = np.stack([truth(frame, face) + self.offset for face in range(faces)])
            for face in range(faces):
                if (frame, face) in self.lost:
                    landmarks[face] = np.nan
                if (frame, face) in corrections:
                    landmarks[face] = corrections[frame, face]
            yield _made(frame, landmarks)

    def answers(self, video: Any, faces: Any) -> np.ndarray:
        """The face that is nearest to what is told."""
        self.calls.append({"asked": [frame for frame, _ in faces], "video": video})
        found = []
        for frame, landmarks in faces:
            near = [truth(frame, face) for face in range(4)]
            found.append(min(near, key=lambda one: np.abs(one - landmarks).mean()) + self.offset)
        return np.array(found, np.float32)

    def follow(
        self, video: Any, frame: int, landmarks: np.ndarray, stop: int
    ) -> Iterator[MadeFrame]:
        """The face that is nearest to ``landmarks``; what was told is not seen, or with
        ``believing`` taken over for good."""
        self.calls.append({"frame": frame, "landmarks": landmarks, "stop": stop})
        away = [np.abs(truth(frame, face) - landmarks).mean() for face in range(4)]
        face = int(np.argmin(away))
        wrong = landmarks - truth(frame, face) if self.believing else self.offset
        for number in range(frame, stop, -1 if stop < frame else 1):
            if number == self.fail_at:
                raise RuntimeError("the aligner broke")
            time.sleep(self.pause)
            found = (truth(number, face) + wrong)[None].astype(np.float32)
            if (number, face) in self.lost:
                yield _made(number, np.full_like(found, np.nan))
                return
            yield _made(number, found)


def _made(frame: int, landmarks: np.ndarray) -> MadeFrame:
    faces = len(landmarks)
    confidence = np.full((faces, 68), 0.9, np.float32)
    return MadeFrame(frame, landmarks, confidence, np.full(faces, 0.01, np.float32))


def made_picture(frame: int) -> np.ndarray:
    """(H, W, 3) uint8: a bright disc where the face is, the frame's number as brightness."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.full((HEIGHT, WIDTH, 3), 20 + 5 * (frame % 40), np.uint8)
    picture[(x - 60 - frame) ** 2 + (y - 60) ** 2 < 36**2] = (210, 170, 150)
    return picture


def write_video(path: Path, n_frames: int = N_FRAMES, fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for i in range(n_frames):
            frame = av.VideoFrame.from_ndarray(made_picture(i), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
