"""How fast many short videos go through a project, beside alignment alone.

``python -m napari_red.core.batch_benchmark`` prints it: fifty clips are cut out of the sample
or of videos of your own, put into a project and annotated as ``napari-red annotate`` does it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from rich.console import Console

from napari_red.core.add_videos import add_videos
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.batch import Batch, VideoState
from napari_red.core.models import DEFAULT_MODEL
from napari_red.core.prealign import Settings
from napari_red.core.project import Project
from napari_red.core.sample import sample_path
from trainer.data.video import find_videos, open_video

CLIPS, FRAMES = 50, 20


@dataclass(frozen=True)
class BatchResult:
    """What was measured, in seconds.

    Attributes
    ----------
    first : until the first clip is done: making the process, loading the model
    adding : finding, checking and fingerprinting all clips
    project : annotating them in the project, start-up apart
    plain : the same frames through the aligner alone, each video opened anew, nothing kept
    """

    clips: int
    frames: int
    with_face: int
    first: float
    adding: float
    project: float
    plain: float

    @property
    def words(self) -> str:
        """For a person."""
        return (
            f"{self.clips} clips, {self.frames} frames, a face in {self.with_face}\n"
            f"adding:   {self.adding:.1f} s\n"
            f"first:    {self.first:.1f} s until the first clip was done\n"
            f"project:  {60 * self.clips / self.project:.0f} clips a minute, "
            f"{self.frames / self.project:.1f} frames a second\n"
            f"alone:    {60 * self.clips / self.plain:.0f} clips a minute, "
            f"{self.frames / self.plain:.1f} frames a second\n"
            f"ratio:    {self.plain / self.project:.2f} (1 is as fast as alone)"
        )


def measure(
    videos: Sequence[Path],
    folder: Path,
    *,
    clips: int = CLIPS,
    frames: int = FRAMES,
    model: str = DEFAULT_MODEL,
    threads: int = 1,
) -> BatchResult:
    """Cut clips, annotate them in a project, and align them once more without it."""
    cut = cut_clips(videos, folder / "clips", clips, frames)
    with Project(folder / "many.red") as project:
        begin = time.perf_counter()
        add_videos(project, cut)
        adding = time.perf_counter() - begin
        settings = Settings(model, "cpu")
        batch = Batch(project, lambda *_: AlignerProcess(model, "cpu", threads), settings)
        begin = time.perf_counter()
        times: list[float] = []

        def note(row: VideoState) -> None:
            if row.state in ("done", "failed"):
                times.append(time.perf_counter())

        batch.run(on_event=note)
        tracks = project.tracks()
        with_face = sum(len(project.predictions(track.id)) for track in tracks)
        total = sum(video.n_frames for video in project.videos())
    return BatchResult(
        clips=len(cut),
        frames=total,
        with_face=with_face,
        first=times[0] - begin,
        adding=adding,
        project=_of_all(times),
        plain=_of_all(_alone(cut, model, threads)),
    )


def _of_all(times: list[float]) -> float:
    """Seconds for all clips, from when each ended: the first one, which starts up, counts as
    the others."""
    return (times[-1] - times[0]) * len(times) / (len(times) - 1)


def cut_clips(videos: Sequence[Path], folder: Path, clips: int, frames: int) -> list[Path]:
    """Short videos, evenly out of longer ones, all different."""
    folder.mkdir(parents=True)
    made: list[Path] = []
    per_video = -(-clips // len(videos))
    for video in videos:
        with open_video(video) as source:
            last = max(source.n_frames - frames, 0)
            for k in range(min(per_video, clips - len(made))):
                start = k * last // max(per_video - 1, 1)
                path = folder / f"{len(made):03d}.mp4"
                _write(path, [image for _, image in source.frames(start, start + frames)])
                made.append(path)
    return made


def _write(path: Path, images: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _alone(paths: Sequence[Path], model: str, threads: int) -> list[float]:
    """When each clip was aligned: opened anew, nothing kept."""
    from trainer.alignment import SequentialAligner
    from trainer.checkpoint import load_model

    cv2.setNumThreads(threads)  # as the project's process has it
    aligner = SequentialAligner(load_model(model), device="cpu", threads=threads)
    times = []
    for path in paths:
        with open_video(path) as video:
            for _ in aligner.run(video):
                pass
        times.append(time.perf_counter())
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast many short videos are annotated.")
    parser.add_argument(
        "videos", nargs="*", type=Path, help="to cut clips from; the sample if none"
    )
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each clip")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    videos = find_videos(chosen.videos) if chosen.videos else [sample_path()]
    with tempfile.TemporaryDirectory() as folder:
        result = measure(
            videos,
            Path(folder),
            clips=max(chosen.clips, 2),
            frames=chosen.frames,
            model=chosen.model,
            threads=chosen.threads,
        )
    Console().print(result.words, highlight=False)


if __name__ == "__main__":
    main()
