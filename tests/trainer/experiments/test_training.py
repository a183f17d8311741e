from dataclasses import replace

import pytest
import torch
from training_fixtures import made_faces

from trainer.engine import Trainer, TrainingData
from trainer.errors import RedError
from trainer.experiments.training import Variant, Workshop, anonymous, tuned
from trainer.experiments.words import spent


def tiny(name="tiny", **network):
    config = tuned(width=0.0625, **network)
    first, second, third = config.train.stages
    stages = (replace(first, batch=4), replace(second, batch=4), third)
    return Variant(name, replace(config, train=replace(config.train, stages=stages)))


def test_a_budget_of_passes_becomes_whole_updates(tmp_path):
    seen = []
    workshop = Workshop(tmp_path, seen.append)
    trained = workshop.train(tiny(), TrainingData(anonymous(made_faces())), 11, 0)
    assert (trained.updates, trained.passes) == (2, 8)
    assert len(seen) == 2
    assert "update 2 of 2" in seen[-1]


def test_a_budget_below_one_update_is_refused_in_words(tmp_path):
    with pytest.raises(RedError, match="--budget 3: not one update of 4"):
        Workshop(tmp_path).train(tiny(), TrainingData(made_faces()), 3, 0)


def test_a_finished_variant_is_opened_and_not_trained_again(tmp_path, monkeypatch):
    data = TrainingData(anonymous(made_faces()))
    looks = []

    def watch(model):
        looks.append(1)
        return {"accuracy": float(len(looks))}

    def run():
        return Workshop(tmp_path).train(tiny(), data, 8, 0, watch=watch, watch_times=2)

    first = run()
    assert first.watched == {0: {"accuracy": 1}, 1: {"accuracy": 2}, 2: {"accuracy": 3}}
    monkeypatch.setattr(Trainer, "run", lambda self: pytest.fail("trained again"))
    second = run()
    assert (second.watched, second.losses, len(looks)) == (first.watched, first.losses, 3)
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"passes": 12},
        {"variant": tiny(temporal="add")},
        {"variant": tiny("other name")},
        {"made_with": "another network"},
    ],
)
def test_another_variant_seed_or_budget_has_a_run_of_its_own(tmp_path, other):
    data = TrainingData(anonymous(made_faces()))
    usual = {"variant": tiny(), "data": data, "passes": 8, "seed": 0}
    keys = {Workshop(tmp_path).train(**values).key for values in (usual, {**usual, **other})}
    assert len(keys) == 2


def test_a_variant_starts_from_its_parents_weights(tmp_path):
    data = TrainingData(anonymous(made_faces()))
    workshop = Workshop(tmp_path)
    parent = workshop.train(tiny(), data, 8, 0)
    still = tiny("still")
    stages = tuple(replace(s, learning_rate=0.0) for s in still.config.train.stages)
    config = replace(still.config, train=replace(still.config.train, stages=stages))
    child = workshop.train(replace(still, config=config), data, 8, 1, parent=parent)
    own, theirs = child.model.encoder.parameters(), parent.model.encoder.parameters()
    assert all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))


def test_adapt_changes_the_batches_that_are_learnt_from(tmp_path):
    data = TrainingData(anonymous(made_faces()))
    seen = []

    def blank(batch, rng):
        seen.append(batch.starts.clone())
        return replace(batch, starts=torch.full_like(batch.starts, torch.nan))

    plain = Workshop(tmp_path).train(tiny("plain"), data, 8, 0)
    changed = Workshop(tmp_path).train(replace(tiny("blank"), adapt=blank), data, 8, 0)
    assert len(seen) == 2
    assert any(
        not torch.equal(a, b)
        for a, b in zip(plain.model.parameters(), changed.model.parameters(), strict=True)
    )


def test_what_training_took_is_told_with_its_device(tmp_path):
    data = TrainingData(anonymous(made_faces()))
    trained = Workshop(tmp_path).train(tiny(), data, 8, 0)
    assert trained.device == "cpu"
    told = spent([trained, trained], trained)
    assert "GPU" not in told
    assert "no f_REG" in told
    elsewhere = replace(trained, device="cuda")
    told = spent([trained, elsewhere], trained, regression=True)
    assert "beside a GPU's time for 1 of 2 networks" in told
    assert "with f_REG" in told
