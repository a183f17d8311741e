import json

import numpy as np
import pytest
import torch
from training_fixtures import made_faces
from typer.testing import CliRunner

from trainer.cli import app
from trainer.data.clips import ClipBatch
from trainer.experiments import following
from trainer.experiments import temporal as module
from trainer.experiments.following import Clip, crop_like, figures, follow, measured_clips
from trainer.geometry import CropTransform, FaceBox
from trainer.models.rednet import AlignOutput
from trainer.models.temporal import TemporalState


class Noise:
    """Clips of noise that remember which were drawn."""

    kind, n_clips, people = "noise", 8, ("a", "b")

    def __init__(self):
        self.drawn = []

    def draw(self, size, seed, number):
        self.drawn.append((seed, number))
        rng = torch.Generator().manual_seed(number)
        crops = torch.rand(10, size, 3, 128, 128, generator=rng) * 255
        landmarks = 30 + 60 * torch.rand(10, size, 7, 2, generator=rng)
        return ClipBatch(crops, landmarks, torch.zeros(size, dtype=torch.long))


def test_every_variant_learns_from_the_same_clips_as_often(tiny_workshop):
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    drawn, updates = [], []
    for mode in module.MODES:
        clips = Noise()
        run = module.train_temporal(tiny_workshop, mode, faces, clips, base, 60, 0)
        assert (run.model.temporal is None) == (mode == "none")
        drawn.append(clips.drawn)
        updates.append((run.updates, run.passes))
    assert drawn[0] == drawn[1] == drawn[2] == [(2, 0), (2, 0), (2, 1)]  # each there and back
    assert updates == [(3, 60)] * 3


class Fixed:
    """Answers what it started from, but is far off the face in calls that are named."""

    def __init__(self, mean, astray=()):
        self.mean_shape, self.mean = torch.zeros(1), mean
        self.astray, self.calls, self.states = astray, 0, []
        self.config = type("Config", (), {"n_landmarks": 68})()

    def mean_start(self, batch):
        return torch.from_numpy(self.mean)[None].expand(batch, -1, -1)

    def parameters(self):
        return iter(())

    def align(self, images, start, *, state, mirrored):
        n = len(images)
        support = torch.ones(n, 68)
        start = start + 500 * (self.calls in self.astray)
        self.calls += 1
        self.states.append(None if state is None else state.hidden[:, 0].tolist())
        count = torch.zeros(n, 1) if state is None else state.hidden
        return AlignOutput(start, start[None], None, support, support, support[..., None],
                           TemporalState(count + 1, count + 1), torch.zeros(n, 1))  # fmt: skip


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    shape = (50 + 20 * rng.standard_normal((68, 2))).astype(np.float32)
    truth = np.stack([shape + (t, 0) for t in range(6)]).astype(np.float32)
    return Clip("p", "common", np.zeros((6, 100, 100, 3), np.uint8), truth)


@pytest.fixture(autouse=True)
def _float32(monkeypatch):
    monkeypatch.setattr(following, "autocast_dtype", lambda model, device: torch.float32)


def test_tracking_starts_from_the_answer_before(clip):
    mean = CropTransform.from_box(FaceBox.around(clip.truth[0])).apply(clip.truth[0])
    network = Fixed(mean)
    (found,) = follow(network, [clip])
    assert network.states == [None, [1], [2], [3], [4], [5]]
    assert found.restarts == 0
    # The answer stands still while the face moves on, so that the error grows.
    assert (np.diff(found.errors[1:]) > 0).all()


def test_a_lost_track_starts_again_from_the_true_box_without_memory(clip):
    mean = CropTransform.from_box(FaceBox.around(clip.truth[0])).apply(clip.truth[0])
    network = Fixed(mean, astray=(2,))
    (found,) = follow(network, [clip])
    assert found.restarts == 1
    assert network.states[3] == [0]
    assert network.states[4] == [1]


def test_a_memory_can_be_wiped_after_every_frame(clip):
    mean = CropTransform.from_box(FaceBox.around(clip.truth[0])).apply(clip.truth[0])
    network = Fixed(mean)
    follow(network, [clip], memory=False)
    assert network.states == [None, [0], [0], [0], [0], [0]]


def test_a_crop_like_the_mean_shape_shows_the_landmarks_where_that_is():
    mean = np.random.default_rng(2).uniform(30, 90, (7, 2)).astype(np.float32)
    landmarks = mean * 2.5 + (300, 40)
    np.testing.assert_allclose(crop_like(landmarks, mean).apply(landmarks), mean, atol=1e-3)


def test_figures_are_over_all_frames():
    one = following.Followed("common", np.array([4.0, 12.0]), 1.0, 0)
    two = following.Followed("common", np.array([4.0, 4.0]), 3.0, 2)
    found = figures([one, two])
    assert (found.frames, found.mean, found.failures) == (4, 6.0, 25.0)
    assert (found.jitter, found.restarts) == (2.0, 2)


def test_clips_are_read_with_their_setting(heads):
    clips = measured_clips(heads / "test", 4, 8)
    assert [c.setting for c in clips] == ["common", "challenging"]
    assert [len(c.truth) for c in clips] == [8, 8]
    assert len({c.person for c in clips}) == 2


def rows(none, add, replaced):
    out = []
    for mode, values in (("none", none), ("add", add), ("replace", replaced)):
        seeds = [
            {s: {"mean": v, "std": v, "failures": v, "jitter": v, "frames": 9, "restarts": 0}
             for s in module.SETTINGS}
            for v in values
        ]  # fmt: skip
        out += module.rows_of(mode, seeds)
    return out


def test_the_answer_takes_the_better_way_and_its_interval():
    better = module.changes_of(rows([5, 5.1, 5], [4, 4.1, 4], [9, 9.1, 9]))
    assert module.answer(better).startswith("Holds. Better of the two is C_pe + C_pe'")
    unsure = module.changes_of(rows([5, 5.1, 5], [5, 5.2, 5], [9, 9.1, 9]))
    assert module.answer(unsure).startswith("Doesn't hold")
    hopeful = module.changes_of(rows([5, 5.1, 5], [4, 6, 5], [9, 9.1, 9]))
    assert module.answer(hopeful).startswith("Not shown")


def test_the_command_writes_table_3(tiny_workshop, stills, heads):
    docs = tiny_workshop.folder / "docs"
    done = CliRunner().invoke(app, [
        "experiments", "temporal", "--data", str(stills), "--heads", str(heads),
        "--work", str(tiny_workshop.folder), "--docs", str(docs), "--seeds", "1",
        "--budget", "20", "--base-budget", "8", "--per-video", "2", "--frames", "4",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    values = json.loads((docs / "results" / "temporal.json").read_text(encoding="utf-8"))
    assert {(r["mode"], r["setting"]) for r in values["rows"]} == {
        (mode, setting) for mode in module.MODES for setting in module.SETTINGS
    }
    assert "<!-- temporal -->" in (docs / "results.md").read_text(encoding="utf-8")
