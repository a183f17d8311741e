import pytest
import torch

from napari_red.core import model_store
from napari_red.core.model_store import ModelStoreError
from napari_red.core.project import Project
from napari_red.core.settings_table import remember
from trainer.checkpoint import save_tensors
from trainer.errors import RedError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(model_store.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    with Project(tmp_path / "p.red") as project:
        yield project


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.safetensors"
    save_tensors(path, {"w": torch.ones(3)}, {"network": {}})
    return path


def test_a_model_lives_in_the_project_file(project, file):
    added = model_store.add_model(project, file, details={"gate": {"accepted": True}})
    content = file.read_bytes()
    file.unlink()
    project.close()
    with Project(project.path) as again:
        (version,) = model_store.versions(again)
        assert version == added
        assert version.name == "model 1"
        assert version.details["gate"]["accepted"]
        assert model_store.model_file(again, version).read_bytes() == content


def test_the_shipped_model_is_used_until_another_is_chosen_and_can_be_gone_back_to(project, file):
    assert model_store.current_file(project) == ("red-lite", "red-lite")
    version = model_store.add_model(project, file)
    model_store.use(project, version)
    assert model_store.current(project) == version
    assert model_store.current_file(project)[0] == "model 1"
    model_store.use(project, "red-lite")
    assert model_store.current(project) is None
    assert model_store.current_file(project) == ("red-lite", "red-lite")


def test_another_model_that_ships_is_used_and_remembered(project):
    model_store.use(project, "red-wide")
    project.close()
    with Project(project.path) as again:
        assert model_store.current(again) is None
        assert model_store.current_name(again) == "red-wide"
        assert model_store.current_file(again) == ("red-wide", "red-wide")
        with pytest.raises(ModelStoreError, match="red-huge: no model that ships; choose one of"):
            model_store.use(again, "red-huge")


def test_a_model_that_no_longer_ships_gives_way_to_the_default(project):
    remember(project, "model", "red-old")
    assert model_store.current_file(project) == ("red-lite", "red-lite")


def test_renaming_a_model_renames_what_it_predicted(project, file):
    video = project.add_video("/a.mp4", "print", n_frames=3, height=9, width=9, fps=25.0)
    version = model_store.add_model(project, file)
    run = project.start_run(video.id, version.name, "cpu")
    model_store.rename_model(project, version, "with glasses")
    assert project.run_models(video.id)[run] == "with glasses"
    assert model_store.version_called(project, "with glasses").id == version.id


def test_the_used_model_is_not_deleted_and_another_leaves_nothing(project, file):
    first = model_store.add_model(project, file)
    second = model_store.add_model(project, file, parent=first.id)
    model_store.use(project, first)
    with pytest.raises(ModelStoreError, match="choose another first"):
        model_store.delete_model(project, first)
    model_store.use(project, second)
    model_store.delete_model(project, first)
    (kept,) = model_store.versions(project)
    assert (kept.name, kept.parent) == ("model 2", None)


def test_names_are_taken_once(project, file):
    model_store.add_model(project, file, name="mine")
    with pytest.raises(ModelStoreError, match="choose a name"):
        model_store.add_model(project, file, name="mine")


def test_a_file_that_is_no_model_is_refused(project, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(RedError):
        model_store.add_model(project, tmp_path / "x.safetensors")
    assert model_store.versions(project) == []
