import threading
from dataclasses import replace

import pytest
import torch
from training_fixtures import made_faces, tiny_config

from trainer.batch_maker import BatchMaker, TrainingData, made_ahead
from trainer.data.clips import MovedStills
from trainer.learner import TrainingError
from trainer.scheme import POINTS7


def maker(faces=None):
    train = tiny_config().train
    faces = faces or made_faces()
    clips = MovedStills(faces, POINTS7, train.clip_frames, train.clips_per_video)
    return BatchMaker(train, TrainingData(faces, clips), torch.full((1, 7, 2), 64.0), 3)


def alike(one, other):
    return (
        torch.equal(one.batch.images, other.batch.images)
        and torch.equal(one.batch.starts.nan_to_num(), other.batch.starts.nan_to_num())
        and one.dropout == other.dropout
        and torch.equal(one.rng.get_state(), other.rng.get_state())
    )


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_threads_make_the_same_batches_in_the_same_order(stage):
    alone = list(made_ahead(maker(), stage, 2, 13, 0))
    beside = list(made_ahead(maker(), stage, 2, 13, 3))
    assert len(alone) == len(beside) == 11
    assert all(alike(one, other) for one, other in zip(alone, beside, strict=True))
    assert not alike(alone[0], alone[1])


@pytest.mark.parametrize(("first", "end"), [(0, 1), (5, 5), (0, 6), (0, 7)])
def test_few_batches_are_all_made(first, end):
    assert len(list(made_ahead(maker(), 1, first, end, 3))) == end - first


def test_what_goes_wrong_in_a_thread_comes_out_in_its_turn():
    made = maker()
    make = made.make
    made.make = lambda stage, step: 1 / 0 if step == 3 else make(stage, step)
    batches = made_ahead(made, 1, 0, 20, 2)
    for _ in range(3):
        next(batches)
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_no_thread_outlives_a_run_that_is_stopped():
    batches = made_ahead(maker(), 1, 0, 1000, 2)
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_too_few_people_for_a_batch_are_said():
    faces = replace(made_faces(), groups=["one person"] * 12)
    with pytest.raises(TrainingError, match="1 people or photos can't fill a batch of 4"):
        maker(faces).make(1, 0)
