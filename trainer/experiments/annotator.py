"""A person who corrects frames, simulated: the truth is known, and so what it was worth.

One :class:`Project` is what somebody has open: the first videos of one person or of two, in
which they correct, and those people's other videos, in which they don't.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.carry import Carriers
from trainer.devices import autocast_dtype
from trainer.experiments.desk import Clip, Desk, Shown, figures, save_json
from trainer.finetuning.job import REPORT_FILE, FinetuneOptions, finetune
from trainer.finetuning.material import FinetuneError
from trainer.finetuning.recipe import RECIPE, Recipe
from trainer.frame_features import summarise
from trainer.held_out import choose_held_out
from trainer.pushed_set import CORRECTED, PREDICTED, PushedSetWriter, clip_window
from trainer.ranking import GAP, TrackReview, rank
from trainer.scheme import IBUG68
from trainer.shape_residuals import CorrectedFaces, ShapeResiduals

UNLIMITED = 600.0
"""Minutes: a run does as many updates as are planned, however slow the machine is just now."""


@dataclass(frozen=True)
class Arm:
    """One way of working.

    Attributes
    ----------
    name, title : its word, and what a table calls it
    chosen : frames are corrected in the order of the "queue", or "evenly"
    tuned : whether a model is fine-tuned on them
    clips : whether the frames round them are pushed, so that stage 3 has something
    named : whether people are named, so that stage 2 has something if there are two
    people : so many are in one project
    interpolated : between corrected frames landmarks move in straight lines
    """

    name: str
    title: str
    chosen: str = "queue"
    tuned: bool = True
    clips: bool = True
    named: bool = True
    people: int = 1
    interpolated: bool = False


def interpolated(truth: np.ndarray, corrected: Sequence[int]) -> np.ndarray:
    """Straight lines between corrected frames, and rest before the first and after the last."""
    known = np.array(sorted(corrected))
    flat = truth[known].reshape(len(known), -1)
    numbers = np.arange(len(truth))
    columns = [np.interp(numbers, known, column) for column in flat.T]
    return np.stack(columns, axis=-1).reshape(truth.shape).astype(np.float32)


def carried(
    landmarks: np.ndarray, carriers: Carriers, truth: np.ndarray, corrected: Sequence[int] = ()
) -> np.ndarray:
    """A model's landmarks with the corrections carried on, as alignment does it.

    Parameters
    ----------
    landmarks : (T, 68, 2), with the corrected frames pinned if there are any
    carriers : what was corrected
    truth : (T, 68, 2), known in the corrected frames
    corrected : their numbers
    """
    moved = landmarks.copy()
    for frame in np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2))):
        moved[frame] = carriers.onto(int(frame), 0, landmarks[frame])
    moved[list(corrected)] = truth[list(corrected)]
    return moved


def proposed(shown: Shown, corrected: Sequence[int], count: int) -> list[int]:
    """The next ``count`` frames of the review queue.

    Where the queue is through, having left out all that show the same, it is asked again
    with smaller distances.
    """
    features = summarise(shown.landmarks, shown.confidence, shown.disagreement)
    chosen: list[int] = []
    for gap in (GAP, GAP // 2, 2, 0):
        done = np.array(sorted({*corrected, *chosen}), np.intp)
        accepted = np.zeros(len(features), bool)
        accepted[done] = True
        review = TrackReview(0, features, done, accepted)
        chosen += [one.frame for one in rank([review], count - len(chosen), gap=gap)]
        if len(chosen) >= count:
            break
    return chosen[:count]


def evenly(n_frames: int, corrected: Sequence[int], count: int) -> list[int]:
    """``count`` frames evenly over a video, or more of them in the widest gaps."""
    if not corrected:
        return [int(n) for n in np.linspace(0, n_frames - 1, count).round()]
    chosen: list[int] = []
    for _ in range(count):
        known = np.array([*corrected, *chosen])
        away = np.abs(np.arange(n_frames)[:, None] - known).min(axis=1)
        chosen.append(int(away.argmax()))
    return chosen


@dataclass
class Project:
    """What one simulated annotator works on.

    Attributes
    ----------
    clips : of each person, the first is the one that is corrected
    arm : how they work
    folder : of this project's rounds
    recipe : of fine-tuning
    """

    clips: Mapping[str, Sequence[Clip]]
    arm: Arm
    folder: Path
    recipe: Recipe = RECIPE

    def work(self, desk: Desk, rounds: Sequence[int], tell: Callable[[str], None]) -> None:
        """Correct up to so many frames a person in each round, and learn from them.

        Each round's outcome is in ``round.json`` of its folder; those that are there are done.
        """
        model = desk.base
        corrected: dict[str, list[int]] = {person: [] for person in self.clips}
        trained: dict[str, set[int]] = {person: set() for person in self.clips}
        held: dict[str, set[int]] = {}
        for total in rounds:
            folder = self.folder / f"{total:03d}"
            path = folder / "round.json"
            if path.is_file():
                done = json.loads(path.read_text(encoding="utf-8"))
            else:
                tell(f"{self.arm.name}, {' and '.join(self.clips)}, {total} corrections")
                done = self._round(desk, model, corrected, held, trained, total, folder)
                save_json(path, done)
            corrected = done["corrected"]
            held = {person: set(frames) for person, frames in done["held_out"].items()}
            if done["accepted"]:
                model = str(folder / done["run"] / "model.safetensors")
                for person, frames in done["trained"].items():
                    trained[person] |= set(frames)

    def _round(
        self,
        desk: Desk,
        model: str,
        before: Mapping[str, Sequence[int]],
        held: Mapping[str, set[int]],
        trained: Mapping[str, set[int]],
        total: int,
        folder: Path,
    ) -> dict[str, Any]:
        corrected = {}
        for person, (first, *_) in self.clips.items():
            old = list(before[person])
            if self.arm.chosen == "evenly":
                new = evenly(len(first), old, total - len(old))
            else:
                new = proposed(desk.align(model, first, old), old, total - len(old))
            corrected[person] = sorted([*old, *new])
        done: dict[str, Any] = {
            "arm": self.arm.name,
            "corrected": corrected,
            "held_out": {person: sorted(frames) for person, frames in held.items()},
            "trained": {},
            "accepted": False,
        }
        if self.arm.tuned:
            done |= self._learn(desk, model, corrected, held, trained, folder)
            if done["accepted"]:
                model = str(folder / done["run"] / "model.safetensors")
        known = self._known(desk, model, corrected)
        done["people"] = {
            person: self._measured(desk, model, person, frames, known)
            for person, frames in corrected.items()
        }
        done["others"] = {
            "before": _mean(desk.other_errors(desk.base)),
            "after": _mean(desk.other_errors(model)),
        }
        return done

    def _learn(
        self,
        desk: Desk,
        model: str,
        corrected: Mapping[str, Sequence[int]],
        held: Mapping[str, set[int]],
        trained: Mapping[str, set[int]],
        folder: Path,
    ) -> dict[str, Any]:
        """Push and fine-tune; what it said."""
        chosen = choose_held_out(corrected, held, trained)
        used = self._push(desk, model, corrected, chosen, folder / "set")
        recipe = json.dumps(asdict(self.recipe), sort_keys=True)
        run = f"run-{hashlib.sha1(recipe.encode()).hexdigest()[:6]}"
        said: dict[str, Any] = {
            "held_out": {person: sorted(frames) for person, frames in chosen.items()},
            "trained": used,
            "run": run,
            "recipe": run.removeprefix("run-"),
        }
        options = FinetuneOptions(
            precision=autocast_dtype(desk.model(model)[0].model, torch.device("cpu")),
            minutes=UNLIMITED,
            lock_folder=folder / "lock",
            checkpoint_seconds=120.0,
        )
        finished = (folder / run / REPORT_FILE).is_file()
        began = time.process_time()
        try:
            report = finetune(folder / "set", model, folder / run, options, self.recipe)
        except FinetuneError as error:
            return said | {"accepted": False, "message": str(error), "stages": []}
        finally:
            shutil.rmtree(folder / "set", ignore_errors=True)
        kept = ("accepted", "message", "stages", "gate", "set")
        took = {} if finished else {"seconds": time.process_time() - began}
        return said | {k: report[k] for k in kept} | took

    def _push(
        self,
        desk: Desk,
        model: str,
        corrected: Mapping[str, Sequence[int]],
        held: Mapping[str, set[int]],
        folder: Path,
    ) -> dict[str, list[int]]:
        """Write the set as the plugin does; the frames that may be trained on by person."""
        shutil.rmtree(folder, ignore_errors=True)
        used: dict[str, list[int]] = {}
        with PushedSetWriter(folder, 68, parent=desk.model(model)[0].name) as writer:
            for person, (clip, *_) in self.clips.items():
                frames, aside = corrected[person], held.get(person, set())
                shown = desk.align(model, clip, frames)
                wanted = set(frames)
                if self.arm.clips:
                    near = {m for n in frames for m in clip_window(n, len(clip))}
                    seen = np.isfinite(shown.landmarks).all(axis=(1, 2))
                    wanted |= {m for m in near if seen[m]}
                for number, image in clip.video.frames(sorted(wanted)):
                    right = number in frames
                    writer.add_frame(
                        person if self.arm.named else None,
                        f"{person} {clip.video.name.rpartition('/')[2]}",
                        number,
                        image,
                        clip.truth[number] if right else shown.landmarks[number],
                        kind=CORRECTED if right else PREDICTED,
                        held_out=number in aside,
                        confidence=None if right else shown.confidence[number],
                    )
                used[person] = sorted(wanted - aside)
        return used

    def _known(
        self, desk: Desk, model: str, corrected: Mapping[str, Sequence[int]]
    ) -> ShapeResiduals:
        """Where the model is off in all that was corrected in the project."""
        told, seen, people = [], [], []
        for person, frames in corrected.items():
            first = self.clips[person][0]
            told.append(first.truth[list(frames)])
            seen.append(desk.answers(model, first, frames))
            people += [self._called(person, first)] * len(frames)
        faces = CorrectedFaces(np.concatenate(told), np.concatenate(seen), tuple(people))
        mean_shape = desk.model(model)[0].model.mean_shape.numpy()
        return ShapeResiduals(mean_shape, faces, IBUG68.flip)

    def _called(self, person: str, clip: Clip) -> str:
        """A track's person, by name or not."""
        return person if self.arm.named else clip.video.name

    def _measured(
        self,
        desk: Desk,
        model: str,
        person: str,
        frames: Sequence[int],
        known: ShapeResiduals,
    ) -> dict[str, dict[str, dict[str, float]]]:
        first, *others = self.clips[person]
        rest = np.setdiff1d(np.arange(len(first)), frames)
        if self.arm.interpolated:
            landmarks = moved = interpolated(first.truth, frames)
        else:
            landmarks = desk.align(model, first, frames).landmarks
            carriers = Carriers(residuals=known, people=[self._called(person, first)])
            answers = desk.answers(model, first, frames)
            for frame, seen in sorted(zip(frames, answers, strict=True), key=lambda one: one[0]):
                carriers.add(frame, 0, first.truth[frame], seen)
            moved = carried(landmarks, carriers, first.truth, frames)
        truth = np.concatenate([clip.truth for clip in others])
        every = np.arange(len(truth))
        base = np.concatenate([desk.align(desk.base, clip).landmarks for clip in others])
        before = figures(desk.align(desk.base, first).landmarks, first.truth, rest)
        elsewhere = figures(base, truth, every)
        found = [desk.align(model, clip).landmarks for clip in others]
        alike = [
            carried(one, Carriers(residuals=known, people=[self._called(person, clip)]), one)
            for one, clip in zip(found, others, strict=True)
        ]
        return {
            "rest": {"before": before, "after": figures(landmarks, first.truth, rest)},
            "carried": {"before": before, "after": figures(moved, first.truth, rest)},
            "videos": {
                "before": elsewhere,
                "after": figures(np.concatenate(found), truth, every),
            },
            "videos_carried": {
                "before": elsewhere,
                "after": figures(np.concatenate(alike), truth, every),
            },
        }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
