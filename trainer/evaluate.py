"""Measuring a model on annotated stills it never saw (paper, section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import torch

from trainer.checkpoint import LoadedModel
from trainer.data.faces import read_picture
from trainer.data.stills import Still, StillsError, set_name
from trainer.detection import FaceDetector, box_of_landmarks
from trainer.geometry import CropTransform, FaceBox
from trainer.label_shift import Shift, measure_label_shift
from trainer.metrics import auc, bootstrap_interval, failure_rate, group_errors, matches, nme
from trainer.models.rednet import AlignOutput
from trainer.scheme import scheme_for
from trainer.tracking import upright_crop

BATCH = 16


class Convention(StrEnum):
    """Where a model's answers are drawn for comparing them with labels."""

    labels = "labels"
    """As the labels lie that it was trained on: moved by what it learned of them."""

    face = "face"
    """On the face, as the program shows them."""


@dataclass
class Evaluation:
    """Every face's answer and error, and what follows from them.

    Attributes
    ----------
    stills : the faces in the order they were given
    errors : (N,) interocular NME in per cent, NaN where no face was found
    landmarks : (N, L, 2) answers in image pixels, NaN where no face was found, moved
    moved : (2,) xy in image pixels, what was added to them by the convention
    truth : (N, L, 2) in image pixels, the labels as they are
    step_errors : (K, N), regression_errors : (N,): the same error of each estimate
    shifts : the shift of each set's labels, by its folder, where it could be measured
    """

    stills: list[Still]
    errors: np.ndarray
    landmarks: np.ndarray
    moved: np.ndarray
    truth: np.ndarray
    step_errors: np.ndarray
    regression_errors: np.ndarray
    shifts: dict[str, Shift] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The figures of a report; errors in per cent of the interocular distance.

        ``nme_with_misses`` counts a face not found as 100 %; it is a failure, and 0 in
        the AUC. ``intervals`` are 95 % bootstrap intervals over people or photos.
        All are against the labels as they are, the answers drawn as ``convention`` says and
        so moved by ``answers_moved``. ``on_the_face`` has the error of answers that aren't
        moved. ``label_shifts``, measured on these very labels, says how they lie.
        """
        found = np.isfinite(self.errors)
        hit = self.errors[found]
        misses = int((~found).sum())
        counted = np.where(found, self.errors, 100.0)
        names = [still.group for still in self.stills]
        scheme = scheme_for(self.truth.shape[1])
        empty = not len(hit)
        return {
            **self.extra,
            "images": len(self.errors),
            "no_face": misses,
            "nme_interocular_mean": None if empty else float(hit.mean()),
            "nme_interocular_median": None if empty else float(np.median(hit)),
            "nme_with_misses": float(counted.mean()),
            "failure_rate_10": failure_rate(hit, misses),
            "auc_10": auc(hit, misses),
            "per_step": [] if empty else [float(e) for e in self.step_errors[:, found].mean(1)],
            "regression": None if empty else float(self.regression_errors[found].mean()),
            "groups": {}
            if empty
            else group_errors(self.landmarks[found], self.truth[found], scheme),
            "intervals": {
                "nme_with_misses": bootstrap_interval(counted, names),
                "failure_rate_10": bootstrap_interval(counted, names, failure_rate),
            },
            "answers_moved": [float(pixels) for pixels in self.moved],
            "on_the_face": self._brief(self.errors_on_the_face()),
            "label_shifts": {
                set_name(folder): {**asdict(shift), "sure": shift.sure}
                for folder, shift in self.shifts.items()
            },
        }

    def _brief(self, errors: np.ndarray) -> dict[str, float | None]:
        found = np.isfinite(errors)
        hit, misses = errors[found], int((~found).sum())
        return {
            "nme_interocular_mean": float(hit.mean()) if len(hit) else None,
            "failure_rate_10": failure_rate(hit, misses),
            "auc_10": auc(hit, misses),
        }

    def errors_on_the_face(self) -> np.ndarray:
        """(N,) errors of the answers where the program shows them."""
        return _errors(self.landmarks - self.moved, self.truth)


@dataclass
class _Task:
    index: int
    image: np.ndarray
    transform: CropTransform


def evaluate(
    loaded: LoadedModel,
    stills: Sequence[Still],
    *,
    detector: FaceDetector | None = None,
    convention: Convention = Convention.labels,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Align every still, in float32, and compare it with its annotation.

    Errors are against the labels as they are. A shift of all labels of a set
    (:mod:`trainer.label_shift`) is measured beside, where the network looks at mirror
    pictures too; nothing else depends on it.

    Parameters
    ----------
    loaded : the model
    stills : annotated faces, none of which it was trained on
    detector : finds the face, which is then aligned twice, as the program does it
        (:meth:`trainer.face_network.FaceNetwork.start`); None takes the box of the true
        landmarks, and one look
    convention : labels moves all answers by what the model learned, on its training faces, of
        how their labels lie beside them; face, for labels that lie on the face, moves nothing
    on_progress : called with (done, total)
    """
    stills = list(stills)
    moved = answers_moved(loaded, convention)
    config = loaded.model.config
    shape = (len(stills), config.n_landmarks, 2)
    landmarks, truth = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    steps = np.full((config.steps, *shape), np.nan, np.float32)
    regression = np.full(shape, np.nan, np.float32)
    tasks = _tasks(stills, truth, detector, on_progress)
    for batch in _batched(tasks, BATCH):
        out = _align(loaded, batch)
        if detector is not None:
            batch, out = _align_again(loaded, batch, out)
        assert out.regression is not None  # asked for there
        for row, task in enumerate(batch):
            back = task.transform.invert
            landmarks[task.index] = back(out.landmarks[row].cpu().numpy())
            regression[task.index] = back(out.regression[row].cpu().numpy())
            for k in range(config.steps):
                steps[k, task.index] = back(out.per_step[k, row].cpu().numpy())
    with np.errstate(invalid="ignore"):
        return Evaluation(
            stills,
            _errors(landmarks + moved, truth),
            landmarks + moved,
            moved,
            truth,
            np.stack([_errors(one + moved, truth) for one in steps]),
            _errors(regression + moved, truth),
            _shifts(stills, landmarks, truth) if config.mirrored else {},
            {
                "model": loaded.name,
                "box": "truth" if detector is None else "detector",
                "convention": str(convention),
            },
        )


