"""``python -m trainer train``: from folders of stills and videos to a model file."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from trainer import console
from trainer.checkpoint import load_model, save_model
from trainer.config import RED_LITE, ConfigError, RedConfig, config_for
from trainer.console import DeviceOption
from trainer.data.clips import ClipSource, MixedClips, MovedStills
from trainer.data.faces import FaceSet, load_faces
from trainer.data.stills import (
    Still,
    StillsError,
    find_stills,
    read_names,
    set_name,
    split_by_group,
)
from trainer.data.video_faces import joined, load_video_faces
from trainer.engine import Progress as UpdateProgress
from trainer.engine import Trainer, TrainingData, TrainOptions, with_lengths
from trainer.label_shift import TELLING, learn_label_shift
from trainer.models.rednet import RedNet
from trainer.scheme import scheme_for

if TYPE_CHECKING:
    import torch

VALIDATION_FOLDS = 20
"""One group in this many is kept aside for choosing and calibrating."""


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished run there goes on.")],
    stills: Annotated[
        list[Path], typer.Option(help="Folder of stills with .pts; given twice it counts twice.")
    ],
    label_shift: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR=RIGHT,DOWN",
            help="How many pixels the labels of such a folder lie to the right of and below the "
            "landmarks; one number is both.",
        ),
    ] = None,
    config: Annotated[str, typer.Option(help="red-lite, red-wide or red-paper.")] = RED_LITE.name,
    videos: Annotated[
        list[Path] | None, typer.Option(help="Folder of annotated videos in 300-VW's layout.")
    ] = None,
    video_stills: Annotated[
        int, typer.Option(help="Frames of each video that stages 1 and 2 learn from too.", min=0)
    ] = 0,
    clips_from_stills: Annotated[
        bool, typer.Option(help="Stage 3 from clips made by moving stills; beside videos, both.")
    ] = False,
    stage: Annotated[
        list[int] | None, typer.Option(help="Only these stages (1, 2, 3).", min=1, max=3)
    ] = None,
    epochs: Annotated[
        tuple[float, float, float] | None, typer.Option(help="Epochs of stages 1, 2, 3.")
    ] = None,
    width: Annotated[float | None, typer.Option(help="Another width of the network.")] = None,
    landmarks: Annotated[int, typer.Option(help="68 or 7.")] = 68,
    batch: Annotated[int | None, typer.Option(help="Stills per update in stages 1 and 2.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate, the same in every stage.")
    ] = None,
    average: Annotated[
        float | None,
        typer.Option(help="Decay of the running mean of the weights that is kept; 0 keeps none."),
    ] = None,
    exclude: Annotated[
        list[Path] | None, typer.Option(help="List of photo or person names never trained on.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="VGG-16 weights or a model to start from.")
    ] = None,
    device: DeviceOption = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
) -> None:
    """Train a network in the paper's three stages."""
    import torch

    from trainer.devices import autocast_dtype, resolve_device

    if threads:
        torch.set_num_threads(threads)
    chosen = _adapted(config_for(config), epochs, width, landmarks, batch)
    chosen = _paced(chosen, rate, average)
    excluded = frozenset().union(*(read_names(path) for path in exclude or []))
    shifts = _label_shifts(label_shift or [], stills)
    found = [
        still
        for folder in stills
        for still in find_stills(folder, exclude=excluded, shift=shifts.get(folder, (0.0, 0.0)))
    ]
    kept, aside = split_by_group(found, VALIDATION_FOLDS)
    if not kept:
        raise StillsError(
            f"{', '.join(map(str, stills))}: too few people or photos, all are kept aside for "
            "validation; give more stills"
        )
    faces = _load(kept, landmarks, "Reading training faces")
    if videos and video_stills:
        faces = joined(faces, _video_faces(videos, landmarks, video_stills))
    unique = list(dict.fromkeys(aside))
    validation = _load(unique, landmarks, "Reading validation faces") if unique else None
    target = resolve_device(device)
    clips = _clips(faces, videos, clips_from_stills, chosen, out, seed)
    if clips is not None:
        faces = replace(faces, people=clips.people)
    data = TrainingData(faces, clips, validation)
    info = {
        "data": {
            "stills": [path.name for path in stills],
            "label_shifts": {set_name(path): list(pixels) for path, pixels in shifts.items()},
            "videos": [path.name for path in videos or []],
            "video_stills": video_stills,
            "faces": len(faces.patches),
            "validation_faces": 0 if validation is None else len(validation.patches),
        },
        "parent": init.name if init else None,
    }
    with _progress() as on_progress, _stop_on_signal() as stop:
        options = TrainOptions(
            seed=seed,
            stages=tuple(sorted(stage)) if stage else (1, 2, 3),
            device=target,
            precision=autocast_dtype(RedNet(chosen.network), target),
            initialise=_initialiser(init),
            on_progress=on_progress,
            should_stop=stop.is_set,
            info=info,
        )
        finished = Trainer(chosen, data, out, options).run()
    if finished:
        _note_label_shift(out / "model.safetensors", kept, target)
        console.errors.print(f"Done: {out / 'model.safetensors'}")
    else:
        console.errors.print(f"Stopped; the same command goes on from {out}")
        raise typer.Exit(130)


