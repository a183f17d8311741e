"""Model files: what goes in comes out, nothing else does, and no code runs."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from trainer.checkpoint import (
    ModelError,
    available_models,
    load_model,
    load_tensors,
    save_model,
    save_tensors,
)
from trainer.config import ConfigError, NetworkConfig, config_for, to_dict
from trainer.errors import RedError
from trainer.models.rednet import RedNet

TINY = NetworkConfig(n_landmarks=7, width=0.0625, temporal="add", n_identities=3)


@pytest.fixture
def model() -> RedNet:
    torch.manual_seed(0)
    network = RedNet(TINY).eval()
    network.mean_shape.uniform_(0.2, 0.8)
    for buffer in network.buffers():
        if buffer.is_floating_point() and buffer.ndim == 1:
            buffer.add_(torch.rand_like(buffer))
    return network


@pytest.fixture
def file(model: RedNet, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_model(path, model, {"data": ["faces of nobody"], "metrics": {"nme": 4.2}})
    return path


def test_model_comes_back_as_it_was(model: RedNet, file: Path) -> None:
    loaded = load_model(file)
    assert loaded.name == "mine"
    assert loaded.model.config == model.config
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())
    images = torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8)
    half = RedNet(TINY).eval()
    half.load_state_dict(
        {
            k: v if (v.ndim < 2 and "running" in k) or k == "mean_shape" else v.half().float()
            for k, v in model.state_dict().items()
            if not k.endswith("num_batches_tracked")
        },
        strict=False,
    )
    expected, actual = half.align(images), loaded.model.align(images)
    torch.testing.assert_close(actual.landmarks, expected.landmarks, atol=1e-2, rtol=0)


def test_model_says_how_it_came_to_be(file: Path) -> None:
    info = load_model(file).info
    assert info["data"] == ["faces of nobody"]
    assert info["metrics"] == {"nme": 4.2}
    assert info["network"]["n_landmarks"] == 7


def test_statistics_and_mean_shape_keep_full_precision(model: RedNet, file: Path) -> None:
    loaded = load_model(file).model.state_dict()
    for name, value in model.state_dict().items():
        if name == "mean_shape" or "running" in name:
            assert torch.equal(loaded[name], value), name


def test_weights_are_stored_in_two_bytes(model: RedNet, file: Path) -> None:
    numbers = sum(p.numel() for p in model.parameters())
    assert file.stat().st_size < 2.2 * numbers + 200_000
    with safe_open(file, "pt") as opened:
        assert opened.get_tensor("encoder.groups.0.0.0.weight").dtype == torch.float16


def test_every_named_config_survives_the_file(tmp_path: Path) -> None:
    network = replace(config_for("red-lite").network, width=0.0625, n_landmarks=7)
    save_model(tmp_path / "a.safetensors", RedNet(network))
    assert load_model(tmp_path / "a.safetensors").model.config == network


@pytest.mark.parametrize("name", ["red-huge", "", "RED-LITE", "some/folder/model"])
def test_unknown_model_is_named_with_those_that_are_known(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(name)
    assert f"'{name}'" in str(caught.value)
    for known in available_models():
        assert known in str(caught.value)
    assert ".safetensors" in str(caught.value)


def test_how_its_training_labels_lay_is_in_the_file(model: RedNet, file: Path) -> None:
    assert load_model(file).label_shift == (0, 0)
    save_model(file, model, {"label_shift": [1.5, 0.25]})
    assert load_model(file).label_shift == (1.5, 0.25)


@pytest.mark.parametrize("said", ["right", [1], [1, 2, 3], [1, None], [1, float("inf")], {}])
def test_what_is_no_shift_of_labels_is_refused(model: RedNet, file: Path, said: object) -> None:
    save_model(file, model, {"label_shift": said})
    with pytest.raises(ModelError, match="label_shift isn't two numbers; copy the file again"):
        load_model(file).label_shift  # noqa: B018


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.safetensors: no such model file; check the path"):
        load_model(tmp_path / "gone.safetensors")


def test_model_of_another_number_of_landmarks_is_refused(file: Path) -> None:
    assert load_model(file, n_landmarks=7).model.config.n_landmarks == 7
    with pytest.raises(
        ModelError, match=r"mine\.safetensors: a model of 7 landmarks, needed are 68; choose"
    ):
        load_model(file, n_landmarks=68)


def test_weights_that_do_not_fit_their_configuration_are_refused(
    model: RedNet, file: Path, tmp_path: Path
) -> None:
    tensors, header = load_tensors(file)
    wrong_landmarks = {**header, "network": {**header["network"], "n_landmarks": 68}}
    save_tensors(tmp_path / "a.safetensors", tensors, wrong_landmarks)
    lost = {k: v for k, v in tensors.items() if k != "regression.linear.bias"}
    save_tensors(tmp_path / "b.safetensors", lost, header)
    save_tensors(tmp_path / "c.safetensors", {**tensors, "extra": torch.ones(1)}, header)
    for name in "abc":
        with pytest.raises(ModelError, match=rf"{name}\.safetensors: weights and config.*don't"):
            load_model(tmp_path / f"{name}.safetensors")


def test_configuration_of_a_newer_version_is_refused(
    model: RedNet, file: Path, tmp_path: Path
) -> None:
    tensors, header = load_tensors(file)
    newer = {**header, "network": {**header["network"], "telepathy": True}}
    save_tensors(tmp_path / "a.safetensors", tensors, newer)
    with pytest.raises(RedError, match=r"telepathy.*update napari-red") as caught:
        load_model(tmp_path / "a.safetensors")
    assert isinstance(caught.value, ModelError | ConfigError)


def test_training_checkpoint_is_not_a_finished_model(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", {"x": torch.ones(2)}, {"stage": 1})
    with pytest.raises(ModelError, match="isn't a finished model"):
        load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.99])
def test_file_cut_short_is_refused(file: Path, kept: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(ModelError, match=r"mine\.safetensors: isn't a readable model file"):
        load_model(file)


def test_other_files_under_that_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("# not a model\n" * 100)
    with pytest.raises(ModelError, match="isn't a readable model file"):
        load_model(path)
    save_file({"x": torch.ones(2)}, path)
    with pytest.raises(ModelError, match="not a napari-red model"):
        load_model(path)
    save_file({"x": torch.ones(2)}, path, {"format": "napari-red model 1", "header": "{not json"})
    with pytest.raises(ModelError, match="isn't a readable model file"):
        load_model(path)


class Bomb:
    """Runs a command as soon as it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def test_loading_executes_no_code(tmp_path: Path) -> None:
    evidence = tmp_path / "code ran"
    plain, zipped = tmp_path / "plain.safetensors", tmp_path / "zipped.safetensors"
    plain.write_bytes(pickle.dumps(Bomb(evidence)))
    torch.save({"model": Bomb(evidence)}, zipped)
    for path in (plain, zipped):
        with pytest.raises(ModelError):
            load_model(path)
    assert not evidence.exists()
    pickle.loads(plain.read_bytes())
    assert evidence.exists(), "the bomb itself works"