def answers_moved(loaded: LoadedModel, convention: Convention) -> np.ndarray:
    """(2,) float32 xy in image pixels that a convention adds to a model's answers."""
    shift = loaded.label_shift if convention == Convention.labels else (0, 0)
    return np.array(shift, np.float32)


def crop_of(
    image: np.ndarray, truth: np.ndarray, detector: FaceDetector | None
) -> CropTransform | None:
    """The crop in which a still is aligned; None when its face isn't found."""
    true_box = FaceBox.around(truth)
    if detector is None:
        return CropTransform.from_box(true_box)
    boxes = [box_of_landmarks(face, len(truth)) for face in detector.detect(image)]
    found = [box for box in boxes if matches(box, true_box)]
    if not found:
        return None
    best = max(found, key=true_box.iou)
    return CropTransform.from_box(best, angle=getattr(best, "angle", 0.0))


def _shifts(stills: list[Still], landmarks: np.ndarray, truth: np.ndarray) -> dict[str, Shift]:
    """The shift of the labels of each set that has enough faces, by its folder."""
    folders = np.array([still.folder for still in stills])
    found = {}
    for folder in dict.fromkeys(folders.tolist()):
        own = np.flatnonzero(folders == folder)
        groups = [stills[index].group for index in own]
        shift = measure_label_shift(landmarks[own], truth[own], groups)
        if shift is not None:
            found[folder] = shift
    return found


def _tasks(
    stills: list[Still],
    truth: np.ndarray,
    detector: FaceDetector | None,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[_Task]:
    for index, still in enumerate(stills):
        truth[index] = still.landmarks(truth.shape[1])
        if not np.isfinite(truth[index]).all(axis=-1).any():
            raise StillsError(f"{still.annotation}: no landmark is labelled; remove the file")
        image = read_picture(still)
        transform = crop_of(image, truth[index], detector)
        if on_progress is not None:
            on_progress(index + 1, len(stills))
        if transform is not None:
            yield _Task(index, image, transform)


def _batched(tasks: Iterator[_Task], size: int) -> Iterator[list[_Task]]:
    batch: list[_Task] = []
    for task in tasks:
        batch.append(task)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _align(loaded: LoadedModel, batch: list[_Task], start: np.ndarray | None = None) -> AlignOutput:
    device = loaded.model.mean_shape.device
    crops = np.stack([task.transform.warp(task.image) for task in batch])
    return loaded.model.align(
        torch.from_numpy(crops).to(device),
        None if start is None else torch.from_numpy(start).to(device),
        with_regression=True,
    )


def _align_again(
    loaded: LoadedModel, batch: list[_Task], first: AlignOutput
) -> tuple[list[_Task], AlignOutput]:
    """As the program begins a face: once more from the answer, in a crop laid by it."""
    corners = scheme_for(loaded.model.config.n_landmarks).eye_corners
    answers = first.landmarks.float().cpu().numpy()
    again, start = [], []
    for task, points in zip(batch, answers, strict=True):
        found = task.transform.invert(points)
        crop = upright_crop(found, corners)
        again.append(replace(task, transform=crop))
        start.append(crop.apply(found))
    return again, _align(loaded, again, np.stack(start).astype(np.float32))


def _errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """NME per face; NaN stays NaN where nothing was predicted."""
    errors = np.full(len(truth), np.nan)
    found = np.isfinite(predicted).all(axis=(1, 2))
    errors[found] = nme(predicted[found], truth[found])
    return errors
