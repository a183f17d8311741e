import json

import numpy as np
import pytest
from pushed_fixtures import landmarks_at, picture, write_set

from trainer.data.video_sets import find_annotated_videos
from trainer.pushed_set import (
    ACCEPTED,
    CORRECTED,
    PREDICTED,
    PushedSetError,
    PushedSetWriter,
    clip_window,
    read_pushed_set,
)


def edited(folder, change):
    path = folder / "set.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return folder


def test_what_is_written_is_read(tmp_path):
    visible = np.array([1, 1, 0, 1, 1, 1, 0], bool)
    with PushedSetWriter(tmp_path / "set", 7, parent="red-lite") as writer:
        writer.add_frame(
            "Ada", "a", 0, picture(0), landmarks_at(0), kind=CORRECTED, held_out=True
        )  # fmt: skip
        writer.add_frame(
            "Ada", "a", 9, picture(9), landmarks_at(9), kind=PREDICTED, confidence=np.full(7, 0.25)
        )
        writer.add_frame(
            None, "a", 4, picture(4), landmarks_at(4), kind=ACCEPTED, visible=visible
        )  # fmt: skip
    found = read_pushed_set(tmp_path / "set")
    assert (found.n_landmarks, found.parent, found.replay) == (7, "red-lite", None)
    first, second, third = found.frames
    assert (first.person, first.number, first.kind, first.held_out) == ("Ada", 0, CORRECTED, True)
    assert (second.kind, second.held_out) == (PREDICTED, False)
    np.testing.assert_allclose(second.confidence, 0.25)
    assert third.identity is None
    assert third.person == third.video != first.person
    np.testing.assert_array_equal(third.visible, visible)
    np.testing.assert_allclose(third.landmarks(), landmarks_at(4), atol=1e-3)
    assert np.abs(third.read_image().astype(int) - picture(4)).mean() < 12
    assert [f.number for f in found.looked_at(held_out=False)] == [4]


def test_a_set_is_in_300vws_layout(tmp_path):
    folder = write_set(tmp_path / "set")
    assert (folder / "Ada" / "talk" / "annot" / "000004.pts").is_file()
    assert (folder / "Ada" / "talk" / "predicted" / "000003.pts").is_file()
    first, second = find_annotated_videos(folder)
    assert (first.identity, second.identity) == ("Ada", "Bo")
    assert 3 in first.annotations
    assert 2 not in first.annotations, "a prediction isn't an annotation"
    np.testing.assert_allclose(first.landmarks(3, 7), landmarks_at(3), atol=1e-3)


def test_names_that_no_folder_can_have_are_kept(tmp_path):
    with PushedSetWriter(tmp_path / "set", 7) as writer:
        for name in ("a/b", "a:b", "a?b"):
            writer.add_frame(name, "..", 0, picture(0), landmarks_at(0), kind=CORRECTED)
    found = read_pushed_set(tmp_path / "set")
    assert {f.identity for f in found.frames} == {"a/b", "a:b", "a?b"}
    assert len({f.video for f in found.frames}) == 3
    assert all((tmp_path / "set") in f.image.resolve().parents for f in found.frames)


def test_two_videos_of_one_name_and_person_have_folders_of_their_own(tmp_path):
    with PushedSetWriter(tmp_path / "set", 7) as writer:
        for source, number in ((1, 0), (2, 0), (1, 1), (2, 1)):
            points = landmarks_at(10 * source + number)
            picture_of = picture(10 * source + number)
            writer.add_frame("Ada", "a", number, picture_of, points, kind=CORRECTED, source=source)
    found = read_pushed_set(tmp_path / "set")
    assert [(f.video, f.number) for f in found.frames] == [
        ("Ada/a", 0), ("Ada/a", 1), ("Ada/a~2", 0), ("Ada/a~2", 1),
    ]  # fmt: skip
    for frame, number in zip(found.frames, (10, 11, 20, 21), strict=True):
        np.testing.assert_allclose(frame.landmarks(), landmarks_at(number), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format="something else"), "another version"),
        (lambda v: v.pop("n_landmarks"), "damaged or incomplete"),
        (lambda v: v["videos"][0]["frames"][0].update(kind="guessed"), "kind guessed"),
        (lambda v: v["videos"][0]["frames"][0].update(number=999), "is missing"),
        (lambda v: v["videos"][0]["frames"][0].update(hidden=[7]), "hidden landmark 7 of 7"),
        (lambda v: v["videos"][0]["frames"][0].update(confidence=[1]), "1 confidences of 7"),
        (lambda v: v["videos"][0]["frames"][0].update(held_out=True), "predicted frame is held"),
        (
            lambda v: v["videos"][0]["frames"].append(v["videos"][0]["frames"][0]),
            "is there twice",
        ),
    ],
)
def test_a_broken_set_is_told_apart(tmp_path, change, message):
    folder = edited(write_set(tmp_path / "set"), change)
    with pytest.raises(PushedSetError, match=message):
        read_pushed_set(folder)


def test_a_folder_without_a_set_or_with_half_of_one_is_refused(tmp_path):
    with pytest.raises(PushedSetError, match=r"no set\.json"):
        read_pushed_set(tmp_path)
    (tmp_path / "set.json").write_text("{")
    with pytest.raises(PushedSetError, match="can't be read"):
        read_pushed_set(tmp_path)


def test_the_writer_refuses_what_would_be_wrong_later(tmp_path):
    writer = PushedSetWriter(tmp_path / "set", 7)

    def add(frame=0, landmarks=None, **more):
        points = landmarks_at(0) if landmarks is None else landmarks
        writer.add_frame("Ada", "a", frame, picture(0), points, **{"kind": CORRECTED} | more)

    add()
    with pytest.raises(PushedSetError, match="was added before"):
        add()
    with pytest.raises(PushedSetError, match="needed is"):
        add(1, np.zeros((68, 2)))
    with pytest.raises(PushedSetError, match="kind 'guessed'"):
        add(2, kind="guessed")
    with pytest.raises(PushedSetError, match="can't be held out"):
        add(3, kind=PREDICTED, held_out=True)
    with pytest.raises(PushedSetError, match="isn't empty"):
        PushedSetWriter(tmp_path / "set", 7)


def test_a_clip_has_its_frame_in_the_middle_and_stays_in_the_video():
    assert clip_window(20, 100) == range(15, 25)
    assert clip_window(1, 100) == range(0, 10)
    assert clip_window(99, 100) == range(90, 100)
    assert clip_window(2, 6) == range(0, 6)
