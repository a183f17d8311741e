"""What a project remembers of its last export."""

import json
import os
import shutil
from pathlib import Path

import pytest

from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import (
    LastExport,
    last_export,
    next_export,
    remember_export,
)
from napari_red.core.project import Project
from napari_red.core.settings_table import remember

CHOICE = ExportChoice("coco", only_accepted=True, pseudonyms=True)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "here").mkdir()
    project = Project(tmp_path / "here" / "talk.red")
    yield project
    project.close()


def test_nothing_is_remembered_of_a_new_project(project):
    assert last_export(project) is None


def test_an_export_is_remembered_across_a_restart(project, tmp_path):
    last = LastExport(tmp_path / "out", CHOICE, whole_project=True)
    remember_export(project, last)
    project.close()
    with Project(project.path) as again:
        assert last_export(again) == last


def test_a_folder_beside_the_project_moves_with_it(project, tmp_path):
    remember_export(project, LastExport(project.path.parent / "out", CHOICE))
    project.close()
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Project(tmp_path / "there" / "talk.red") as moved:
        assert last_export(moved).folder == tmp_path / "there" / "out"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": "coco"}',
        json.dumps({"format": "gone", "folder": "out", "n_points": 68}),
        json.dumps({"format": "pts", "folder": 3, "n_points": 68}),
        json.dumps({"format": "pts", "folder": "out", "n_points": 5}),
        json.dumps({"format": [], "folder": "out", "n_points": 68}),
    ],
)
def test_what_cannot_be_read_counts_as_nothing(project, text):
    remember(project, "last_export", text)
    assert last_export(project) is None


def test_a_project_that_cannot_be_written_stays_as_it_is(project, tmp_path):
    remember_export(project, LastExport(tmp_path / "one", CHOICE))
    project.close()
    before = project.path.read_bytes()
    with Project(project.path, "read") as shown:
        assert shown.read_only
        remember_export(shown, LastExport(tmp_path / "two", CHOICE))
        assert last_export(shown).folder == tmp_path / "one"
    assert project.path.read_bytes() == before


def test_a_project_that_remembers_nothing_begins_with_pts_in_a_folder_beside_it(project):
    beside = project.path.parent
    assert next_export(project) == LastExport(beside / "talk_export", ExportChoice())
    (beside / "talk_export").mkdir()
    assert next_export(project).folder == beside / "talk_export"


def test_a_folder_in_which_something_is_already_is_not_taken(project):
    beside = project.path.parent
    (beside / "talk_export").mkdir()
    (beside / "talk_export" / "notes.txt").write_text("mine", "utf-8")
    (beside / "talk_export_2").write_text("a file", "utf-8")
    assert next_export(project).folder == beside / "talk_export_3"


def test_a_new_project_begins_with_what_the_person_chose_in_another(project, tmp_path):
    remember_export(project, LastExport(tmp_path / "out", CHOICE, whole_project=True))
    with Project(tmp_path / "new.red") as new:
        assert next_export(new) == LastExport(tmp_path / "new_export", CHOICE, whole_project=True)
        remember_export(new, LastExport(tmp_path / "new_export", ExportChoice("csv")))
    assert next_export(project).choice == CHOICE  # its own comes first


def test_the_folder_of_last_time_is_made_again_but_not_the_ones_above_it(project, tmp_path):
    remember_export(project, LastExport(tmp_path / "gone", CHOICE))
    assert next_export(project).folder == tmp_path / "gone"
    remember_export(project, LastExport(tmp_path / "unplugged" / "gone", CHOICE))
    fallback = project.path.parent / "talk_export"
    assert next_export(project) == LastExport(fallback, CHOICE)
    (tmp_path / "gone").write_text("a file by now", "utf-8")
    remember_export(project, LastExport(tmp_path / "gone", CHOICE))
    assert next_export(project).folder == fallback


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"format": "gone", "n_points": 68}'])
def test_what_cannot_be_read_of_the_person_counts_as_nothing(project, tmp_path, text):
    remember_export(project, LastExport(tmp_path / "out", CHOICE))
    (file,) = Path(os.environ["XDG_CONFIG_HOME"]).rglob("export.json")
    file.write_text(text, "utf-8")
    with Project(tmp_path / "new.red") as new:
        assert next_export(new).choice == ExportChoice()


def test_where_nothing_can_be_kept_for_the_person_the_project_remembers(
    project, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    last = LastExport(tmp_path / "out", CHOICE)
    remember_export(project, last)
    assert last_export(project) == last
