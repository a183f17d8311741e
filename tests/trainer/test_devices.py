"""Choosing where and how the network runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import trainer.devices as devices
from trainer.config import config_for
from trainer.devices import (
    DeviceError,
    Runner,
    choose_precision,
    folded,
    resolve_device,
    torch_threads,
)
from trainer.models.rednet import RedNet


@pytest.fixture(scope="module")
def net() -> RedNet:
    torch.manual_seed(3)
    net = RedNet(config_for("red-lite").network)
    net.train()
    images = torch.randint(0, 255, (2, 128, 128, 3), dtype=torch.uint8)
    for _ in range(3):  # statistics that differ from zero and one
        net.step(net.normalise(images), net.mean_start(2), 0)
    return net.eval()


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 255, (2, 128, 128, 3), dtype=torch.uint8, generator=generator)


def test_auto_is_a_device_that_is_there():
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")


def test_cuda_asked_for_and_not_there_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"'cuda' was asked for.*usable: cpu.*choose 'auto'"):
        resolve_device("cuda")
    assert resolve_device("auto").type != "cuda"


def test_a_cuda_device_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(DeviceError, match="there are 1 CUDA devices"):
        resolve_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(DeviceError, match="choose one of auto, cpu"):
        resolve_device(name)


def test_folding_batch_norm_changes_no_landmark(net, images):
    quick = folded(net)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in quick.modules())
    expected, got = net.align(images), quick.align(images)
    torch.testing.assert_close(got.regression, expected.regression, atol=0.02, rtol=0)
    torch.testing.assert_close(got.landmarks, expected.landmarks, atol=0.02, rtol=0)


def test_bfloat16_gives_float32_landmarks_near_those_of_float32(net, images):
    exact = Runner(net, torch.device("cpu"), "fp32").align(images, None, None)
    quick = Runner(net, torch.device("cpu"), "bf16").align(images, None, None)
    assert quick.landmarks.dtype == torch.float32
    assert (quick.landmarks - exact.landmarks).abs().median() < 1


def test_a_runner_passes_on_what_is_no_network():
    class Fake:
        def align(self, images, start, state=None, steps=None):
            return images, start, state, steps

    runner = Runner(Fake(), torch.device("cpu"))
    assert runner.precision == "fp32"
    for tracked in (False, True):
        passed_on = runner.align("images", "start", "state", tracked=tracked)
        assert passed_on == ("images", "start", "state", None)


@pytest.mark.parametrize(("tracked_steps", "expected"), [(None, 3), (1, 1), (2, 2)])
def test_a_tracked_face_gets_the_steps_configured_for_that(images, tracked_steps, expected):
    network = replace(config_for("red-lite").network, width=0.0625, tracked_steps=tracked_steps)
    runner = Runner(RedNet(network), torch.device("cpu"), "fp32")
    assert len(runner.align(images, None, None).per_step) == 3
    assert len(runner.align(images, None, None, tracked=True).per_step) == expected


def test_the_faster_precision_is_taken_and_remembered(net, tmp_path, monkeypatch):
    asked = []

    def measure(model, precision):
        asked.append(precision)
        return {"fp32": 2.0, "bf16": 1.0}[precision]

    monkeypatch.setattr(devices, "_measure", measure)
    cache = tmp_path / "deep" / "precision.json"
    cpu = torch.device("cpu")
    assert choose_precision(net, cpu, cache) == "bf16"
    assert choose_precision(net, cpu, cache) == "bf16"
    assert asked == ["fp32", "bf16"]
    assert list(json.loads(cache.read_text()).values()) == ["bf16"]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_memory_is_measured_anew(net, tmp_path, monkeypatch, content):
    monkeypatch.setattr(devices, "_measure", lambda model, precision: float(len(precision)))
    cache = tmp_path / "precision.json"
    cache.write_bytes(content)
    assert choose_precision(net, torch.device("cpu"), cache) in ("fp32", "bf16")
    json.loads(cache.read_text())


def test_a_memory_that_cannot_be_written_stops_nothing(net, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "_measure", lambda model, precision: float(len(precision)))
    (tmp_path / "file").write_text("in the way")
    answer = choose_precision(net, torch.device("cpu"), tmp_path / "file" / "precision.json")
    assert answer in ("fp32", "bf16")


def test_the_real_measurement_ends_with_an_answer(net, tmp_path):
    assert choose_precision(net, torch.device("cpu"), tmp_path / "p.json") in ("fp32", "bf16")


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    with torch_threads(None):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before