def _note_label_shift(path: Path, trained_on: list[Still], device: torch.device) -> None:
    """Write into a finished model how the labels lie that it was trained on."""
    from trainer.evaluate import Convention, evaluate

    loaded = load_model(path, device)
    as_they_are = list(dict.fromkeys(replace(still, shift=0.0) for still in trained_on))
    told = as_they_are[:: -(-len(as_they_are) // TELLING)]
    with console.errors.status("Where the training labels lie") as status:
        found = evaluate(
            loaded,
            told,
            convention=Convention.face,
            on_progress=lambda n, of: status.update(f"Where the training labels lie: {n} of {of}"),
        )
    shift = learn_label_shift(found.landmarks, found.truth)
    if shift is not None:
        info = {**loaded.info, "label_shift": [round(float(pixels), 3) for pixels in shift]}
        save_model(path, loaded.model, info)


def _adapted(
    config: RedConfig,
    epochs: tuple[float, float, float] | None,
    width: float | None,
    landmarks: int,
    batch: int | None,
) -> RedConfig:
    scheme_for(landmarks)
    network = replace(config.network, n_landmarks=landmarks, width=width or config.network.width)
    config = replace(config, network=network)
    if epochs is not None:
        config = with_lengths(config, epochs)
    if batch is not None:
        first, second, third = config.train.stages
        stages = (replace(first, batch=batch), replace(second, batch=batch), third)
        config = replace(config, train=replace(config.train, stages=stages))
    return config


def _paced(config: RedConfig, rate: float | None, average: float | None) -> RedConfig:
    """The same configuration with another learning rate or running mean, where one is told."""
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise ConfigError(f"--rate {rate}: a learning rate is above 0, as in --rate 2e-4")
    if average is not None and not 0 <= average < 1:
        raise ConfigError(f"--average {average}: a decay is at least 0 and below 1, as in 0.98")
    stages = config.train.stages
    if rate is not None:
        first, second, third = (replace(stage, learning_rate=rate) for stage in stages)
        stages = (first, second, third)
    decay = config.train.average if average is None else average
    return replace(config, train=replace(config.train, stages=stages, average=decay))


def _label_shifts(given: list[str], folders: list[Path]) -> dict[Path, tuple[float, float]]:
    """``DIR=RIGHT,DOWN`` texts as numbers by folder."""
    shifts = {}
    for text in given:
        name, _, numbers = text.rpartition("=")
        try:
            pixels = [float(number) for number in numbers.split(",")]
        except ValueError:
            pixels = []
        if not name or len(pixels) not in (1, 2) or not all(map(math.isfinite, pixels)):
            raise StillsError(
                f"--label-shift {text}: not DIR=RIGHT,DOWN, as in --label-shift {folders[0]}=1,0.5"
            )
        if Path(name) not in folders or Path(name) in shifts:
            raise StillsError(
                f"--label-shift {text}: {name} has to be one of the folders of --stills, written "
                "as it is there, and to be given once"
            )
        shifts[Path(name)] = (pixels[0], pixels[-1])
    return shifts


def _load(stills: list[Still], landmarks: int, what: str) -> FaceSet:
    with _bar() as bar:
        task = bar.add_task(what, total=len(stills), note="")
        return load_faces(
            stills, landmarks, on_progress=lambda n, of: bar.update(task, completed=n, total=of)
        )


def _video_faces(videos: list[Path], landmarks: int, per_video: int) -> FaceSet:
    with _bar() as bar:
        task = bar.add_task("Reading videos", total=None, note="")
        return load_video_faces(
            videos,
            landmarks,
            per_video,
            on_progress=lambda n, of: bar.update(task, completed=n, total=of),
        )


def _clips(
    faces: FaceSet,
    videos: list[Path] | None,
    from_stills: bool,
    config: RedConfig,
    out: Path,
    seed: int,
) -> ClipSource | None:
    train = config.train
    sources: list[ClipSource] = []
    if from_stills:
        scheme = scheme_for(config.network.n_landmarks)
        sources.append(
            MovedStills(faces, scheme, train.clip_frames, train.clips_per_video, train.off_face)
        )
    if videos:
        from trainer.data.video_clips import VideoClips

        with _bar() as bar:
            task = bar.add_task("Cutting clips", total=None, note="")
            sources.append(
                VideoClips(
                    videos,
                    config.network.n_landmarks,
                    train.clip_frames,
                    train.clips_per_video,
                    cache=out / "clips.npy",
                    people=faces.people,
                    seed=seed,
                    on_progress=lambda n, of: bar.update(task, completed=n, total=of),
                )
            )
    if not sources:
        return None
    return sources[0] if len(sources) == 1 else MixedClips(sources, [1] * len(sources))


def _initialiser(path: Path | None) -> Callable[[RedNet], None] | None:
    if path is None:
        return None
    from safetensors.torch import load_file

    from trainer.models.initialise import load_vgg16, start_from

    def initialise(model: RedNet) -> None:
        weights = load_file(path)
        if any(name.startswith("features.") for name in weights):
            load_vgg16(model, weights)
        else:
            start_from(model, load_model(path).model)

    return initialise


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}", justify="left"),
        console=console.errors,
    )  # fmt: skip


@contextmanager
def _progress() -> Iterator[Callable[[UpdateProgress], None]]:
    with _bar() as bar:
        tasks: dict[int, TaskID] = {}
        notes: dict[str, float] = {}

        def show(progress: UpdateProgress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bar.add_task(f"Stage {progress.stage}", note="")
            notes.update({k: v for k, v in progress.losses.items() if k.startswith("nme")})
            loss = f"loss {progress.losses['loss']:.3f}"
            errors = " ".join(f"{name[4:]} {value:.2f}" for name, value in notes.items())
            bar.update(
                tasks[progress.stage], completed=progress.step, total=progress.steps,
                note=f"{loss} {errors}",
            )  # fmt: skip

        yield show


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Ctrl+C and a polite kill end the run after the update in hand, with a checkpoint."""
    stop = threading.Event()
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
