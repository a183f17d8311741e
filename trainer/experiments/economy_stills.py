"""Real people: corrections in some of a person's videos, measured on their others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from trainer.carry import Carriers
from trainer.checkpoint import load_model
from trainer.data.faces import read_picture
from trainer.data.stills import Still, find_stills
from trainer.devices import autocast_dtype
from trainer.experiments.annotator import UNLIMITED
from trainer.experiments.desk import save_json
from trainer.experiments.sets import BOX_SIDE, FRONTAL, MeasuredFaces, still_faces
from trainer.finetuning.gate import TO_MOVE, landmarks_in
from trainer.finetuning.job import FinetuneOptions, finetune
from trainer.finetuning.recipe import RECIPE, Recipe
from trainer.held_out import choose_held_out
from trainer.models.rednet import RedNet
from trainer.pushed_set import CORRECTED, PushedSetWriter
from trainer.scheme import IBUG68
from trainer.shape_residuals import CorrectedFaces, ShapeResiduals

_FAR = 100  # stills of one video aren't adjacent: their numbers are told so far apart


def real_people(
    folder: Path,
    work: Path,
    base: str,
    count: int,
    *,
    named: bool = True,
    recipe: Recipe = RECIPE,
) -> None:
    """Correct half of the videos of some people together, and measure on the other half.

    The outcome is ``round.json`` in ``work``; one that is there is done.

    Parameters
    ----------
    folder : of stills as ``PERSON/VIDEO/NUMBER.jpg`` with their ``.pts``
    work : where the run is kept
    base : the model to go on from
    count : people who are corrected, the first ones; the others are other people
    named : whether they are named in the set
    recipe : of fine-tuning
    """
    path = work / "round.json"
    if path.is_file():
        return
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "busy.lock", timeout=0):
            save_json(path, _worked(folder, work, base, count, named, recipe))
    except Timeout:
        return  # another process is at it


def halves(
    stills: Sequence[Still], count: int
) -> tuple[dict[str, list[Still]], list[Still], list[Still]]:
    """Stills to correct by ``PERSON/VIDEO``, those of the same people's other videos, and others.

    The first half of a person's videos is corrected, rounded down, one at least.
    """
    videos: dict[str, dict[str, list[Still]]] = {}
    for still in stills:
        videos.setdefault(still.group, {}).setdefault(still.image.parent.name, []).append(still)
    chosen = [person for person, of_person in videos.items() if len(of_person) > 1][:count]
    corrected: dict[str, list[Still]] = {}
    measured: list[Still] = []
    for person in chosen:
        for place, (video, frames) in enumerate(videos[person].items()):
            if place < max(len(videos[person]) // 2, 1):
                corrected[f"{person}/{video}"] = frames
            else:
                measured += frames
    return corrected, measured, [still for still in stills if still.group not in chosen]


def _worked(
    folder: Path, work: Path, base: str, count: int, named: bool, recipe: Recipe
) -> dict[str, Any]:
    loaded = load_model(base, n_landmarks=68)
    stills = find_stills(folder, shift=loaded.label_shift)
    corrected, measured, others = halves(stills, count)
    held_out = _push(work / "set", corrected, named, loaded.name)
    precision = autocast_dtype(loaded.model, torch.device("cpu"))
    options = FinetuneOptions(precision=precision, minutes=UNLIMITED, lock_folder=work / "lock")
    report = finetune(work / "set", base, work / "run", options, recipe)
    shutil.rmtree(work / "set", ignore_errors=True)
    after = load_model(work / "run" / "model.safetensors") if report["accepted"] else loaded
    sets = {
        "their other videos": still_faces(measured, 68),
        "other people": still_faces(others, 68),
    }
    known = _known(after.model, [s for own in corrected.values() for s in own], precision, named)
    return {
        "people": len({still.group for still in measured}),
        "corrected": sum(map(len, corrected.values())),
        "held_out": held_out,
        "named": named,
        "recipe": asdict(recipe),
        **{key: report[key] for key in ("accepted", "message", "stages", "gate", "set")},
        "sets": {
            name: {
                "groups": faces.groups,
                "before": _errors(landmarks_in(loaded.model, faces.crops, precision), faces),
                **_after(landmarks_in(after.model, faces.crops, precision), faces, known),
            }
            for name, faces in sets.items()
        },
    }


def _known(
    model: RedNet, stills: Sequence[Still], precision: torch.dtype, named: bool
) -> ShapeResiduals:
    """Where a model is off in what was corrected."""
    faces = still_faces(stills, 68)
    people = faces.groups if named else [f"video {s.image.parent}" for s in stills]
    seen = landmarks_in(model, faces.crops, precision)
    corrected = CorrectedFaces(faces.landmarks, seen, tuple(people))
    return ShapeResiduals(model.mean_shape.numpy(), corrected, IBUG68.flip)


def _after(
    found: np.ndarray, faces: MeasuredFaces, known: ShapeResiduals
) -> dict[str, dict[str, list[float]]]:
    """What a model says, and the same with the corrections carried on."""
    alike = [
        Carriers(residuals=known, people=[person]).onto(0, 0, points)
        for points, person in zip(found, faces.groups, strict=True)
    ]
    return {"after": _errors(found, faces), "carried": _errors(np.stack(alike), faces)}


def _push(folder: Path, corrected: dict[str, list[Still]], named: bool, parent: str) -> int:
    """Write the set; how many of its frames are held out."""
    shutil.rmtree(folder, ignore_errors=True)
    numbers = {video: [_FAR * n for n in range(len(frames))] for video, frames in corrected.items()}
    held = choose_held_out(numbers, {}, {})
    with PushedSetWriter(folder, 68, parent=parent) as writer:
        for video, stills in corrected.items():
            for number, still in zip(numbers[video], stills, strict=True):
                writer.add_frame(
                    still.group if named else None,
                    video.replace("/", " "),
                    number,
                    read_picture(still),
                    still.landmarks(),
                    kind=CORRECTED,
                    held_out=number in held.get(video, ()),
                )
    return sum(map(len, held.values()))


def _errors(found: np.ndarray, faces: MeasuredFaces) -> dict[str, list[float]]:
    """Of each face: ``nme``, and the per cent of its landmarks ``to_move``."""
    away = 100 * np.linalg.norm(found - faces.landmarks, axis=-1) / (FRONTAL * BOX_SIDE)
    return {
        "nme": [round(float(e), 4) for e in away.mean(axis=1)],
        "to_move": [round(100 * float(e), 3) for e in (away > TO_MOVE).mean(axis=1)],
    }