def test_header_is_only_ever_read_as_values(model: RedNet, tmp_path: Path) -> None:
    note = "__import__('os').mkdir('/code-ran')"
    save_model(tmp_path / "a.safetensors", model, {"note": note})
    assert load_model(tmp_path / "a.safetensors").info["note"] == note
    with safe_open(tmp_path / "a.safetensors", "pt") as opened:
        header = json.loads(opened.metadata()["header"])
    assert header["network"] == json.loads(json.dumps(to_dict(model.config)))


def test_interrupted_saving_keeps_the_model_that_was_there(
    model: RedNet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", disk_full)
    with pytest.raises(ModelError, match=r"mine\.safetensors: can't be written \(No space left"):
        save_model(file, model)
    assert file.read_bytes() == before


def test_a_disk_that_gets_full_is_said_and_nothing_is_left_there(
    model: RedNet, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ModelError, match=r"a\.safetensors: can't be written.*make room"):
            save_model(tmp_path / "a.safetensors", model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_compact_file_is_smaller_and_answers_alike(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = RedNet(replace(TINY, width=0.25)).eval()
    full, compact = tmp_path / "full.safetensors", tmp_path / "compact.safetensors"
    save_model(full, network)
    save_model(compact, network, {"compact": True})
    assert compact.stat().st_size < 0.6 * full.stat().st_size
    loaded = load_model(compact).model
    for name, weight in network.named_parameters():
        # Half of one of the 254 steps between a channel's largest weight and its opposite.
        step = weight.detach().abs().flatten(1).amax(1) / 127 if weight.ndim > 1 else None
        away = (dict(loaded.named_parameters())[name] - weight.detach()).abs()
        if step is None:
            assert away.max() < 1e-3
        else:
            assert (away.flatten(1).amax(1) <= 0.5 * step + 1e-3 * step).all()
    for name, value in network.named_buffers():
        if "running" in name:
            assert torch.equal(dict(loaded.named_buffers())[name], value)


def test_a_compact_file_saved_again_is_the_same(tmp_path: Path) -> None:
    torch.manual_seed(1)
    info = {"compact": True}
    save_model(tmp_path / "a.safetensors", RedNet(replace(TINY, width=0.25)), info)
    save_model(tmp_path / "b.safetensors", load_model(tmp_path / "a.safetensors").model, info)
    first, again = (load_tensors(tmp_path / f"{n}.safetensors")[0] for n in "ab")
    assert first.keys() == again.keys()
    whole = [name for name in first if name.endswith("|int8")]
    assert len(whole) > 20
    assert all(torch.equal(first[name], again[name]) for name in whole)


def test_a_compact_file_without_a_scale_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(path, RedNet(replace(TINY, width=0.25)), {"compact": True})
    tensors, header = load_tensors(path)
    tensors.pop(next(name for name in tensors if name.endswith("|scale")))
    save_tensors(path, tensors, header)
    with pytest.raises(ModelError, match="weights and configuration don't fit"):
        load_model(path)


def test_folder_that_cannot_be_made_is_said(model: RedNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"can't be written.*may write to"):
        save_model(tmp_path / "file" / "a.safetensors", model)


@pytest.mark.parametrize("name", available_models())
def test_shipped_model_loads_and_is_small(name: str) -> None:
    loaded = load_model(name)
    assert loaded.model.config.n_landmarks in (7, 68)
    assert loaded.info["data"]
    path = Path(load_model.__code__.co_filename).parent / "weights" / f"{name}.safetensors"
    assert path.stat().st_size <= (36e6 if loaded.info.get("compact") else 20e6)
