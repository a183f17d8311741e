from functools import partial

import pytest
import torch

from napari_red.core import model_store
from napari_red.core.model_names import ModelNameError
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


def test_what_a_deleted_model_had_learned_stays_known_of_those_made_from_it(project, file):
    add = partial(model_store.add_model, project, file)
    first = add(details={"trained": {"1": [3, 5], "2": [8]}, "taught": {"1": [5]}})
    second = add(parent=first.id, details={"trained": {"1": [4]}, "taught": {"1": [4]}})
    older = add(parent=first.id, details={"trained": {"1": [9]}})  # made before "taught" was noted
    other = add(details={"trained": {"1": [7]}})
    model_store.use(project, second)
    model_store.delete_model(project, first)
    kept = {version.id: version.details for version in model_store.versions(project)}
    assert kept[second.id]["trained"] == {"1": [3, 4, 5], "2": [8]}
    assert kept[second.id]["taught"] == {"1": [4, 5]}
    assert kept[older.id]["trained"] == {"1": [3, 5, 9], "2": [8]}
    assert "taught" not in kept[older.id]
    assert kept[other.id]["trained"] == {"1": [7]}


def test_names_are_taken_once(project, file):
    model_store.add_model(project, file, name="mine")
    with pytest.raises(ModelNameError, match="choose a name"):
        model_store.add_model(project, file, name="mine")


@pytest.mark.parametrize("name", ["red-wide", " red-lite ", "  "])
def test_no_model_is_called_like_one_that_ships_nor_nothing(project, file, name):
    version = model_store.add_model(project, file)
    for act in (
        lambda: model_store.rename_model(project, version, name),
        lambda: model_store.add_model(project, file, name=name),
    ):
        with pytest.raises(ModelNameError, match="choose another name"):
            act()
    assert [one.name for one in model_store.versions(project)] == ["model 1"]


def called(project, version, name):
    """Give a model a name that is refused today."""
    project.database.write(
        lambda db: db.execute("UPDATE models SET name = ? WHERE id = ?", (name, version.id))
    )


def test_a_model_that_was_called_like_one_that_ships_is_told_apart_from_it(project, file):
    version = model_store.add_model(project, file)
    model_store.use(project, version)
    called(project, version, "red-wide")
    (told,) = model_store.versions(project)
    assert told.name == "red-wide (of the project)"
    path = str(model_store.model_file(project, told))
    assert model_store.current_file(project) == (told.name, path)
    assert model_store.file_for(project, told.name) == path
    assert model_store.file_for(project, "red-wide") == "red-wide"
    model_store.use(project, "red-wide")
    assert model_store.current_file(project) == ("red-wide", "red-wide")
    model_store.rename_model(project, told, "mine")
    assert [one.name for one in model_store.versions(project)] == ["mine"]


def test_a_model_of_the_name_that_another_is_told_apart_by_is_another(project, file):
    first, second = (model_store.add_model(project, file) for _ in range(2))
    called(project, first, "red-wide")
    called(project, second, "red-wide (of the project)")
    names = [one.name for one in model_store.versions(project)]
    assert names[1] == "red-wide (of the project)"
    assert len({*names, "red-wide"}) == 3


def test_a_name_is_of_one_model_for_good(project, file):
    video = project.add_video("/a.mp4", "print", n_frames=3, height=9, width=9, fps=25.0)
    old = model_store.add_model(project, file)
    project.start_run(video.id, old.name, "cpu")
    model_store.delete_model(project, old)
    new = model_store.add_model(project, file)
    assert (old.name, new.name) == ("model 1", "model 2")
    with pytest.raises(ModelNameError, match="no longer in this project"):
        model_store.rename_model(project, new, "model 1")
    with pytest.raises(ModelNameError, match="no longer in this project"):
        model_store.add_model(project, file, name="model 1")


def test_a_model_that_annotated_nothing_leaves_its_number_behind_too(project, file):
    model_store.delete_model(project, model_store.add_model(project, file))
    assert model_store.add_model(project, file).name == "model 2"


def test_a_model_gets_an_earlier_name_of_its_own_back(project, file):
    video = project.add_video("/a.mp4", "print", n_frames=3, height=9, width=9, fps=25.0)
    version = model_store.add_model(project, file)
    runs = [project.start_run(video.id, f"model 1{of}", "cpu") for of in ("", ", re-tracked")]
    for name in ("glasses", "model 1"):
        (version,) = model_store.versions(project)
        model_store.rename_model(project, version, name)
        models = project.run_models(video.id)
        assert [models[run] for run in runs] == [name, f"{name}, re-tracked"]


@pytest.mark.parametrize("left", [0, 50, None])
def test_a_damaged_copy_in_the_cache_is_written_anew_and_never_exported(
    project, file, tmp_path, left
):
    version = model_store.add_model(project, file)
    content, cached = file.read_bytes(), model_store.model_file(project, version)
    damaged = content[:left] if left is not None else content[:-1] + b"?"
    cached.write_bytes(damaged)
    model_store.export_model(project, version, tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == content
    assert model_store.model_file(project, version).read_bytes() == content


def test_an_intact_copy_in_the_cache_is_left_alone(project, file):
    version = model_store.add_model(project, file)
    before = model_store.model_file(project, version).stat()
    assert model_store.model_file(project, version).stat().st_ino == before.st_ino


def test_a_model_that_is_damaged_in_the_project_is_told_and_not_written(project, file, tmp_path):
    version = model_store.add_model(project, file)
    project.database.write(lambda db: db.execute("UPDATE model_files SET weights = X'00'"))
    for act in (
        lambda: model_store.model_file(project, version),
        lambda: model_store.export_model(project, version, tmp_path / "out.safetensors"),
    ):
        with pytest.raises(ModelStoreError, match=r"model 1: is damaged in .*restore a copy"):
            act()
    assert not (tmp_path / "out.safetensors").exists()


def test_an_export_that_fails_says_so_and_leaves_nothing(project, file, tmp_path):
    version = model_store.add_model(project, file)
    place = tmp_path / "folder"
    place.mkdir()
    with pytest.raises(ModelStoreError, match="can't be written"):
        model_store.export_model(project, version, place)
    assert not list(tmp_path.glob(".folder*"))


@pytest.fixture
def seven(tmp_path):
    path = tmp_path / "seven.safetensors"
    save_tensors(path, {"w": torch.ones(3)}, {"network": {"n_landmarks": 7}})
    return path


def test_a_model_of_other_landmarks_than_the_faces_is_refused(project, file, seven):
    video = project.add_video("/a.mp4", "print", n_frames=3, height=9, width=9, fps=25.0)
    early = model_store.add_model(project, seven)
    project.add_track(video.id, 0, 68)
    for act in (
        lambda: model_store.add_model(project, seven),
        lambda: model_store.use(project, early),
    ):
        with pytest.raises(ModelStoreError, match=r"of 7 landmarks, and the faces .* have 68"):
            act()
    model_store.use(project, model_store.add_model(project, file))


def test_a_state_of_a_training_is_no_model(project, tmp_path):
    save_tensors(tmp_path / "state.safetensors", {"w": torch.ones(3)}, {"stage": 1})
    with pytest.raises(RedError, match="isn't a finished model"):
        model_store.add_model(project, tmp_path / "state.safetensors")


def test_a_file_that_is_no_model_is_refused(project, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(RedError):
        model_store.add_model(project, tmp_path / "x.safetensors")
    assert model_store.versions(project) == []
