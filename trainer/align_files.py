"""Aligning any number of videos into annotation files, so that it can be cut off any time."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trainer.alignment import AlignedFrame, SequentialAligner
from trainer.annotation_folder import AnnotationFolder, OutputError
from trainer.checkpoint import LoadedModel, load_model
from trainer.data.video import find_videos, open_video, result_name
from trainer.data.video_base import Video
from trainer.detection import FaceDetector
from trainer.errors import RedError
from trainer.geometry import FaceBox

WARM_UP_FRAMES = 10
"""A run that goes on does so many frames again, to give the LSTM its memory back."""


@dataclass(frozen=True)
class Event:
    """What happens, as it happens.

    Attributes
    ----------
    kind : {"started", "frame", "note", "done", "skipped", "failed"}
    name : the video's, as in the output folder
    text : in words; for "failed", what to do about it too
    frame, frames : how far it is, and how many there are
    """

    kind: str
    name: str
    text: str = ""
    frame: int = 0
    frames: int = 0


@dataclass
class Summary:
    """What became of all videos.

    Attributes
    ----------
    reports : what each report.json says, by name, of videos that are done
    skipped : names of videos that an earlier run had done, among ``reports`` too
    failed : (path, what is wrong and what to do)
    cancelled : whether the work was stopped before its end
    """

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    cancelled: bool = False


def align_files(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    *,
    model: str | Path | LoadedModel = "red-lite",
    device: str = "auto",
    faces: int = 1,
    box: FaceBox | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    detector: FaceDetector | None = None,
    threads: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Landmarks of every face in every video, into ``out_dir``.

    Parameters
    ----------
    paths : videos, folders of frames, folders with videos in them
    out_dir : gets a folder for each video, see :mod:`trainer.annotation_folder`
    model : name or path, or a model that is loaded already
    device : "auto", "cpu", "cuda" or "mps"
    faces : how many to follow in each video
    box : where the first face is in the first frame; None searches for it
    on_event : told what happens
    should_stop : asked before each frame
    detector, threads : as for :class:`trainer.alignment.SequentialAligner`
    overwrite : replace annotation that was made with other settings

    Returns
    -------
    What became of each video. One that can't be used doesn't stop the others; one that an
    earlier run did is left alone; one that was cut off goes on where it was.

    Raises
    ------
    ModelError, DeviceError, DetectorError
        If the model, device or detector can't be used.
    OutputError
        If ``out_dir`` can't be made or written.
    """
    out_dir = Path(out_dir)
    _check_writable(out_dir)
    begin = time.perf_counter()
    loaded = model if isinstance(model, LoadedModel) else load_model(model)
    aligner = SequentialAligner(loaded, detector=detector, device=device, threads=threads)
    work = _Work(aligner, loaded, out_dir, faces, box, on_event, should_stop, overwrite)
    work.model_seconds = time.perf_counter() - begin
    videos = find_videos(paths)
    for path, name in zip(videos, _names(videos), strict=True):
        if should_stop():
            work.summary.cancelled = True
            break
        try:
            work.align(path, name)
        except RedError as error:
            work.summary.failed.append((path, str(error)))
            on_event(Event("failed", name, str(error)))
    return work.summary


