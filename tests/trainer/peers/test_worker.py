import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.peers import worker

ROOT = Path(worker.__file__).parent
SETTINGS = {"mode": "track", "rectangle": [0.0, -0.1, 1.2]}


class Fixed(worker.BoxAligner):
    """Landmarks on a circle in the square; its detector sees what it is told."""

    def __init__(self, settings, seen):
        self.seen = seen
        self.looks = 0
        super().__init__(settings)

    def detect(self, image):
        self.looks += 1
        return list(self.seen)

    def landmarks(self, image, square):
        x0, y0, x1, y1 = square
        angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) / 2.4
        return circle * (x1 - x0) + ((x0 + x1) / 2, (y0 + y1) / 2 + 0.1 * (y1 - y0) / 1.2)


def frame(aligner, size=200):
    seconds = {"detect": 0.0, "landmarks": 0.0}
    return aligner.align(np.zeros((size, size, 3), np.uint8), None, seconds)


def test_the_square_follows_from_the_box():
    aligner = Fixed(SETTINGS, [])
    assert aligner.square(10, 20, 40, 20) == pytest.approx((12, 9, 48, 45))


def test_tracking_looks_only_at_the_start_and_every_tenth_frame():
    aligner = Fixed(SETTINGS, [(60, 60, 120, 120)])
    for _ in range(20):
        (points,) = frame(aligner)
    assert aligner.looks == 2
    np.testing.assert_allclose(points.mean(axis=0), [90, 95], atol=1e-3)


def test_a_track_the_detector_never_confirms_is_given_up():
    aligner = Fixed(SETTINGS, [(60, 60, 120, 120)])
    frame(aligner)
    aligner.seen = []
    counts = [len(frame(aligner)) for _ in range(60)]
    assert counts[45] == 1
    assert counts[55] == 0


def test_a_lost_face_is_looked_for_in_every_frame():
    aligner = Fixed(SETTINGS, [])
    for _ in range(5):
        assert frame(aligner) == []
    assert aligner.looks == 5


def test_another_video_begins_anew():
    aligner = Fixed(SETTINGS, [(60, 60, 120, 120)])
    frame(aligner)
    aligner.seen = []
    aligner.reset()
    assert frame(aligner) == []


@pytest.mark.parametrize(
    ("move", "scale", "good"), [(0, 1, True), (60, 1, False), (0, 2, False), (-120, 1, False)]
)
def test_a_jump_is_no_face(move, scale, good):
    before = np.random.default_rng(0).random((68, 2)) * 100 + 20
    after = (before - 70) * scale + 70 + move
    assert worker.still_a_face(before, after, (200, 200, 3)) == good


def test_both_sides_write_the_same_messages():
    from trainer.peers import process

    assert process.MAGIC == worker.MAGIC


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells it there")
def test_a_workers_memory_is_its_own_not_its_parents():
    held = np.ones(400_000_000, np.uint8)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import worker; print(worker.peak_rss())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5e6 < int(told.stdout) < len(held)
