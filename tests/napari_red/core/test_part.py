"""What edits do where only a part of a video is worked on."""

import numpy as np
import pytest
from two_faces import session, shape

from napari_red.core import edits
from napari_red.core.edits import EditError
from napari_red.core.marks import MARKS, Marks
from napari_red.core.part import frame_before, in_words, within
from napari_red.core.reviewed import Reviewed
from napari_red.core.session import Session

__all__ = ["session"]


@pytest.fixture
def part(session):
    """The session with only a part worked on: ``part(start, stop, stride)``."""

    def make(start, stop, stride):
        project, video = session.opened()
        project.set_video(video.id, start=start, stop=stop, stride=stride)
        again = Session(session.video, project=project)
        assert again.wanted == range(start, stop, stride)
        return again

    return make


def test_the_frames_of_a_stretch_are_those_that_are_worked_on():
    wanted = range(4, 40, 3)
    for first in range(45):
        for stop in range(first, 45):
            expected = [frame for frame in wanted if first <= frame < stop]
            assert list(within(wanted, first, stop)) == expected


def test_the_frame_before_is_worked_on_inside_the_part_and_the_next_one_outside():
    wanted = range(4, 40, 3)
    assert [frame_before(wanted, frame) for frame in (7, 8, 10, 38, 39)] == [4, 7, 7, 37, 37]
    assert [frame_before(wanted, frame) for frame in (0, 3, 4, 40, 41)] == [-1, 2, 3, 39, 40]
    assert frame_before(range(9, 3), 5) == 4


def test_frames_are_said_counted_from_one():
    assert in_words(range(4, 5)) == "Frame 5"
    assert in_words(range(4, 40)) == "Frames 5 to 40"
    assert in_words(range(4, 40, 3)) == "Frames 5 to 38 (one in 3)"


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    "frames",
    [
        range(0),
        range(5, 6),
        range(1000, 3000, 7),
        range(1023, 1025),
        range(MARKS, 2 * MARKS),
        range(3, 9000, 2500),
    ],
)
def test_a_stretch_with_a_stride_is_marked_over_blocks(frames, value):
    before = Marks({1: np.arange(MARKS) % 2 == 0})
    expected = before.as_array(9000)
    expected[list(frames)] = value
    after = Marks(before.blocks | before.changed(frames, value))
    np.testing.assert_array_equal(after.as_array(9000), expected)


@pytest.mark.parametrize(("stride", "frame"), [(1, 20), (3, 20), (3, 90)])
def test_accepting_up_to_a_frame_marks_only_what_is_worked_on(part, stride, frame):
    session = part(4, 40, stride)
    session.move(2, 0, {0: (5.0, 5.0)})
    marked = edits.accept_up_to(session, frame)
    assert list(marked) == [one for one in session.wanted if one <= frame]
    for face in (0, 1):
        assert session.track(face).accepted.frames() == list(marked)
    left = len(session.wanted) - len(marked)
    assert edits.counts(session) == Reviewed(len(marked), 0, left)
    assert session.undo() is not None
    assert session.track(0).accepted.count == 0
    assert session.redo() is not None
    assert session.track(0).accepted.frames() == list(marked)


def test_accepting_up_to_a_frame_before_the_part_is_refused(part):
    session = part(4, 40, 3)
    with pytest.raises(EditError, match="frame 4: no frame up to this one is worked on"):
        edits.accept_up_to(session, 3)
    assert session.track(0).accepted.count == 0


def test_interpolating_fills_only_what_is_worked_on(part):
    session = part(4, 400, 3)
    for frame, value in ((310, 0), (331, 84), (334, 84)):
        session.move(frame, 0, dict(enumerate(map(tuple, shape(value).tolist()))))
    assert edits.interpolate(session, 320, 0) == (310, 331)
    found = [n for n in range(300, 400) if np.isfinite(session.view(n).landmarks[0]).all()]
    assert found == [310, 313, 316, 319, 322, 325, 328, 331, 334]
    np.testing.assert_allclose(session.view(313).landmarks[0], shape(12), atol=1 / 64)
    steps = session.can_undo()
    assert edits.interpolate(session, 332, 0) == (331, 334)
    assert session.can_undo() == steps
