"""A project file that is dropped into napari, or opened from its menu."""

import numpy as np
import pytest

from napari_red import _reader
from napari_red._qt.dock import FaceLandmarksDock
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import ProjectError
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = pytest.mark.window


@pytest.fixture
def project(tmp_path, video_path, make_aligner):
    """A project with one video that has landmarks."""
    path = tmp_path / "people.red"
    with open_video(video_path) as video, Session(video, path) as session:
        prealign(session, make_aligner(), Settings("made"))
    return path


@pytest.fixture
def viewer(open_viewer):
    viewer = open_viewer()
    yield viewer
    for dock in docks(viewer):
        dock.close_workbench()


def docks(viewer) -> list[FaceLandmarksDock]:
    widgets = viewer.window.dock_widgets.values()
    return [widget for widget in widgets if isinstance(widget, FaceLandmarksDock)]


def test_a_dropped_project_opens_in_the_dock_with_its_video(qtbot, viewer, project, made_truth):
    assert viewer.open(str(project), plugin="napari-red") == []
    (dock,) = docks(viewer)
    work = dock.workbench
    assert work.shown_project.path == project
    qtbot.waitUntil(lambda: work.session is not None, timeout=10_000)
    qtbot.waitUntil(lambda: work.view.points is not None)
    found = work.view.points.data[:, ::-1]
    np.testing.assert_allclose(found, made_truth(0), atol=0.1)


def test_it_opens_in_the_dock_that_is_there(qtbot, viewer, project, open_dock, make_aligner):
    dock = open_dock(viewer, make_aligner())
    viewer.open(str(project), plugin="napari-red")
    assert docks(viewer) == [dock]
    assert dock.workbench.shown_project.path == project
    viewer.open(str(project), plugin="napari-red")
    assert docks(viewer) == [dock]


def test_a_file_that_is_no_project_is_refused_and_what_was_open_stays(
    qtbot, viewer, project, tmp_path
):
    viewer.open(str(project), plugin="napari-red")
    other = tmp_path / "film.red"
    other.write_bytes(b"raw pictures of a camera" * 100)
    before = other.read_bytes()
    with pytest.raises(ProjectError, match=r"film\.red"):
        viewer.open(str(other), plugin="napari-red")
    assert other.read_bytes() == before
    (dock,) = docks(viewer)
    assert dock.workbench.shown_project.path == project


def test_a_project_that_is_not_there_is_not_made(viewer, tmp_path):
    with pytest.raises(ProjectError, match="no such project"):
        _reader.read_project(str(tmp_path / "new.red"))
    assert not (tmp_path / "new.red").exists()


def test_two_projects_at_once_are_refused(viewer, project):
    with pytest.raises(ProjectError, match="one project at a time"):
        _reader.read_project([str(project), str(project)])
