import numpy as np

from napari_red.core.overlay import draw_landmarks
from napari_red.core.palette import landmark_colours, opacity
from trainer.scheme import IBUG68


def test_landmarks_are_drawn_in_the_colour_of_their_part(made_truth):
    grey = np.full((120, 160, 3), 60, np.uint8)
    picture = draw_landmarks(grey, made_truth(0)[None])
    colours = landmark_colours(IBUG68) * 255
    for index in (8, 19, 30, 37, 51):
        x, y = np.round(made_truth(0)[index]).astype(int)
        np.testing.assert_allclose(picture[y, x], colours[index], atol=40)
    assert (grey == 60).all()


def test_low_confidence_is_fainter(made_truth):
    grey = np.full((120, 160, 3), 60, np.uint8)
    sure = draw_landmarks(grey, made_truth(0)[None], np.ones((1, 68)))
    unsure = draw_landmarks(grey, made_truth(0)[None], np.zeros((1, 68)))
    assert np.abs(unsure.astype(int) - 60).sum() < 0.5 * np.abs(sure.astype(int) - 60).sum()
    assert opacity(np.array([np.nan, 0, 0.3, 0.6, 1])).tolist() == [0.25, 0.25, 0.625, 1, 1]


def test_a_corrected_landmark_has_a_white_rim(made_truth):
    grey = np.full((240, 320, 3), 60, np.uint8)
    corrected = np.zeros((1, 68), bool)
    corrected[0, 30] = True
    landmarks = made_truth(0)[None] * 2
    plain = draw_landmarks(grey, landmarks)
    rimmed = draw_landmarks(grey, landmarks, corrected=corrected)
    assert (rimmed.min(axis=2) > 180).sum() > (plain.min(axis=2) > 180).sum()


def test_landmarks_outside_the_picture_or_missing_do_no_harm(made_truth):
    grey = np.full((120, 160, 3), 60, np.uint8)
    landmarks = np.stack([made_truth(0) - 300, np.full((68, 2), np.nan)])
    assert (draw_landmarks(grey, landmarks) == 60).all()


def test_a_larger_picture_has_the_landmarks_at_the_same_place(made_truth):
    grey = np.full((120, 160, 3), 60, np.uint8)
    picture = draw_landmarks(grey, made_truth(0)[None], scale=3)
    assert picture.shape == (360, 480, 3)
    x, y = np.round((made_truth(0)[8] + 0.5) * 3 - 0.5).astype(int)
    np.testing.assert_allclose(picture[y, x], landmark_colours(IBUG68)[8] * 255, atol=30)
