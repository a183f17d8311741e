"""What fine-tuning on some corrected frames of one video is worth, against exact truth.

    .venv/bin/python scripts/measure_finetuning.py HEADS OUT --person person0003 \\
        [--person NAME …] [--stills DIR …] [--frames 20]

HEADS holds talking heads as ``python -m trainer heads`` writes them (``--split test``). Of each
person's first video FRAMES evenly spread frames are corrected to the truth, the others
re-tracked from these; a model is fine-tuned on that, and the rest of the video and the
person's other videos are followed again with it. ``--stills`` are real faces, to see what
is forgotten; ``--only`` picks some of them by name. A landmark is counted as one to move
when it is off by more than 5 % of the interocular distance.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from trainer.alignment import SequentialAligner
from trainer.calibration import auroc, expected_calibration_error
from trainer.checkpoint import LoadedModel, load_model
from trainer.data.faces import FaceSet, load_faces
from trainer.data.stills import find_stills, read_names
from trainer.data.video import open_video
from trainer.data.video_sets import AnnotatedVideo, find_annotated_videos
from trainer.finetuning.gate import measure
from trainer.finetuning.job import FinetuneOptions, finetune
from trainer.geometry import FaceBox
from trainer.held_out import choose_held_out
from trainer.metrics import point_errors
from trainer.pushed_set import CORRECTED, PREDICTED, PushedSetWriter, clip_window

BF16 = torch.bfloat16


def truth_of(video: AnnotatedVideo) -> np.ndarray:
    """(T, 68, 2) of a video with every frame annotated."""
    return np.stack([video.landmarks(n, 68) for n in sorted(video.annotations)])


def followed(
    loaded: LoadedModel, video: AnnotatedVideo, corrected: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and confidence of all frames, tracked from the corrected ones or the first box."""
    truth = truth_of(video)
    aligner = SequentialAligner(loaded, device="cpu", threads=1)
    pins = {(n, 0): truth[n] for n in corrected}
    boxes = None if corrected else [FaceBox.around(truth[0])]
    assert video.video is not None
    with open_video(video.video) as opened:
        frames = list(aligner.run(opened, boxes=boxes, corrections=pins, carry_frames=0))
    return np.stack([f.landmarks[0] for f in frames]), np.stack([f.confidence[0] for f in frames])


def errors_of(found: np.ndarray, truth: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(N, 68) per cent of the interocular distance; a face not found is off by 100."""
    return np.nan_to_num(point_errors(found, truth)[frames], nan=100.0)


def push(
    folder: Path, loaded: LoadedModel, videos: dict[str, AnnotatedVideo], count: int
) -> dict[str, list[int]]:
    """Write the pushed set of a simulated annotator; the corrected frames by person."""
    frames = {
        name: np.linspace(0, len(v.annotations) - 1, count).round().astype(int).tolist()
        for name, v in videos.items()
    }
    held = choose_held_out(frames, {}, {})
    with PushedSetWriter(folder, 68, parent=loaded.name) as writer:
        for name, video in videos.items():
            truth = truth_of(video)
            found, confidence = followed(loaded, video, frames[name])
            wanted = {m for n in frames[name] for m in clip_window(n, len(truth))}
            for number, image in video.frames(sorted(wanted)):
                corrected = number in frames[name]
                writer.add_frame(
                    name, "video", number, image,
                    truth[number] if corrected else found[number],
                    kind=CORRECTED if corrected else PREDICTED,
                    held_out=number in held.get(name, ()),
                    confidence=None if corrected else confidence[number],
                )  # fmt: skip
    return frames


def tell(event: str, **values: object) -> None:
    """Print what isn't a single update."""
    if event != "step":
        print(json.dumps({"event": event, **values}), flush=True)


def main() -> None:
    """Measure before, fine-tune, measure after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--person", action="append", required=True)
    parser.add_argument("--stills", action="append", type=Path, default=[])
    parser.add_argument("--only", type=Path)
    parser.add_argument("--most-stills", type=int, default=90)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--base", default="red-lite")
    parser.add_argument("--minutes", type=float, help="more, where other programs run beside it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_model(options.base)
    found = find_annotated_videos(options.heads)
    of_person = {name: [v for v in found if v.identity == name] for name in options.person}
    corrected = push(
        options.out / "set", base, {n: v[0] for n, v in of_person.items()}, options.frames
    )
    names = read_names(options.only) if options.only else None
    stills = {path: some_stills(path, names, options.most_stills) for path in options.stills}

    def figures(loaded: LoadedModel, when: str) -> dict[str, tuple[float, float]]:
        values = {}
        for what in ("rest of the video", "other videos"):
            errors, sure = [], []
            for name, (first, *rest) in of_person.items():
                for video in rest if what == "other videos" else [first]:
                    pins = corrected[name] if video is first else []
                    left = np.setdiff1d(np.arange(len(video.annotations)), pins)
                    landmarks, confidence = followed(loaded, video, pins)
                    errors.append(errors_of(landmarks, truth_of(video), left))
                    sure.append(np.nan_to_num(confidence[left]))
            if errors:
                off, known = np.concatenate(errors), np.concatenate(sure)
                values[what] = float(off.mean()), 100 * float((off > 5).mean())
                print(
                    f"{when}, {what}: {100 * known.mean():.1f} % promised, "
                    f"{100 * (off <= 5).mean():.1f} % right, AUROC "
                    f"{auroc(-known.ravel(), off.ravel() > 5):.3f}, ECE "
                    f"{expected_calibration_error(known.ravel(), off.ravel() <= 5):.3f}"
                )
        for path, faces in stills.items():
            errors = measure(loaded.model, faces, BF16)
            values[str(path)] = float(errors.faces.mean()), 100 * float(errors.to_move.mean())
        return values

    before = figures(base, "before")
    began, busy = time.monotonic(), time.process_time()
    report = finetune(
        options.out / "set",
        options.base,
        options.out / "run",
        FinetuneOptions(precision=BF16, minutes=options.minutes, emit=tell),
    )
    print(
        f"fine-tuning took {time.monotonic() - began:.0f} s, {time.process_time() - busy:.0f} s of "
        f"the processor; accepted: {report['accepted']}"
    )
    if not report["accepted"]:
        return
    after = figures(load_model(options.out / "run" / "model.safetensors"), "after")
    for name, (error, wrong) in before.items():
        now, wrong_now = after[name]
        print(
            f"{name}: error {error:.2f} to {now:.2f} % ({100 * (now / error - 1):+.1f} %), "
            f"to move {wrong:.1f} to {wrong_now:.1f} % ({100 * (wrong_now / wrong - 1):+.0f} %)"
        )


def some_stills(path: Path, names: frozenset[str] | None, most: int) -> FaceSet:
    """A fixed, random part of a folder's faces."""
    stills = find_stills(path)
    if names is not None and any(s.group in names for s in stills):
        stills = [s for s in stills if s.group in names]
    order = np.random.default_rng(0).permutation(len(stills))[:most]
    return load_faces([stills[i] for i in sorted(order)], 68)


if __name__ == "__main__":
    main()
