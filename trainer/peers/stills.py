"""Every aligner on the same stills with the same face boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from trainer.checkpoint import LoadedModel
from trainer.data.faces import read_picture
from trainer.data.stills import Still
from trainer.detection import FaceDetector
from trainer.evaluate import Convention, evaluate
from trainer.geometry import FaceBox
from trainer.metrics import matches
from trainer.peers.environment import PEERS, Peer, start
from trainer.peers.process import PeerProcess
from trainer.peers.schemes import to_68

OURS = "ours"


@dataclass
class StillSet:
    """Annotated stills in memory, with the boxes everybody gets.

    Attributes
    ----------
    groups : person or photo of each
    truth : (N, 68, 2) xy in pixels
    boxes : by source, "truth" or "detector", one a still; None where no face was found
    """

    stills: list[Still]
    pictures: list[np.ndarray]
    truth: np.ndarray
    boxes: dict[str, list[FaceBox | None]]

    @property
    def groups(self) -> list[str]:
        """Person or photo of each still."""
        return [still.group for still in self.stills]


class _Replay:
    """A detector that hands out what the real one found before, picture by picture."""

    def __init__(self, found: Sequence[list[FaceBox]]) -> None:
        self._found = iter(found)

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        return next(self._found)


def spread(items: Sequence[Still], most: int | None) -> list[Still]:
    """At most so many, evenly over the whole list, always the same."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, most)]


def load_set(stills: Sequence[Still], *, detector: FaceDetector | None = None) -> StillSet:
    """Read stills and look for their faces; no detector: only the boxes of the truth."""
    pictures = [read_picture(still) for still in stills]
    truth = np.stack([still.landmarks() for still in stills])
    true_boxes = [FaceBox.around(points) for points in truth]
    boxes: dict[str, list[FaceBox | None]] = {"truth": list(true_boxes)}
    if detector is not None:
        boxes["detector"] = [
            _best(detector.detect(picture), true)
            for picture, true in zip(pictures, true_boxes, strict=True)
        ]
    return StillSet(list(stills), pictures, truth, boxes)


def _best(found: list[FaceBox], true: FaceBox) -> FaceBox | None:
    hits = [box for box in found if matches(box, true)]
    if not hits:
        return None
    best = max(hits, key=true.iou)
    # Without the roll that the detector tells too: nobody is told more than the box.
    return FaceBox(best.x, best.y, best.width, best.height, best.score)


def align_all(
    loaded: LoadedModel,
    peers: Sequence[str],
    folder: Path | None,
    data: StillSet,
    source: str,
    on_progress: Callable[[str], None] = lambda name: None,
) -> dict[str, np.ndarray]:
    """Landmarks of every aligner, {name: (N, 68, 2)} in pixels, NaN where it found no face.

    Parameters
    ----------
    peers : names of those that run
    folder : their environment
    source : which of the set's boxes
    """
    boxes = data.boxes[source]
    on_progress(OURS)
    replay = None
    if source != "truth":
        replay = _Replay([[] if box is None else [box] for box in boxes])
    answers = {
        OURS: evaluate(loaded, data.stills, detector=replay, convention=Convention.face).landmarks
    }
    for peer in PEERS:
        if peer.name not in peers:
            continue
        assert folder is not None  # a peer runs only from there
        on_progress(peer.name)
        answers[peer.name] = peer_answers(folder, peer, data.pictures, boxes)
    return answers


def peer_answers(
    folder: Path, peer: Peer, pictures: Sequence[np.ndarray], boxes: Sequence[FaceBox | None]
) -> np.ndarray:
    """One peer's landmarks, (N, 68, 2) in pixels, NaN where it found no face."""
    with start(folder, peer, "box") as process:
        return np.stack(
            [
                _one(process, peer, picture, box)
                for picture, box in zip(pictures, boxes, strict=True)
            ]
        )


def _one(process: PeerProcess, peer: Peer, picture: np.ndarray, box: FaceBox | None) -> np.ndarray:
    nothing = np.full((68, 2), np.nan, np.float32)
    if box is None:
        return nothing
    corner = np.zeros(2)
    if peer.crop is not None:
        picture, corner = cut_out(picture, box, peer.crop)
    found = to_68(process.align(picture, box).landmarks)
    return found[0] + corner.astype(np.float32) if len(found) else nothing


def cut_out(image: np.ndarray, box: FaceBox, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A square around a box, at the picture's own resolution, and where its corner lies.

    Its side is ``scale`` times that of the box. What lies outside repeats the border.
    """
    side = max(round(box.side * scale), 1)
    x, y = (round(c - (side - 1) / 2) for c in box.centre)
    height, width = image.shape[:2]
    margin = max(0, -x, -y, x + side - width, y + side - height)
    if margin:
        image = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    part = image[y + margin : y + margin + side, x + margin : x + margin + side]
    return np.ascontiguousarray(part), np.array([x, y])
