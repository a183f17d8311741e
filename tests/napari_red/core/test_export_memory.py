"""What a project remembers of its last export."""

import json
import shutil

import pytest

from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import LastExport, last_export, remember_export
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
