"""Every key, in one table: the bindings, the help window and docs/shortcuts.md come from it.

All keys are bound to the viewer and free in napari, whatever layer is active, with two
exceptions. Alt+Up and Alt+Down, with and without Shift, do what napari does with them as
long as no video is open. Ctrl+Z and Ctrl+Shift+Z undo in a Labels layer while one is
active; what a layer binds goes first.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from napari.components import ViewerModel
from napari.utils.key_bindings import coerce_keybinding

ANYWHERE = "a video is shown"
SELECTED = "landmarks are selected"


@dataclass(frozen=True)
class Shortcut:
    """One row of the table.

    Attributes
    ----------
    part : what it belongs to
    keys : one or more, as napari writes them; for mouse and napari's own keys in words
    what : what it does
    when : when it does it
    action : "actions.NAME", "options.NAME" or "view.NAME": a method of the view's;
        empty where nothing is bound, because napari does it or it is the mouse
    arguments : for the method
    each : arguments for each of the keys, where they differ
    """

    part: str
    keys: tuple[str, ...]
    what: str
    when: str = ANYWHERE
    action: str = ""
    arguments: tuple = ()
    each: tuple[tuple, ...] = ()

    def arguments_of(self, key: str) -> tuple:
        """What the method is called with for this key."""
        return self.each[self.keys.index(key)] if self.each else self.arguments


_C, _R, _F, _V, _E = "Correcting", "Reviewing", "Faces", "View", "Files"

SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut(_C, ("drag a landmark",), "Move it, and all that are selected with it"),
    Shortcut(_C, ("double click",), "Select the facial part; with Shift that one too"),
    Shortcut(_C, ("drag from an empty place",), "Select what is inside; with Shift too"),
    Shortcut(_C, ("Alt+drag",), "Move the whole face", "the mouse is on a face"),
    Shortcut(
        _C,
        ("Alt+Up", "Alt+Down", "Alt+Left", "Alt+Right"),
        "Move them by a pixel",
        SELECTED,
        "actions.nudge",
        each=((-1, 0), (1, 0), (0, -1), (0, 1)),
    ),
    Shortcut(
        _C,
        ("Shift+Alt+Up", "Shift+Alt+Down", "Shift+Alt+Left", "Shift+Alt+Right"),
        "Move them by a tenth of a pixel",
        SELECTED,
        "actions.nudge",
        each=((-0.1, 0), (0.1, 0), (0, -0.1), (0, 0.1)),
    ),
    Shortcut(
        _C,
        ("W",),
        "The face tool, on and off: drag inside the frame moves the face, a corner scales "
        "it, the knob turns it",
        action="view.toggle_tool",
        arguments=("face",),
    ),
    Shortcut(
        _C,
        ("Shift+W",),
        "The group tool, on and off: a click selects a whole facial part",
        action="view.toggle_tool",
        arguments=("group",),
    ),
    Shortcut(_C, ("Delete", "Backspace", "1"), "Say that they are not visible", SELECTED),
    Shortcut(_C, ("H",), "Not visible, or visible again", SELECTED, "actions.toggle_hidden"),
    Shortcut(_C, ("Shift+H",), "Every landmark of the frame is visible", action="actions.show_all"),
    Shortcut(
        _C,
        ("Shift+R",),
        "Reset to the prediction: the selected landmarks, or the whole face",
        action="actions.reset",
    ),
    Shortcut(_C, ("K",), "Copy the face from the frame before", action="actions.copy_previous"),
    Shortcut(
        _C,
        ("J",),
        "Join: interpolate between the corrected frames on either side",
        action="actions.interpolate",
    ),
    Shortcut(
        _C,
        ("Shift+T",),
        "Re-track the face from here, both ways",
        action="actions.retrack",
        arguments=("both",),
    ),
    Shortcut(
        _C,
        ("Shift+F",),
        "Re-track the face from here forward",
        action="actions.retrack",
        arguments=("forward",),
    ),
    Shortcut(
        _C,
        ("Shift+B",),
        "Re-track the face from here backward",
        action="actions.retrack",
        arguments=("backward",),
    ),
    Shortcut(_C, ("Ctrl+Z",), "Undo", action="actions.undo"),
    Shortcut(_C, ("Ctrl+Shift+Z",), "Redo", action="actions.redo"),
    Shortcut(_R, ("Left", "Right"), "The frame before, the next frame"),
    Shortcut(_R, ("click in the strip",), "Go to that frame; the strip is under the slider"),
    Shortcut(_R, ("Ctrl+click in the strip",), "Accept the shown frame and go to that one"),
    Shortcut(_R, ("N",), "The next frame of the queue", action="actions.next"),
    Shortcut(_R, ("Shift+N",), "The frame of the queue before", action="actions.previous"),
    Shortcut(_R, ("G",), "Good: accept the frame", action="actions.accept"),
    Shortcut(
        _R,
        ("Shift+D",),
        "Done: accept the frame and go to the next of the queue",
        action="actions.accept_and_next",
    ),
    Shortcut(_R, ("Shift+G",), "Accept all frames up to this one", action="actions.accept_up_to"),
    Shortcut(_R, ("U",), "Take accepting the frame back", action="actions.unaccept"),
    Shortcut(_R, ("Shift+Right",), "The next corrected frame", action="actions.next_corrected"),
    Shortcut(
        _R,
        ("Shift+Left",),
        "The corrected frame before",
        action="actions.previous_corrected",
    ),
    Shortcut(_F, ("Q",), "Choose the next face", action="view.next_face"),
    Shortcut(_F, ("F2",), "Say who the face is", action="actions.name"),
    Shortcut(
        _F, ("Shift+X",), "Swap the face with another one from here on", action="actions.swap"
    ),
    Shortcut(_F, ("Shift+S",), "Split: from here on it is another face", action="actions.split"),
    Shortcut(
        _E,
        ("Ctrl+Shift+E",),
        "Export as the panel says, into the folder that it shows",
        action="actions.export",
    ),
    Shortcut(_V, ("Shift+Z",), "Follow the face and zoom to it", action="options.toggle_follow"),
    Shortcut(_V, ("Shift+C",), "Contour lines on and off", action="options.toggle_contours"),
    Shortcut(
        _V,
        ("Shift+O",),
        "Draw landmarks that are not visible, or don't",
        action="options.toggle_not_visible",
    ),
    Shortcut(_V, ("Shift+I",), "Only one facial part: the next", action="options.next_group"),
    Shortcut(
        _V,
        ("Shift+K",),
        "Colour by facial part, confidence, who placed it",
        action="options.next_colouring",
    ),
    Shortcut(
        _V, ("Shift+M",), "Beside the points: nothing, numbers, names", action="options.next_labels"
    ),
    Shortcut(_V, (".",), "Larger points", action="options.larger_points"),
    Shortcut(_V, (",",), "Smaller points", action="options.smaller_points"),
    Shortcut(_V, ("PageUp",), "Brighter picture", action="options.brighter"),
    Shortcut(_V, ("PageDown",), "Darker picture", action="options.darker"),
    Shortcut(_V, ("Home",), "The picture as it is", action="options.plain_picture"),
    Shortcut(_V, ("F1",), "This list", action="view.show_help"),
)

SHARED = ("Alt+Up", "Alt+Down", "Shift+Alt+Up", "Shift+Alt+Down")
"""Keys that napari has too."""

LABELS_TOO = ("Ctrl+Z", "Ctrl+Shift+Z")
"""Keys that mean the same in a Labels layer of napari's, about its own labels."""


