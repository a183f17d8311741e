"""Landmarks, angles and outlines of made-up heads, checked without the renderer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.heads.contour import landmarks_of
from trainer.heads.face_model import FACE_END, face_model
from trainer.heads.pose import MESH_TO_CAMERA, PIVOT, Camera, Placement
from trainer.pose import head_angles
from trainer.scheme import IBUG68

CAMERA = Camera(focal=700.0, centre=(127.5, 127.5), width=256, height=256)


def placed(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Placement:
    return Placement(yaw, pitch, roll, at=(0.0, 9.0, 110.0))


def test_landmarks_are_the_projected_vertices() -> None:
    model = face_model()
    stance = Placement(25.0, -12.0, 7.0, at=(3.0, 8.0, 90.0))
    points = model.expressed(model.neutral, model.weights(jawOpen=0.5, mouthSmile=0.4))
    _, vertex, _, depth = landmarks_of(points, stance, CAMERA)
    yaw, pitch, roll = np.radians((25.0, -12.0, 7.0))
    # Written out once more: tilt, then raise, then turn, in a camera's axes.
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    lift = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    for landmark, vertex_index in enumerate(model.landmark_vertices):
        local = (points[vertex_index].astype(np.float64) - PIVOT) * MESH_TO_CAMERA
        x, y, z = turn @ lift @ tilt @ local + (3.0, 8.0, 90.0)
        expected = (700.0 * x / z + 127.5, 700.0 * y / z + 127.5)
        np.testing.assert_allclose(vertex[landmark], expected, atol=1e-3)
        assert depth[landmark] == pytest.approx(z, abs=1e-3)


def test_jaws_agree_on_a_frontal_face_and_part_on_a_turned_one() -> None:
    neutral = face_model().neutral
    contour, vertex, *_ = landmarks_of(neutral, placed(), CAMERA)
    assert np.abs(contour - vertex).max() < 4
    contour, vertex, *_ = landmarks_of(neutral, placed(yaw=50), CAMERA)
    moved = np.linalg.norm(contour - vertex, axis=1)
    assert moved[11:17].min() > 4  # nose to the image's right hides the jaw on that side
    assert moved[:6].max() < 1
    assert moved[17:].max() == 0


@pytest.mark.parametrize("yaw", [60.0, -60.0])
def test_far_jaw_lies_on_the_outline_of_the_drawn_mask(yaw: float) -> None:
    model = face_model()
    # Neither nose nor eyes: what sticks out in front of the cheek isn't the jaw's line.
    x, y, _ = model.neutral.T
    nose = (np.abs(x) < 1.95) & (y > -2.3) & (y < 5)
    triangles = model.drawn_vertices[model.triangles]
    triangles = triangles[(triangles < FACE_END).all(axis=1) & ~nose[triangles].any(axis=1)]
    pixels = CAMERA.project(placed(yaw).place(model.neutral))
    mask = np.zeros((1024, 1024), np.uint8)
    corners = np.round((pixels * 4 + 1.5) * 16).astype(np.int32)
    for triangle in triangles:
        cv2.fillConvexPoly(mask, corners[triangle], 255, shift=4)
    outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour, *_ = landmarks_of(model.neutral, placed(yaw), CAMERA)
    far = range(11, 17) if yaw > 0 else range(6)
    for landmark in far:
        point = tuple(map(float, contour[landmark] * 4 + 1.5))
        distance = max(cv2.pointPolygonTest(line, point, True) for line in outline)
        assert abs(distance) / 4 < 1.5, landmark


def test_yaw_is_positive_when_the_nose_points_to_the_images_right() -> None:
    _, right, *_ = landmarks_of(face_model().neutral, placed(yaw=30), CAMERA)
    assert right[30, 0] > right[[36, 45], 0].mean()
    _, up, *_ = landmarks_of(face_model().neutral, placed(pitch=20), CAMERA)
    _, level, *_ = landmarks_of(face_model().neutral, placed(), CAMERA)
    assert up[30, 1] - up[36, 1] < level[30, 1] - level[36, 1]
    _, tilted, *_ = landmarks_of(face_model().neutral, placed(roll=15), CAMERA)
    assert tilted[45, 1] > tilted[36, 1]


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 5, -10), (-50, -15, 8)])
def test_angles_are_those_that_the_landmarks_tell(angles: tuple[float, float, float]) -> None:
    stance = placed(*angles)
    _, vertex, *_ = landmarks_of(face_model().neutral, stance, CAMERA)
    # head_angles takes its own focal length and average face: some degrees apart.
    told = head_angles(vertex, (CAMERA.width, CAMERA.height))
    assert np.abs(np.subtract(told, stance.seen_angles())).max() < 9


def test_a_frontal_face_is_symmetric_and_has_ibug_order() -> None:
    contour, *_ = landmarks_of(face_model().neutral, placed(), CAMERA)
    mirrored = IBUG68.flip_landmarks(contour, CAMERA.width)
    assert np.abs(mirrored - contour).max() < 1.0
    assert contour[36, 0] < contour[39, 0] < contour[42, 0] < contour[45, 0]
    assert contour[8, 1] > contour[57, 1] > contour[33, 1] > contour[27, 1]
