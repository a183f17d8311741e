"""A person's names out of what a project notes in words: labels, messages, models, exports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from napari_red.core.annotation import IMPORTED, Aliases
from napari_red.core.edits import INTERPOLATED
from napari_red.core.import_labels import IMPORT
from napari_red.core.person_names import composed
from napari_red.core.spans import RE_TRACKED

ERASED = "somebody who was erased"
"""What stands in the place of a name."""

_LABEL = re.compile(r"(face \d+ is |rename )(.*)", re.DOTALL)
_ONLY = re.compile(r"(only )(.*)(?= is named in )", re.DOTALL)
_PATHS = re.compile(r"\A[^:\n]+(?=: )|[^\s:]*[/\\][^:\n]*")
"""What a message is about, and what has a slash in it up to the next colon."""

_Change = Callable[[str], str]


class ForgetNames:
    """Puts :data:`ERASED` in the place of a person's names, only where a name can be.

    A name may be a number or a word of the program, so nothing is replaced in what holds
    neither names nor folders.

    Parameters
    ----------
    names : all that the person was called, composed
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        aliases = dict.fromkeys(self._names, ERASED)
        self._aliases = Aliases(aliases)
        self._models = Aliases(aliases, (IMPORTED, INTERPOLATED, RE_TRACKED))
        self._details: tuple[tuple[tuple[str, ...], _Change], ...] = (
            (("people",), self._person),
            (("base_name",), self.model),
            (("parent", "name"), self.model),
            (("stages", "skipped"), self._reason),
        )

    def label(self, text: str) -> str:
        """A step's label. Older versions called what was imported by its folder."""
        if text.startswith("import "):
            return IMPORT
        return self._named(_LABEL, text)

    def model(self, text: str) -> str:
        """What a model is called, without folders; what is called so and is none stays."""
        return self._composed(text, self._models.model)

    def message(self, text: str) -> str:
        """What became of a video; the names of folders are in paths."""
        return _PATHS.sub(lambda found: self._words(found[0]), text)

    def details(self, text: str) -> str:
        """JSON with what is known of a model."""
        return self._json(text, *self._details)

    def last_export(self, text: str) -> str:
        """JSON with how things were exported last, and into which folder."""
        return self._json(text, (("folder",), self._words))

    def _json(self, text: str, *fields: tuple[tuple[str, ...], _Change]) -> str:
        try:
            value = told = json.loads(text)
        except ValueError:  # an older version's erasing damaged it, so nobody reads it
            return self._words(text)
        for path, change in fields:
            value = _changed(value, path, change)
        return text if value == told else json.dumps(value)

    def _person(self, text: str) -> str:
        return ERASED if composed(text) in self._names else text

    def _reason(self, text: str) -> str:
        return self._named(_ONLY, text)

    def _named(self, pattern: re.Pattern[str], text: str) -> str:
        found = pattern.match(text)
        if found is None or composed(found[2]) not in self._names:
            return text
        return f"{found[1]}{ERASED}{text[found.end() :]}"

    def _words(self, text: str) -> str:
        return self._composed(text, self._aliases.text)

    @staticmethod
    def _composed(text: str, change: _Change) -> str:
        whole = composed(text)
        changed = change(whole)
        return text if changed == whole else changed


def _changed(value: Any, path: tuple[str, ...], change: _Change) -> Any:
    """Parsed JSON with the texts below a path of keys changed, through lists."""
    if isinstance(value, list):
        return [_changed(one, path, change) for one in value]
    if isinstance(value, dict) and path:
        first, *rest = path
        return value | (
            {first: _changed(value[first], tuple(rest), change)} if first in value else {}
        )
    if isinstance(value, dict):
        return {key: _changed(one, path, change) for key, one in value.items()}
    return change(value) if isinstance(value, str) and not path else value