@dataclass
class _Work:
    """What all videos of one call have in common."""

    aligner: SequentialAligner
    loaded: LoadedModel
    out_dir: Path
    faces: int
    box: FaceBox | None
    on_event: Callable[[Event], None]
    should_stop: Callable[[], bool]
    overwrite: bool
    summary: Summary = field(default_factory=Summary)
    model_seconds: float = 0.0

    def align(self, path: Path, name: str) -> None:
        begin = time.perf_counter()
        with open_video(path) as video:
            opened = AnnotationFolder(
                self.out_dir / name,
                video,
                max(self.faces, 1),
                self.aligner.n_landmarks,
                self._settings(video),
                overwrite=self.overwrite,
            )
            with opened as folder:
                if folder.finished is not None:
                    self.summary.reports[name] = folder.finished
                    self.summary.skipped.append(name)
                    self.on_event(Event("skipped", name, "is done already"))
                    return
                text = f"goes on after frame {folder.done}" if folder.done else ""
                self.on_event(Event("started", name, text, folder.done, video.n_frames))
                report = self._frames(video, name, folder, begin)
        if report is not None:
            self.summary.reports[name] = report
            self.on_event(Event("done", name, "", report["frames"], report["frames"]))

    def _frames(
        self, video: Video, name: str, folder: AnnotationFolder, begin: float
    ) -> dict[str, Any] | None:
        first = folder.done
        start = max(0, first - WARM_UP_FRAMES)
        clock = _Clock(self.model_seconds + time.perf_counter() - begin)
        self.model_seconds = 0.0  # the first video has borne it
        notes: list[str] = []
        results = self.aligner.run(
            video,
            faces=max(self.faces, 1),
            boxes=[self.box] if self.box is not None and start == 0 else None,
            start=start,
            initial=folder.landmarks_at(start - 1) if start else None,
        )
        try:
            for aligned in results:
                clock.frame(aligned)
                if aligned.frame >= first:
                    folder.write(aligned)
                    for note in aligned.notes:
                        notes.append(f"{folder.stems[aligned.frame]}: {note}")
                        self.on_event(Event("note", name, note, aligned.frame, video.n_frames))
                    done = aligned.frame + 1
                    self.on_event(Event("frame", name, "", done, video.n_frames))
                if self.should_stop() and aligned.frame + 1 < video.n_frames:
                    self.summary.cancelled = True
                    return None
        finally:
            results.close()
        return folder.write_report(
            {
                "complete": True,
                "video": str(video.path),
                **folder.counts(),
                "model": self.loaded.name,
                "device": str(self.aligner.device),
                "precision": self.aligner.runner.precision,
                **clock.figures(),
                "warnings": list(video.warnings),
                "notes": notes,
            }
        )

    def _settings(self, video: Video) -> dict[str, Any]:
        """What a result depends on: a run with the same goes on where the last one was."""
        size = video.path.stat().st_size if video.path.is_file() else 0
        box = self.box
        return {
            "video": [video.n_frames, video.width, video.height, size],
            "model": [self.loaded.name, _weights_hash(self.loaded)],
            "faces": self.faces,
            "box": None if box is None else [box.x, box.y, box.width, box.height],
        }


class _Clock:
    """Where the time of a video goes. The first frame counts as starting up."""

    def __init__(self, start_up: float) -> None:
        self.start_up = start_up
        self.sums = {"decode": 0.0, "detect": 0.0, "network": 0.0}
        self.n_frames = 0
        self.begin = self.last = time.perf_counter()

    def frame(self, aligned: AlignedFrame) -> None:
        self.last = time.perf_counter()
        if self.n_frames == 0:
            self.start_up += self.last - self.begin
            self.begin = self.last
        else:
            for part, seconds in aligned.seconds.items():
                self.sums[part] += seconds
        self.n_frames += 1

    def figures(self) -> dict[str, Any]:
        """``fps, start_up_s, ms_per_frame``; fps is None for a single frame."""
        timed, seconds = self.n_frames - 1, self.last - self.begin
        return {
            "fps": round(timed / seconds, 2) if timed > 0 and seconds > 0 else None,
            "start_up_s": round(self.start_up, 3),
            "ms_per_frame": {
                part: round(1000 * total / max(timed, 1), 3) for part, total in self.sums.items()
            },
        }


def _names(videos: Sequence[Path]) -> list[str]:
    """A folder name for each video, all different, the same in every run."""
    plain = [result_name(path) for path in videos]
    names: list[str] = []
    for path, name in zip(videos, plain, strict=True):
        if plain.count(name) > 1:
            name = f"{path.absolute().parent.name}-{name}"
        unique, count = name, 2
        while unique in names:
            unique, count = f"{name}-{count}", count + 1
        names.append(unique)
    return names


def _weights_hash(loaded: LoadedModel) -> str:
    digest = hashlib.sha256()
    weights: dict[str, Any] = getattr(loaded.model, "state_dict", dict)()
    for name in sorted(weights):
        digest.update(np.ascontiguousarray(weights[name].float().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def _check_writable(folder: Path) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{folder}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error
