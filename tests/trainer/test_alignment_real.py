"""The model that ships, the embedded detector, and real faces, together."""

from __future__ import annotations

import numpy as np
import pytest
from fake_faces import FakeVideo
from skimage.data import astronaut

from trainer.align_files import align_files
from trainer.alignment import SequentialAligner
from trainer.checkpoint import load_model
from trainer.data.video import open_video


class PhotoVideo(FakeVideo):
    """A photograph seen through a moving window; None is an empty picture."""

    def __init__(self, corners: list) -> None:
        super().__init__(corners, width=260, height=240)
        self.photo = astronaut()

    def _frame(self, number: int) -> np.ndarray:
        corner = self.scenes[number]
        if corner is None:
            return np.full((self.height, self.width, 3), 90, np.uint8)
        x, y = corner
        return np.ascontiguousarray(self.photo[y : y + self.height, x : x + self.width])

    def _frames(self, numbers):
        for number in numbers:
            yield number, self._frame(number)


@pytest.fixture(scope="module")
def aligner() -> SequentialAligner:
    return SequentialAligner(load_model("red-lite"), device="cpu")


def test_a_face_that_leaves_and_comes_back_is_followed_while_it_is_there(aligner):
    there = [(100 + 3 * i, 10 + 2 * i) for i in range(10)]
    video = PhotoVideo([*there, *[None] * 12, *there[::-1]])
    frames = list(aligner.run(video))
    assert [f.boxes[0] is not None for f in frames] == [True] * 10 + [False] * 12 + [True] * 10
    for f in frames:
        if f.boxes[0] is None:
            continue
        x, y = video.scenes[f.frame]
        # Outer eye corners and chin of the photograph, by eye.
        for landmark, place in ((36, (193, 101)), (45, (258, 104)), (8, (222, 179))):
            away = np.linalg.norm(f.landmarks[0, landmark] + (x, y) - place)
            assert away < 9, f"frame {f.frame}, landmark {landmark}"
        assert f.confidence[0].mean() > 0.6  # a probability: drawn solid from there


def test_the_sample_clip_s_face_is_followed(aligner, root):
    clip = root / "napari_red" / "sample" / "talking_face.mp4"
    with open_video(clip) as video:
        frames = list(aligner.run(video, stop=15))
    assert all(f.boxes[0] is not None for f in frames)


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["bbaf2n.mpg", "carphone_pristine.mp4"])
def test_every_frame_of_a_talking_face_is_annotated(data_dir, tmp_path, name):
    summary = align_files([data_dir / "videos" / name], tmp_path, device="cpu")
    (report,) = summary.reports.values()
    assert report["lost"] == []
    assert report["annotated"] == report["frames"] > 0
