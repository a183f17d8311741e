from dataclasses import replace

import numpy as np
import pytest
import torch
from training_fixtures import made_faces, tiny_config

from trainer.config import RED_PAPER
from trainer.data.augment import seeded
from trainer.data.clips import MovedStills
from trainer.models.rednet import RedNet
from trainer.scheme import POINTS7
from trainer.stages import batch_loss, clip_batch, still_batch

CONFIG = tiny_config()
MEAN = torch.full((1, 7, 2), 60.0)
CHOSEN = np.array([0, 1, 2, 3])


def stills(**changes):
    train = replace(CONFIG.train, **changes)
    return still_batch(made_faces(), CHOSEN, MEAN, train, seeded(1)), train


def test_landmarks_move_with_the_picture():
    batch, _ = stills(off_face=0.0, strong_augmentation=False)
    for image, points in zip(batch.images, batch.landmarks, strict=True):
        for x, y in points.round().long():
            assert image[:, y - 1 : y + 2, x - 1 : x + 2].max() > 1.5  # the bright dot


def test_a_part_of_the_stills_starts_as_if_tracked():
    batch, _ = stills(off_face=0.0, tracked_starts=1.0)
    distance = (batch.starts - batch.landmarks).norm(dim=-1)
    assert 0.5 < distance.mean() < 8
    batch, _ = stills(off_face=0.0, tracked_starts=0.0)
    assert torch.equal(batch.starts, MEAN.expand(4, -1, -1))


def test_beside_the_face_there_is_nothing_to_find_and_nobody_to_know():
    batch, train = stills(off_face=1.0, tracked_starts=1.0)
    assert batch.landmarks.isnan().all()
    assert (batch.identities == -1).all()
    assert torch.equal(batch.starts, MEAN.expand(4, -1, -1))
    model = RedNet(replace(CONFIG.network, n_identities=6)).train()
    loss, parts = batch_loss(
        model, batch, train, identity_weight=1.0, temporal=False, rng=seeded(2)
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert parts["regression"] == parts["distance"] == parts["identity"] == 0
    grads = [p.grad for p in model.decoder.parameters()]
    assert all(torch.isfinite(g).all() for g in grads)
    assert any(g.abs().max() > 0 for g in grads)


def test_clips_start_each_frame_from_the_one_before():
    clips = MovedStills(made_faces(), POINTS7, 4, 1).draw(3, 0, 0)
    batch = clip_batch(clips, MEAN, seeded(3))
    assert batch.frames == 4
    assert batch.images.shape == (12, 3, 128, 128)
    starts, truth = batch.starts.view(4, 3, 7, 2), clips.landmarks
    to_before = (starts[1:] - truth[:-1]).norm(dim=-1).mean()
    assert to_before < 4
    assert torch.equal(batch.identities.view(4, 3)[2], clips.identities)


def test_clips_beside_the_face_have_no_landmarks():
    clips = MovedStills(made_faces(), POINTS7, 3, 1, off_face=1.0).draw(3, 0, 0)
    assert clips.landmarks.isnan().all()
    assert torch.isfinite(clip_batch(clips, MEAN, seeded(3)).starts).all()


def test_the_papers_loss_is_the_sum_over_all_spatial_steps():
    batch, _ = stills(off_face=0.0)
    model = RedNet(replace(CONFIG.network, steps=3)).eval()
    paper = replace(RED_PAPER.train, regression_weight=0.0)
    total, _ = batch_loss(model, batch, paper, identity_weight=0, temporal=False, rng=seeded(2))
    single = 0.0
    for steps in (1, 2, 3):
        model.config = replace(model.config, steps=steps)
        value, _ = batch_loss(model, batch, paper, identity_weight=0, temporal=False, rng=seeded(2))
        single, last = float(value.detach()), single
        assert single > last
    assert single == pytest.approx(float(total.detach()), rel=1e-5)
