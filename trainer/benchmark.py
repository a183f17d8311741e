"""How fast sequential alignment is, part by part, beside a well-known program."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.alignment import AlignedFrame, SequentialAligner
from trainer.checkpoint import LoadedModel
from trainer.data.video import open_video
from trainer.data.video_base import Video
from trainer.errors import RedError

DLIB_FILE = "shape_predictor_68_face_landmarks.dat"


class BenchmarkError(RedError):
    """A benchmark that can't be run as asked."""


@dataclass
class BenchmarkResult:
    """One video.

    Attributes
    ----------
    frames, annotated : int
        Measured frames, and those in which a face was aligned.
    start_up_s : float
        Opening and checking the video, and a first pass through every part.
    fps : float
        Frames a second, decoding included, start-up not.
    ms : dict
        Per frame: "decode", "detect", "network", "rest" (what the three leave of the wall
        time; decoding runs beside the others, so it may be below 0).
    dlib_ms : float or None
        dlib's 68-point predictor on the same frames and boxes, None where it isn't there.
    dlib_ratio : float or None
        Our network's time over dlib's.
    """

    video: str
    size: str
    frames: int
    annotated: int
    start_up_s: float
    fps: float
    ms: dict[str, float]
    dlib_ms: float | None = None
    dlib_ratio: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def benchmark(
    videos: Sequence[str | Path],
    loaded: LoadedModel,
    *,
    device: str = "auto",
    threads: int | None = None,
    max_frames: int | None = None,
    dlib_model: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] = lambda name, frame, frames: None,
) -> list[BenchmarkResult]:
    """Align videos and measure.

    Parameters
    ----------
    videos : files or folders of frames
    loaded : the model
    device, threads : as for :class:`trainer.alignment.SequentialAligner`
    max_frames : at most so many frames of each video
    dlib_model : :data:`DLIB_FILE`, for a comparison; needs the ``dlib`` module
    on_progress : told (video, frame, frames)

    Raises
    ------
    VideoError, DeviceError, DetectorError, BenchmarkError
        If something asked for can't be used.
    """
    predictor = _dlib_predictor(dlib_model)
    aligner = SequentialAligner(loaded, device=device, threads=threads)
    return [_measure(Path(path), aligner, max_frames, predictor, on_progress) for path in videos]


def _measure(
    path: Path,
    aligner: SequentialAligner,
    max_frames: int | None,
    predictor: Any,
    on_progress: Callable[[str, int, int], None],
) -> BenchmarkResult:
    begin = time.perf_counter()
    with open_video(path) as video:
        stop = video.n_frames if max_frames is None else min(max_frames, video.n_frames)
        aligner.warm_up(video.frame(0))
        start_up = time.perf_counter() - begin
        begin = time.perf_counter()
        frames: list[AlignedFrame] = []
        for frame in aligner.run(video, stop=stop):
            frames.append(frame)
            on_progress(video.name, len(frames), stop)
        wall = time.perf_counter() - begin
        ms = {
            part: 1000 * sum(frame.seconds[part] for frame in frames) / len(frames)
            for part in ("decode", "detect", "network")
        }
        ms["rest"] = 1000 * wall / len(frames) - sum(ms.values())
        dlib_ms = _time_dlib(predictor, video, frames) if predictor else None
    return BenchmarkResult(
        video=path.name,
        size=f"{video.width}x{video.height}",
        frames=len(frames),
        annotated=sum(frame.boxes[0] is not None for frame in frames),
        start_up_s=start_up,
        fps=len(frames) / wall,
        ms=ms,
        dlib_ms=dlib_ms,
        dlib_ratio=ms["network"] / dlib_ms if dlib_ms else None,
    )


def find_dlib_model() -> Path | None:
    """dlib's model file: what DLIB_LANDMARKS names, or in the present folder."""
    for place in (os.environ.get("DLIB_LANDMARKS"), DLIB_FILE):
        if place and Path(place).is_file():
            return Path(place)
    return None


def _dlib_predictor(model: str | Path | None) -> Any:
    if model is None:
        return None
    if importlib.util.find_spec("dlib") is None:
        raise BenchmarkError(
            "a comparison with dlib was asked for and dlib isn't installed; "
            "run `pip install dlib-bin`, or leave the comparison out"
        )
    if not Path(model).is_file():
        raise BenchmarkError(f"{model}: no such file; give the path of {DLIB_FILE}")
    import dlib

    try:
        return dlib.shape_predictor(str(model))
    except RuntimeError as error:
        raise BenchmarkError(
            f"{model}: isn't a dlib model ({error}); give the path of {DLIB_FILE}"
        ) from error


def _time_dlib(predictor: Any, video: Video, frames: list[AlignedFrame]) -> float | None:
    """Milliseconds a face, on up to 100 of the frames."""
    import dlib

    boxes = {frame.frame: frame.boxes[0] for frame in frames if frame.boxes[0] is not None}
    times = []
    for number, image in video.frames(0, len(frames), max(1, len(frames) // 100)):
        box = boxes.get(number)
        if box is None:
            continue
        x, y = box.centre
        half = box.side / 2
        corners = (round(v) for v in (x - half, y - half, x + half, y + half))
        picture = np.ascontiguousarray(image)
        begin = time.perf_counter()
        predictor(picture, dlib.rectangle(*corners))
        times.append(time.perf_counter() - begin)
    return 1000 * float(np.mean(times)) if times else None


def circumstances(aligner_threads: int | None = None) -> dict[str, Any]:
    """What the figures depend on: threads, cores, PyTorch."""
    return {
        "threads": aligner_threads or torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }
