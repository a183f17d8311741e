import os

import pytest
from knowing_aligner import write_video

from napari_red.core.file_names import shortened
from napari_red.core.places import among_own_data, beside
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.settings_table import remember
from trainer.data.video import open_video


@pytest.mark.parametrize("name", ["日" * 80, "日" * 83, "a" * 251])
def test_a_video_of_a_long_name_has_a_project(name, tmp_path):
    path = write_video(tmp_path / "x.mp4", 3).rename(tmp_path / f"{name}.mp4")
    with open_video(path) as video, Session(video) as session:
        session.start_run("m", "cpu")
        assert session.project_path.parent == tmp_path
        session.close()
        with Session(video) as again:
            assert again.project_path == session.project_path


@pytest.mark.parametrize("name", ["日" * 80, "日" * 83, "a" * 251])
def test_a_project_among_own_data_can_be_written_too(name, monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_data_path", lambda _: tmp_path)
    place = among_own_data(f"{name}.mp4", "x")
    place.parent.mkdir()
    with Project(place) as project:
        remember(project, "a", "b")


def test_names_of_projects_that_were_always_short_enough_stay(tmp_path):
    assert beside(tmp_path / f"{'a' * 243}.mp4").name == f"{'a' * 243}.red"
    assert among_own_data(f"{'a' * 230}.mp4", "x").name.startswith("a" * 230 + "-")


def test_a_name_is_cut_between_characters_and_keeps_apart_what_differs():
    names = ["日" * 80 + end for end in ("", "a", "b")]
    short = [shortened(name, 100) for name in names]
    assert len(set(short)) == 3
    assert all(len(name.encode()) <= 100 and name.startswith("日" * 30) for name in short)
    assert shortened("talk", 100) == "talk"
    odd = os.fsdecode(b"M\xfcller")
    assert shortened(odd, 100) == odd, "a name that is no text"
    assert len(shortened(odd * 20, 100).encode()) <= 100
