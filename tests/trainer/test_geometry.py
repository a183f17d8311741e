"""Face boxes and crops: there and back again, and what the crop's pixels show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.geometry import CROP_SCALE, CROP_SIZE, CropTransform, FaceBox, roll_angle
from trainer.scheme import IBUG68

coordinates = st.floats(-2000, 2000)
transforms = st.builds(
    CropTransform,
    centre_x=coordinates,
    centre_y=coordinates,
    scale=st.floats(0.05, 20),
    angle=st.floats(-np.pi, np.pi),
    size=st.sampled_from([32, 128, 129]),
)
boxes = st.builds(
    FaceBox,
    x=coordinates,
    y=coordinates,
    width=st.floats(1, 1000),
    height=st.floats(1, 1000),
)


def dot(height: int, width: int, x: float, y: float, radius: float) -> np.ndarray:
    """A white disc with soft edges on black, (height, width, 3) uint8."""
    v, u = np.mgrid[:height, :width]
    distance = np.hypot(u - x, v - y)
    grey = np.clip(radius + 0.5 - distance, 0, 1) * 255
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def middle_of(image: np.ndarray) -> np.ndarray:
    """Brightness-weighted mean position, xy."""
    grey = image[..., 0].astype(np.float64)
    v, u = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return np.array([(u * grey).sum(), (v * grey).sum()]) / grey.sum()


@given(transforms, coordinates, coordinates)
def test_apply_and_invert_undo_each_other(crop: CropTransform, x: float, y: float) -> None:
    there = crop.apply(np.array([[x, y]]))
    assert there.dtype == np.float32
    # The crop's numbers are float32: what they round off, 1 / scale magnifies.
    tolerance = 1e-3 + 1e-6 * (np.abs(there).max() / crop.scale + 4000)
    np.testing.assert_allclose(crop.invert(there), [[x, y]], atol=tolerance)


@given(transforms)
def test_centre_of_the_crop_is_the_centre_asked_for(crop: CropTransform) -> None:
    middle = (crop.size - 1) / 2
    found = crop.apply(np.array([crop.centre_x, crop.centre_y]))
    np.testing.assert_allclose(found, [middle, middle], atol=1e-2)


@given(boxes, boxes)
def test_iou_is_symmetric_and_at_most_one(first: FaceBox, second: FaceBox) -> None:
    assert first.iou(second) == pytest.approx(second.iou(first))
    assert 0 <= first.iou(second) <= 1 + 1e-9
    assert first.iou(first) == pytest.approx(1)


def test_iou_by_hand() -> None:
    # Overlap 5 x 10 of 10 x 10 each: 50 / 150.
    assert FaceBox(0, 0, 10, 10).iou(FaceBox(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert FaceBox(0, 0, 10, 10).iou(FaceBox(10, 0, 10, 10)) == 0
    assert FaceBox(0, 0, 10, 10).iou(FaceBox(0, 30, 10, 10)) == 0


def test_box_around_landmarks_is_tight_and_ignores_unlabelled_ones() -> None:
    points = np.array([[3, 8], [np.nan, np.nan], [13, 4], [5, 6]], np.float32)
    box = FaceBox.around(points)
    assert (box.x, box.y, box.width, box.height) == (3, 4, 10, 4)
    assert box.centre == (8, 6)
    assert box.side == 7


def test_box_needs_one_landmark() -> None:
    with pytest.raises(ValueError, match="at least one labelled landmark"):
        FaceBox.around(np.full((68, 2), np.nan))


@given(boxes)
def test_crop_side_is_the_box_side_times_crop_scale(box: FaceBox) -> None:
    crop = CropTransform.from_box(box)
    assert crop.size == CROP_SIZE
    assert crop.size / crop.scale == pytest.approx(box.side * CROP_SCALE)
    # The crop's outer edges lie half a pixel beyond its outermost pixel centres.
    edges = crop.invert(np.array([[-0.5, -0.5], [CROP_SIZE - 0.5, CROP_SIZE - 0.5]]))
    x, y = box.centre
    half = box.side * CROP_SCALE / 2
    np.testing.assert_allclose(edges, [[x - half, y - half], [x + half, y + half]], atol=0.01)


def test_box_without_extent_still_gives_a_crop() -> None:
    crop = CropTransform.from_box(FaceBox(10, 10, 0, 0))
    assert np.isfinite(crop.matrix()).all()


@pytest.mark.parametrize("scale", [3.0, 1.0, 0.6, 0.45, 0.3, 0.11])
@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0])
def test_warp_puts_a_dot_where_apply_says(scale: float, angle: float) -> None:
    crop = CropTransform(430.2, 300.7, scale, angle)
    x, y = 430 - 15 / scale, 300 + 10 / scale
    image = dot(600, 800, x, y, radius=max(6, 2 / scale))
    warped = crop.warp(image)
    assert warped.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert warped.dtype == np.uint8
    np.testing.assert_allclose(middle_of(warped), crop.apply(np.array([x, y])), atol=0.15)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_warp_agrees_with_apply_at_the_border_of_the_picture(scale: float) -> None:
    # Most of the crop lies outside the picture; the dot is in the part that doesn't.
    x, y = 40.0, 30.0
    crop = CropTransform(5, 8, scale, 0.2)
    warped = crop.warp(dot(400, 400, x, y, radius=max(5, 2 / scale)))
    np.testing.assert_allclose(middle_of(warped), crop.apply(np.array([x, y])), atol=0.2)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    # A fine checkerboard is grey from afar; skipping pixels would give stripes or black.
    v, u = np.mgrid[:1024, :1024]
    board = np.repeat((((u + v) % 2) * 255)[..., None], 3, axis=2).astype(np.uint8)
    warped = CropTransform(511.5, 511.5, 128 / 1000).warp(board)
    assert np.abs(warped.astype(int) - 127).max() <= 12


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_outside_the_picture_its_border_repeats(scale: float) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:] = (10, 120, 240)
    warped = CropTransform(-300, -300, scale).warp(image)
    assert (warped == (10, 120, 240)).all()


def test_picture_given_as_a_view_is_cut_like_its_copy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    crop = CropTransform(30, 40, 1.5, 0.3)
    np.testing.assert_array_equal(
        crop.warp(image[:, ::-1]), crop.warp(np.ascontiguousarray(image[:, ::-1]))
    )


def test_upright_crop_of_a_tilted_face() -> None:
    face = np.zeros((68, 2))
    face[36], face[45] = (0, 0), (10, 10)  # tilted clockwise by 45 degrees as seen
    angle = roll_angle(face, IBUG68.eye_corners)
    assert angle == pytest.approx(np.pi / 4)
    eyes = CropTransform(5, 5, 1.0, angle).apply(face[[36, 45]])
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-4)
    assert eyes[0, 0] < eyes[1, 0]


def test_roll_is_zero_where_the_eyes_say_nothing() -> None:
    face = np.zeros((68, 2))
    assert roll_angle(face, IBUG68.eye_corners) == 0
    face[36] = np.nan
    assert roll_angle(face, IBUG68.eye_corners) == 0