def bound() -> list[Shortcut]:
    """The rows that are bound by us."""
    return [row for row in SHORTCUTS if row.action]


def bind(viewer: ViewerModel, run: Callable[[str, tuple], bool]) -> None:
    """Bind every key. ``run`` does an action with arguments; False leaves it to napari."""

    def binding(row: Shortcut, key: str) -> Callable[[ViewerModel], None]:
        def pressed(pressed_in: ViewerModel) -> None:
            if not run(row.action, row.arguments_of(key)):
                _as_napari_does(pressed_in, key)

        return pressed

    for row in bound():
        for key in row.keys:
            viewer.bind_key(key, binding(row, key), overwrite=True)


def unbind(viewer: ViewerModel) -> None:
    """Let go of every key."""
    for row in bound():
        for key in row.keys:
            viewer.bind_key(key, None)


def as_html(rows: Iterable[Shortcut] = SHORTCUTS) -> str:
    """The table for the help window."""
    lines: list[str] = []
    for part, group in _by_part(rows).items():
        lines.append(f"<h3>{part}</h3><table cellpadding='3' width='100%'>")
        for row in group:
            keys = ", ".join(f"<b>{html.escape(key)}</b>" for key in row.keys)
            what = html.escape(row.what)
            if row.when != ANYWHERE:
                what += f" <i>({html.escape(row.when)})</i>"
            lines.append(f"<tr><td width='32%'>{keys}</td><td>{what}</td></tr>")
        lines.append("</table>")
    return "\n".join(lines)


def as_markdown(rows: Iterable[Shortcut] = SHORTCUTS) -> str:
    """The text of docs/shortcuts.md."""
    lines = [
        "# Keys",
        "",
        "They work while the picture or the dock has the focus, whichever layer is active. "
        "None of them is one of napari's, but for Alt+Up and Alt+Down, with and without Shift, "
        "which do what napari does with them as long as no video is open, and undo and redo, "
        "which belong to a Labels layer while one is active. F1 shows this list in the window.",
    ]
    for part, group in _by_part(rows).items():
        lines += ["", f"## {part}", "", "| Key | What it does | When |", "| --- | --- | --- |"]
        for row in group:
            keys = ", ".join(f"`{key}`" if row.action else key for key in row.keys)
            lines.append(f"| {keys} | {row.what} | {row.when} |")
    return "\n".join(lines) + "\n"


def _by_part(rows: Iterable[Shortcut]) -> dict[str, list[Shortcut]]:
    parts: dict[str, list[Shortcut]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return parts


def _as_napari_does(viewer: ViewerModel, key: str) -> None:
    binding = coerce_keybinding(key)
    for cls in type(viewer).__mro__:
        known = getattr(cls, "class_keymap", {}).get(binding)
        if callable(known):
            known(viewer)
            return
