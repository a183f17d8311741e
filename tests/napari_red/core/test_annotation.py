from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_annotation import made_face, made_video

from napari_red.core.annotation import IMPORTED, Aliases, AnnotationError, pseudonyms


def test_shapes_that_do_not_fit_are_refused_with_what_is_needed():
    face = made_face(0, [0, 1])
    with pytest.raises(AnnotationError, match=r"visible has shape \(2, 3\).*\(2, 68\)"):
        replace(face, visible=np.zeros((2, 3)))
    with pytest.raises(AnnotationError, match="landmarks have shape"):
        replace(face, landmarks=np.zeros((2, 68)))
    with pytest.raises(AnnotationError, match="1 model names for 2 frames"):
        replace(face, models=(None,))


@pytest.mark.parametrize("frames", [[1, 1], [2, 1], [-1, 0]])
def test_frames_rise_from_0(frames):
    with pytest.raises(AnnotationError, match="must rise from 0"):
        replace(made_face(0, [0, 1]), frames=np.array(frames))


def test_a_face_outside_the_video_is_refused():
    with pytest.raises(AnnotationError, match=r"frame 11.*has 4 \(the last is 3\)"):
        replace(made_video(), n_frames=4, times=None)


def test_two_faces_need_two_slots():
    video = made_video()
    with pytest.raises(AnnotationError, match="a slot of its own"):
        replace(video, faces=(video.faces[0], video.faces[0]))


def test_times_are_those_of_the_frames_or_follow_from_the_rate():
    video = made_video()
    assert video.time(3) == pytest.approx(np.cumsum(np.linspace(0.02, 0.06, 12))[3])
    assert replace(video, times=None).time(5) == 0.2
    assert np.isnan(replace(video, times=None, fps=0.0).time(5))


def test_frames_come_with_the_faces_that_are_in_them():
    found = {frame: [face.face for face, _ in rows] for frame, rows in made_video().by_frame()}
    assert found == {0: [0], 1: [0], 2: [0], 3: [1], 4: [0, 1], 5: [0, 1], 6: [1], 11: [0]}


def test_pseudonyms_are_stable_with_one_salt_and_others_with_another():
    people = [f"Person {letter}" for letter in "ABCDEFGH"]
    videos = [
        replace(made_video(faces=1), faces=(made_face(0, [0], name),), path=Path("/home/A/x.mp4"))
        for name in people
    ]
    hidden, key = pseudonyms(videos, "secret")
    assert sorted(key.values()) == [f"person_{n:02d}" for n in range(1, 9)]
    assert pseudonyms(videos[::-1], "secret")[1] == key
    assert pseudonyms(videos, "other")[1] != key
    for name, video in zip(people, hidden, strict=True):
        assert video.faces[0].identity == video.faces[0].name == key[name]
        assert video.path == Path("x.mp4")


def test_pseudonyms_take_folders_and_people_out_of_the_names_of_models():
    face = made_face(0, [0, 1, 2, 3, 4, 5], "Ada Lovelace")
    models = (
        "imported from Ada Lovelace",
        "/home/ada/mine.safetensors, re-tracked",
        r"C:\ada\mine.safetensors",
        "like Ada Lovelace 2",
        "red-lite",
        None,
    )
    video = replace(made_video(faces=1), faces=(replace(face, models=models),))
    (hidden,), _ = pseudonyms([video], "secret")
    assert hidden.faces[0].models == (
        IMPORTED,
        "mine.safetensors, re-tracked",
        "mine.safetensors",
        "like person_01 2",
        "red-lite",
        None,
    )


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("red-lite, re-tracked", "red-lite, re-tracked"),
        ("red-wide", "red-wide"),
        ("red 2", "B 2"),
        ("/data/Ada_2023/fine.safetensors, re-tracked", "fine.safetensors, re-tracked"),
        (r"C:\Ada\Ada_2023.safetensors", "A_2023.safetensors"),
        ("Ada Lovelace and Ada", "C and A"),
        ("Adas", "Adas"),
    ],
)
def test_models_are_called_without_folders_and_people_but_for_those_that_ship(model, called):
    aliases = Aliases({"Ada": "A", "red": "B", "Ada Lovelace": "C", "lite": "D"})
    assert aliases.model(model) == called


def test_pseudonyms_take_the_names_of_faces_along():
    video = made_video()
    named = replace(video.faces[1], name="Tante Erna")
    (hidden,), _ = pseudonyms([replace(video, faces=(video.faces[0], named))], "s")
    assert [face.name for face in hidden.faces] == ["person_01", "face 2"]
    with pytest.raises(AnnotationError, match="need a salt"):
        pseudonyms([video], "")
