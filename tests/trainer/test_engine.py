import csv
from dataclasses import replace

import pytest
import torch
from training_fixtures import made_faces, tiny_config

from trainer import engine
from trainer.checkpoint import load_model, load_tensors
from trainer.config import RED_LITE, RED_PAPER
from trainer.data.clips import MovedStills
from trainer.engine import Trainer, TrainingData, TrainingError, TrainOptions
from trainer.scheme import POINTS7


def trainer_in(folder, *, base=RED_LITE, stop_after=None, **options):
    faces = made_faces()
    config = tiny_config(base)
    clips = MovedStills(faces, POINTS7, config.train.clip_frames, config.train.clips_per_video)
    count = iter(range(10**6))
    stop = None if stop_after is None else lambda: next(count) >= stop_after
    settings = TrainOptions(validate_every=3, log_every=1, should_stop=stop, **options)
    return Trainer(config, TrainingData(faces, clips, made_faces(6)), folder, settings)


def weights(folder):
    return load_tensors(folder / "model.safetensors")[0]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    assert trainer_in(folder).run()
    return folder


def test_a_run_writes_a_model_that_opens_and_says_how_it_came_to_be(unbroken):
    loaded = load_model(unbroken / "model.safetensors")
    assert loaded.info["stage"] == 3
    assert loaded.info["clips"] == "moved stills"
    assert loaded.info["config"]["name"] == "red-lite"
    assert loaded.model.config.n_identities == 6
    assert {"nme_step1", "nme_step2", "nme_regression"} <= loaded.info["validation"].keys()
    assert (unbroken / "curves.png").stat().st_size > 1000


def test_the_same_seed_gives_the_same_model(unbroken, tmp_path):
    trainer_in(tmp_path).run()
    assert same(weights(unbroken), weights(tmp_path))


def test_another_seed_gives_another_model(unbroken, tmp_path):
    trainer_in(tmp_path, seed=1).run()
    assert not same(weights(unbroken), weights(tmp_path))


@pytest.mark.parametrize("stop_after", [1, 4, 8, 11])
def test_a_stopped_run_ends_like_an_unbroken_one(unbroken, tmp_path, stop_after):
    assert not trainer_in(tmp_path, stop_after=stop_after).run()
    assert trainer_in(tmp_path).run()
    assert same(weights(unbroken), weights(tmp_path))
    assert (tmp_path / "curves.csv").read_text() == (unbroken / "curves.csv").read_text()


def test_a_run_killed_between_checkpoints_ends_like_an_unbroken_one(
    unbroken, tmp_path, monkeypatch
):
    killed = trainer_in(tmp_path)
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    update, calls = killed._update, iter(range(100))

    def dies(stage, steps, made):
        number = next(calls)
        if number == 3:
            monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 1e9)
        if number == 5:
            raise KeyboardInterrupt
        return update(stage, steps, made)

    monkeypatch.setattr(killed, "_update", dies)
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    assert load_tensors(tmp_path / engine.STATE_FILE)[1]["step"] == 3
    assert trainer_in(tmp_path).run()
    assert same(weights(unbroken), weights(tmp_path))
    assert (tmp_path / "curves.csv").read_text() == (unbroken / "curves.csv").read_text()


def test_stage_1_leaves_the_later_modules_alone(tmp_path):
    trained = trainer_in(tmp_path, stages=(1,))
    before = {k: v.clone() for k, v in trained.model.state_dict().items()}
    trained.run()
    after = trained.model.state_dict()
    changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"encoder", "decoder", "regression"}
    assert load_model(tmp_path / "stage1.safetensors").model.temporal is None


def test_stage_3_trains_everything_and_keeps_batch_norms_statistics(tmp_path):
    trained = trainer_in(tmp_path, stages=(3,))
    before = {k: v.clone() for k, v in trained.model.state_dict().items()}
    trained.run()
    after = trained.model.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert {"encoder", "decoder", "regression", "identity", "temporal"} == {
        k.split(".")[0] for k in changed
    }
    assert not any("running" in k for k in changed)


def test_the_papers_schedule_falls_by_a_fifth_every_ten_epochs(tmp_path):
    run = trainer_in(tmp_path, base=RED_PAPER)
    epoch = run.batches.an_epoch(1)
    factors = []
    for passed in (0, 9.9, 10, 20):
        run.step = int(passed * epoch)
        factors.append(run._rate_factor(1, 30 * epoch))
    assert factors == pytest.approx([1, 1, 0.8, 0.64])


def test_the_papers_way_of_learning_runs_through_all_stages(tmp_path):
    assert trainer_in(tmp_path, base=RED_PAPER).run()
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == sorted(row["stage"] for row in rows)
    assert all(float(row["loss"]) > 0 for row in rows)


def test_a_damaged_state_is_named_and_left_alone(tmp_path):
    trainer_in(tmp_path, stop_after=1).run()
    state = tmp_path / engine.STATE_FILE
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"state\.safetensors: .*delete this file"):
        trainer_in(tmp_path).run()
    assert state.stat().st_size == 1000


def test_a_folder_with_another_run_is_refused_and_left_alone(unbroken, tmp_path):
    trainer_in(tmp_path, stop_after=1).run()
    kept = (tmp_path / engine.STATE_FILE).read_bytes()
    with pytest.raises(TrainingError, match="another seed"):
        trainer_in(tmp_path, seed=9).run()
    assert (tmp_path / engine.STATE_FILE).read_bytes() == kept


def test_stage_3_without_clips_says_what_to_give(tmp_path):
    data = TrainingData(made_faces())
    with pytest.raises(TrainingError, match="--clips-from-stills"):
        Trainer(tiny_config(), data, tmp_path, TrainOptions())


def test_too_few_people_for_a_batch_is_said(tmp_path):
    faces = made_faces(n=6, people=2)
    with pytest.raises(TrainingError, match="can't fill a batch of 4"):
        Trainer(tiny_config(), TrainingData(faces), tmp_path, TrainOptions(stages=(1,))).run()


def test_training_lowers_the_loss(tmp_path):
    config = tiny_config()
    first = replace(config.train.stages[0], epochs=4, learning_rate=3e-3)
    train = replace(config.train, stages=(first, *config.train.stages[1:]))
    seen = []
    options = TrainOptions(stages=(1,), on_progress=lambda p: seen.append(p.losses["loss"]))
    Trainer(replace(config, train=train), TrainingData(made_faces()), tmp_path, options).run()
    assert sum(seen[-10:]) < 0.9 * sum(seen[:10])
