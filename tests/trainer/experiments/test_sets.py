import numpy as np
import pytest

from trainer.errors import RedError
from trainer.experiments.sets import (
    frontal_interocular,
    head_faces,
    head_stills,
    learnt,
    measured_sets,
    measured_stills,
    still_faces,
    training_clips,
    training_faces,
    yaw_groups,
)
from trainer.metrics import interocular


def test_photos_set_aside_are_measured_and_never_trained_on(stills):
    trained = training_faces(stills, 7)
    measured = measured_stills(stills)
    assert len(trained.patches) == 13
    assert "100466187" not in trained.groups
    assert {"100466187", "Q0"} <= {s.group for s in measured}
    assert not {s.group for s in measured} & set(trained.groups)


def test_measured_stills_are_upright_crops_with_a_yaw(stills):
    faces = still_faces(measured_stills(stills), 7)
    assert faces.crops.shape == (7, 128, 128, 3)
    assert faces.landmarks.shape == (7, 7, 2)
    assert np.abs(faces.landmarks - 63.5).max() < 64
    assert np.isfinite(faces.yaw).all()


def test_rendered_heads_are_drawn_once_and_bring_their_exact_yaw(drawn_heads):
    heads = head_stills("test", 4, 24, drawn_heads)
    faces = head_faces(heads, 7)
    assert faces.crops.shape == (24, 128, 128, 3)
    np.testing.assert_allclose(faces.yaw, np.linspace(-80, 80, 24))


def test_heads_join_the_stills_for_training(stills, drawn_heads):
    alone = training_faces(stills, 7)
    both = learnt(alone, drawn_heads, 4)
    assert len(both.patches) == len(alone.patches) + 3 * 12
    assert both.landmarks.shape[1] == 7
    assert both.people == alone.people
    assert (both.identities[len(alone.patches) :] == -1).all()
    assert learnt(alone, drawn_heads, 0) is alone


def test_a_limit_leaves_the_turned_faces(stills, drawn_heads):
    alone = measured_sets(stills, drawn_heads, 0, 7, 100)
    assert [faces.name for faces in alone] == ["stills"]
    _, heads = measured_sets(stills, drawn_heads, 4, 7, 18)
    assert (np.abs(heads.yaw) >= 30).sum() == 16
    assert 16 < len(heads.yaw) <= 18


def test_clips_of_68_points_serve_a_network_of_seven(heads, stills, tmp_path):
    faces = training_faces(stills, 7)
    clips = training_clips(heads / "train", faces, 2, tmp_path / "clips.npy")
    for number in (0, 1):  # a batch of video, and one of moved stills
        drawn = clips.draw(2, 0, number)
        assert drawn.landmarks.shape == (10, 2, 7, 2)
        # Mirrored or not, the outer eye corner at index 0 is at the left.
        assert (drawn.landmarks[:, :, 0, 0] < drawn.landmarks[:, :, 3, 0]).all()
    assert clips.kind.endswith(" and moved stills")


def test_errors_are_measured_by_a_frontal_faces_eyes(stills):
    faces = still_faces(measured_stills(stills), 68)
    box = faces.landmarks.max(axis=1) - faces.landmarks.min(axis=1)
    scale = frontal_interocular(faces.landmarks)
    np.testing.assert_allclose(scale, 0.65 * box.mean(axis=1), rtol=1e-5)
    moved = faces.landmarks + np.float32((3, 4))
    np.testing.assert_allclose(faces.errors(moved), 100 * 5 / scale, rtol=1e-3)
    np.testing.assert_allclose(faces.own_share(), interocular(faces.landmarks) / scale, rtol=1e-3)


def test_yaw_groups_are_by_absolute_value_and_leave_nobody_out():
    groups = yaw_groups(np.array([0, -14.9, 15, 29, -30, 44, 45, -90]))
    assert [int(mask.sum()) for mask in groups.values()] == [2, 2, 2, 2, 8]
    assert groups["15–30°"].tolist() == [False, False, True, True, False, False, False, False]


def test_a_missing_folder_says_what_is_wrong(tmp_path):
    with pytest.raises(RedError, match="no ytf/train"):
        training_faces(tmp_path, 7)
