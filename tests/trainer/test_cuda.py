"""What CUDA does has to be what a CPU does; these tests need a GPU and skip themselves without."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_fixtures import made_faces, tiny_config

from trainer.checkpoint import load_model
from trainer.data.clips import MovedStills
from trainer.devices import Runner
from trainer.engine import Trainer, TrainingData, TrainOptions
from trainer.experiments.teaching import Teacher
from trainer.replay import load_replay
from trainer.scheme import POINTS7
from trainer.validation import centre_crops

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(scope="module")
def faces():
    """(16, 128, 128, 3) crops of rendered heads."""
    return torch.from_numpy(np.ascontiguousarray(centre_crops(load_replay().gate)[0][:16]))


def answers(device, precision, faces):
    runner = Runner(load_model("red-lite").model, torch.device(device), precision)
    first = runner.align(faces.to(device), None, None)
    again = runner.align(faces.to(device), first.landmarks, first.state, tracked=True)
    return [one.float().cpu().numpy() for one in (first.landmarks, again.landmarks)]


def test_a_gpu_finds_what_a_cpu_finds(faces):
    for ours, theirs in zip(
        answers("cuda", "fp32", faces), answers("cpu", "fp32", faces), strict=True
    ):
        away = np.linalg.norm(ours - theirs, axis=-1)  # convolutions round to TF32 there
        assert np.median(away) < 0.05
        assert np.quantile(away, 0.99) < 1


def test_half_precision_moves_landmarks_by_less_than_a_pixel(faces):
    for ours, theirs in zip(
        answers("cuda", "bf16", faces), answers("cpu", "fp32", faces), strict=True
    ):
        assert np.median(np.linalg.norm(ours - theirs, axis=-1)) < 0.5


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_all_three_stages_learn_on_a_gpu(tmp_path, precision):
    made, config = made_faces(), tiny_config()
    clips = MovedStills(made, POINTS7, config.train.clip_frames, config.train.clips_per_video)
    losses = []
    options = TrainOptions(
        device=torch.device("cuda"), precision=precision, log_every=1, validate_every=100,
        on_progress=lambda progress: losses.append(progress.losses["loss"]),
    )  # fmt: skip
    trainer = Trainer(config, TrainingData(made, clips, made_faces(6)), tmp_path, options)
    assert trainer.run()
    assert np.isfinite(losses).all()
    assert load_model(tmp_path / "model.safetensors").info["stage"] == 3


def test_a_teacher_teaches_on_a_gpu(tmp_path):
    teacher = load_model("red-lite", "cuda").model
    config = tiny_config(n_landmarks=68)
    options = TrainOptions(
        stages=(1,), device=torch.device("cuda"), adapt=Teacher(teacher, precision=torch.bfloat16)
    )
    data = TrainingData(made_faces(n_landmarks=68), None, None)
    assert Trainer(config, data, tmp_path, options).run()
