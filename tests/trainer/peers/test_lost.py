import imageio.v3 as iio
import numpy as np

from trainer.peers.clips import Clip
from trainer.peers.lost import OURS_COLOUR, SIDE, THEIRS_COLOUR, draw_lost
from trainer.peers.stills import OURS

NOBODY = np.empty((0, 68, 2), np.float32)


def face(x, y, size=30):
    ring = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = np.stack([np.cos(ring), np.sin(ring)], axis=-1) * size / 2 + (x, y)
    return points[None].astype(np.float32)


def test_only_faces_that_ours_lacks_are_drawn(tmp_path):
    clip = Clip("talk.mp4", "talk", [np.full((120, 160, 3), 90, np.uint8)] * 2, faces=2)
    found = {
        OURS: [face(40, 60), NOBODY],
        "one": [face(41, 61), NOBODY],
        "two": [np.concatenate([face(40, 60), face(85, 60)]), face(80, 60)],
    }
    assert draw_lost(clip, found, tmp_path / "lost") == 2
    names = sorted(path.name for path in (tmp_path / "lost").iterdir())
    assert names == ["talk_0000_two_1.png", "talk_0001_two_0.png"]
    first, second = (iio.imread(tmp_path / "lost" / name) for name in names)
    assert first.shape == (SIDE, SIDE, 3)
    for drawn, ours in ((first, True), (second, False)):
        middle = drawn[SIDE // 3 - 8 : SIDE * 2 // 3 + 8, SIDE // 3 - 8 : SIDE * 2 // 3 + 8]
        assert (middle == THEIRS_COLOUR).all(axis=-1).any()
        assert (drawn == OURS_COLOUR).all(axis=-1).any() == ours


def test_nothing_lost_leaves_no_folder(tmp_path):
    clip = Clip("talk.mp4", "talk", [np.zeros((120, 160, 3), np.uint8)])
    found = {OURS: [face(40, 60)], "one": [face(40, 60)]}
    assert draw_lost(clip, found, tmp_path / "lost") == 0
    assert not (tmp_path / "lost").exists()
