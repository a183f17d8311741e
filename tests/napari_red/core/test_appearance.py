"""How landmarks are drawn."""

import numpy as np
import pytest

from napari_red.core.appearance import (
    DIAMOND,
    DISC,
    RING,
    SURE,
    UNSURE,
    Look,
    appearance,
    label_texts,
    legend,
    readable_on,
)
from napari_red.core.frame_view import FrameView
from trainer.scheme import IBUG68


@pytest.fixture
def view(made_truth) -> FrameView:
    """Two faces, the second without a jaw."""
    view = FrameView.empty(0, 2, 68)
    view.landmarks[:] = np.stack([made_truth(0), made_truth(0, 1)])
    view.landmarks[1, :17] = np.nan
    view.confidence[:] = 0.9
    view.run[:] = 4, 7
    return view


def test_found_corrected_and_not_visible_have_forms_of_their_own(view):
    view.corrected[0, 3] = view.hidden[0, 4] = True
    drawn = appearance(view, Look(), {})
    assert drawn.form[[2, 3, 4]].tolist() == [DISC, DIAMOND, RING]
    assert drawn.face[4, 3] == 0
    assert drawn.border[4, 3] > 0.5
    assert drawn.line[0, 4, 3] == 0
    assert drawn.shown.sum() == 68 + 51


def test_one_part_can_be_shown_alone(view):
    drawn = appearance(view, Look(group="eyes"), {})
    eyes = np.array(IBUG68.groups["eyes"])
    assert np.flatnonzero(drawn.shown).tolist() == [*eyes, *(68 + eyes)]
    assert not drawn.line[0, :36, 3].any()


def test_colours_say_how_sure_the_model_is(view):
    view.confidence[0, :2] = 0, 1
    drawn = appearance(view, Look(colour_by="confidence"), {})
    np.testing.assert_allclose(drawn.face[0, :3] * 255, UNSURE, atol=1e-3)
    np.testing.assert_allclose(drawn.face[1, :3] * 255, SURE, atol=1e-3)
    assert (drawn.face[:, 3] == 1).all()


def test_colours_say_who_placed_a_landmark(view):
    view.corrected[0, 3] = True
    models = {4: "red-lite", 7: "interpolated"}
    look = Look(colour_by="source")
    drawn = appearance(view, look, models)
    colours = dict(legend(look, models))
    assert list(colours) == ["person", "red-lite", "interpolated"]
    for index, name in ((0, "red-lite"), (3, "person"), (68 + 30, "interpolated")):
        np.testing.assert_allclose(drawn.face[index, :3] * 255, colours[name], atol=1e-3)


def test_points_grow_with_the_face_and_as_wished(view):
    plain, large = (appearance(view, Look(size=size), {}).size for size in (1, 2))
    np.testing.assert_allclose(large, 2 * plain)


def test_numbers_count_from_1_as_on_ibugs_picture():
    assert label_texts(68, "numbers")[0::67] == ["1", "68"]
    assert label_texts(68, "names")[17] == "brows 1"
    assert not any(label_texts(68, "none"))


def test_text_is_dark_on_a_bright_picture_whatever_its_margin():
    picture = np.zeros((32, 32, 4), np.uint8)
    assert readable_on(picture) == "white"
    picture[8:24] = 60
    assert readable_on(picture) == "white"
    picture[8:24] = 200
    assert readable_on(picture) == "black"
