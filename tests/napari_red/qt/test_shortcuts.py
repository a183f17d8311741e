"""The table of keys: no clash with napari's, and the docs in step with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes, Surface, Tracks, Vectors
from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.notifications import notification_manager
from qtpy.QtGui import QAction, QShortcut

from napari_red._qt import shortcuts
from napari_red._qt.actions import Actions
from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red._qt.view_options import ViewOptions
from napari_red.core.frames import VideoStack
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session

DOC = Path(__file__).parents[3] / "docs" / "shortcuts.md"

LAYERS = (Image, Labels, Layer, Points, Shapes, Surface, Tracks, Vectors)
OUR_LAYERS = (ContoursLayer, LandmarksLayer, VideoLayer)


def ours() -> set[str]:
    return {str(coerce_keybinding(key)) for row in shortcuts.bound() for key in row.keys}


@pytest.fixture
def shown(video_path, make_aligner):
    """Shows a video with that many faces, in a viewer without a window: ``shown(faces)``."""
    opened = []

    def show(faces: int) -> LandmarkView:
        viewer, layer = ViewerModel(), VideoLayer(VideoStack.open(video_path))
        viewer.add_layer(layer)
        session, view = Session(layer.data.video), LandmarkView(viewer)
        opened.extend((view, session, layer))
        if faces:
            prealign(session, make_aligner(), Settings("made", faces=faces))
        view.show(layer, session)
        return view

    yield show
    for one in opened:
        one.close()
    notification_manager.records.clear()


def napari_keys() -> set[str]:
    """Every key of napari's settings, whatever layer and mode it is for, and every one
    that is bound to the viewer's or a layer's class without being in the settings."""
    keys = {str(key) for found in get_settings().shortcuts.shortcuts.values() for key in found}
    for cls in (ViewerModel, *LAYERS, *OUR_LAYERS):
        for base in cls.__mro__:
            keys |= {str(key) for key in getattr(base, "class_keymap", {})}
    return {str(coerce_keybinding(key)) for key in keys}


def test_no_key_is_bound_twice():
    keys = [str(coerce_keybinding(k)) for row in shortcuts.bound() for k in row.keys]
    assert len(keys) == len(set(keys))


def test_no_other_key_of_ours_is_naparis_in_any_layer_and_mode():
    shared = (*shortcuts.SHARED, *shortcuts.LABELS_TOO)
    shared = {str(coerce_keybinding(key)) for key in shared}
    assert ours() & napari_keys() == shared


@pytest.mark.window
def test_no_key_of_ours_is_one_of_the_menus_or_the_windows(open_viewer):
    from napari._app_model import get_app_model

    window = open_viewer().window._qt_window
    keys = {str(rule.keybinding) for rule in get_app_model().keybindings}
    for action in window.findChildren(QAction):
        keys |= {key.toString() for key in action.shortcuts()}
    keys |= {shortcut.key().toString() for shortcut in window.findChildren(QShortcut)}
    assert "Ctrl+W" in keys
    assert not ours() & keys


def test_every_row_names_a_method():
    owners = {"actions": Actions, "options": ViewOptions, "view": LandmarkView}
    for row in shortcuts.bound():
        owner, name = row.action.split(".")
        assert callable(getattr(owners[owner], name)), row.action
        assert not row.each or len(row.each) == len(row.keys)


@pytest.mark.parametrize("key", shortcuts.SHARED)
def test_shared_keys_stay_naparis_as_long_as_no_video_is_open(monkeypatch, key):
    binding, pressed = coerce_keybinding(key), []
    monkeypatch.setitem(ViewerModel.class_keymap, binding, pressed.append)
    viewer = ViewerModel()
    view = LandmarkView(viewer)
    viewer.keymap[binding](viewer)
    assert pressed == [viewer]
    view.close()
    assert not {str(key) for key in viewer.keymap} & ours()


NUDGES = [key for row in shortcuts.bound() for key in row.keys if row.action == "actions.nudge"]


@pytest.mark.parametrize("faces", [0, 1])
@pytest.mark.parametrize("key", NUDGES)
def test_moving_landmarks_without_any_selected_says_so_and_does_nothing_else(
    monkeypatch, shown, key, faces
):
    view = shown(faces)
    monkeypatch.setattr(shortcuts, "_as_napari_does", lambda *_: pytest.fail("it is napari's"))
    view.viewer.keymap[coerce_keybinding(key)](view.viewer)
    assert "Select landmarks first" in notification_manager.records[-1].message
    assert view.session.can_undo() == (0, 0)
    view.video.visible = False
    view.viewer.keymap[coerce_keybinding(key)](view.viewer)
    assert "is hidden" in notification_manager.records[-1].message


@pytest.mark.parametrize("faces", [0, 1])
def test_no_key_is_left_to_napari_while_a_video_is_open(monkeypatch, shown, faces):
    view, left = shown(faces), []
    monkeypatch.setattr(shortcuts, "_as_napari_does", lambda _, key: left.append(key))
    monkeypatch.setattr(view, "show_help", lambda: None)
    for row in shortcuts.bound():
        for key in row.keys:
            view.viewer.keymap[coerce_keybinding(key)](view.viewer)
    assert not left


def test_the_doc_is_made_from_the_table():
    assert DOC.read_text("utf-8") == shortcuts.as_markdown()


def test_the_help_has_every_key():
    page = shortcuts.as_html()
    for row in shortcuts.SHORTCUTS:
        for key in row.keys:
            assert f"<b>{key}</b>" in page
