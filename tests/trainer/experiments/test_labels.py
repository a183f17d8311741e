"""Where a set's labels lie, measured by aligners that are asked about the mirror picture too."""

import numpy as np
import pytest

from trainer.experiments import labels as experiment
from trainer.geometry import FaceBox
from trainer.peers.stills import StillSet
from trainer.scheme import IBUG68

WIDTH = 100


def face(x, y, size=60.0):
    points = np.random.default_rng(0).random((68, 2))
    points[36], points[45], points[0], points[1] = (0.25, 0.3), (0.75, 0.3), (0, 0), (1, 1)
    return (points * size + (x, y)).astype(np.float32)


@pytest.fixture
def pictures() -> StillSet:
    truth = np.stack([face(x, 20) for x in (5.0, 15.0, 25.0)])
    blank = [np.zeros((90, WIDTH, 3), np.uint8)] * 3
    return StillSet([], blank, truth, {"truth": [FaceBox.around(points) for points in truth]})


def test_an_aligner_that_errs_to_one_side_errs_to_none_with_the_mirror(pictures, monkeypatch):
    """It answers the labels of the box's face, always 3 pixels too far right and 2 too low."""
    mirrored = [IBUG68.flip_landmarks(points, WIDTH) for points in pictures.truth]

    def answers(folder, peer, given, boxes):
        found = []
        for box in boxes:
            known = [*pictures.truth, *mirrored]
            around = [FaceBox.around(points) for points in known]
            nearest = int(np.argmax([box.iou(other) for other in around]))
            assert box.iou(around[nearest]) == pytest.approx(1, abs=1e-3)
            found.append(known[nearest] + (3, 2))
        return np.stack(found)

    monkeypatch.setattr("trainer.peers.stills.peer_answers", answers)
    both = experiment.mirror_proof("nowhere", "dlib", pictures)
    np.testing.assert_allclose(both, pictures.truth + (0, 2), atol=1e-4)


def test_the_table_says_for_each_set_and_aligner_how_far_labels_lie_beside():
    row = {
        "set": "afw", "aligner": "red-lite", "faces": 40, "right": [0.95, 0.8, 1.1],
        "right_small": None, "right_large": [1.0, 0.7, 1.3], "below": [0.91, 0.9, 0.92],
        "below_percent": [1.5, 1, 2], "answers_below": [0.02, -0.2, 0.24],
    }  # fmt: skip
    report = experiment.labels_report([row], "red-lite", {}, {"dlib": "not there"}, "command")
    assert "afw 0.95 [0.80, 1.10]" in report.answer
    assert report.rows == [
        ("afw", "red-lite", "40", "0.95 [0.80, 1.10]", "-", "1.00 [0.70, 1.30]",
         "0.91 [0.90, 0.92]", "1.50 [1.00, 2.00]", "0.02 [-0.20, 0.24]")
    ]  # fmt: skip
    assert "Left out: dlib" in report.notes[-1]
