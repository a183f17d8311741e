"""Who a face is, in formats that have one name for a face."""

from dataclasses import replace

import pytest
from made_annotation import made_face, made_video, same_landmarks

from napari_red.core.formats.names import identities, individuals
from napari_red.core.formats.registry import FORMATS

NAMED = ["deeplabcut", "deeplabcut-tracks", "sleap"]


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("sleap_io")
    pytest.importorskip("tables")


def of_people(*people):
    faces = []
    for slot, person in enumerate(people):
        face = made_face(slot, [slot, slot + 1, 8], person)
        faces.append(replace(face, visible=face.visible | True))
    return replace(made_video("talk"), faces=tuple(faces))


@pytest.mark.parametrize(
    "people",
    [
        ("anna", "ben", None),
        ("anna", "anna", "ben"),
        (None, "single", "ben"),
        ("single", None),
        ("single", "single"),
        ("a\nb", 'x,"y"', "=1+1"),
        ("001", "002"),
        ("7", "7", "_12"),
        ("person_01", "Anna (Berlin)", "anna (1)"),
    ],
)
@pytest.mark.parametrize("key", NAMED)
def test_people_are_who_they_were(key, people, tmp_path):
    video = of_people(*people)
    for path in FORMATS[key].write([video], tmp_path):
        got = FORMATS[key].read(path, video)
        same_landmarks(got, video)
        assert [face.identity for face in got] == list(people)


@pytest.mark.parametrize("key", NAMED)
def test_names_that_collide_stay_apart(key, tmp_path):
    video = of_people("anna", "anna", "anna (1)")
    got = FORMATS[key].read(FORMATS[key].write([video], tmp_path)[0], video)
    same_landmarks(got, video)
    assert len({face.identity for face in got}) == 3


def test_every_face_has_a_name_of_its_own_that_is_not_reserved():
    faces = of_people("a", "a", "a (1)", "single", None).faces
    assert individuals(faces) == {0: "a (2)", 1: "a (3)", 2: "a (1)", 3: "single", 4: "face 5"}
    assert individuals(faces, ("single",))[3] == "single (4)"


def test_names_that_programs_make_up_are_nobody_s():
    names = ["track_0", "individual2", "Face 1", "", " ", "animal", "Mick"]
    assert [name for name in identities(names).values() if name] == ["Mick"]


@pytest.mark.parametrize("key", ["deeplabcut", "deeplabcut-tracks"])
def test_landmarks_that_deeplabcut_gives_to_no_animal_are_left_out(key, tmp_path):
    video = of_people("anna", "ben")
    as_csv, _ = FORMATS[key].write([video], tmp_path)
    head, individual, bodyparts, *rest = as_csv.read_text("utf-8").splitlines()
    parts = bodyparts.split(",")
    half = sum(part.startswith("lm") for part in parts) // 2
    parts[-half:] = [f"corner_{part}" for part in parts[-half:]]
    text = [head, individual.replace("ben", "single"), ",".join(parts), *rest]
    as_csv.write_text("\n".join(text) + "\n", "utf-8")
    assert [face.identity for face in FORMATS[key].read(as_csv, video)] == ["anna"]
