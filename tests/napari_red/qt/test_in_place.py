"""Neither pictures nor landmarks can be moved away from each other."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.in_place import in_place
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack


@pytest.mark.parametrize(
    "change",
    [
        {"scale": (1, 2, 2)},
        {"translate": (0, 5, 5)},
        {"rotate": (30, 0, 0)},
        {"shear": (0, 0, 0.5)},
        {"affine": np.diag([1, 2, 2, 1])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_video_stays_under_its_landmarks(video_path, change):
    layer = VideoLayer(VideoStack.open(video_path))
    for name, value in change.items():
        setattr(layer, name, value)
    np.testing.assert_allclose(layer.data_to_world((5, 60, 80)), (5, 60, 80), atol=1e-9)
    assert "stays where it is" in notification_manager.records[-1].message
    layer.mode = "transform"
    assert layer.mode == "pan_zoom"
    layer.close()


def test_a_video_begins_in_its_place(video_path):
    layer = VideoLayer(VideoStack.open(video_path), translate=(3, 0, 0))
    assert in_place(layer)
    layer.close()


@pytest.mark.parametrize("make", [LandmarksLayer, ContoursLayer])
def test_landmarks_stay_over_their_video(make):
    layer = make(1, 68)
    layer.translate = (3, 4)
    layer.affine = np.diag([2, 2, 1])
    np.testing.assert_allclose(layer.data_to_world((60, 80)), (60, 80))
