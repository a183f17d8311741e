"""Names of people: how they are kept, and which of them are the same."""

from __future__ import annotations

import unicodedata

from napari_red.core.project import Project


def composed(text: str) -> str:
    """A text in Unicode's composed form (NFC): macOS may call a folder ``Zoë`` in another."""
    return unicodedata.normalize("NFC", text)


def person_name(text: str) -> str:
    """A name as it is kept: composed, without blanks around it."""
    return composed(text).strip()


def known_people(project: Project) -> dict[str, int]:
    """Name of each person, as :func:`person_name` gives it, to their number.

    An older project may hold a name in both forms; the composed one is meant then.
    """
    people = sorted(project.identities(), key=lambda one: one.name == person_name(one.name))
    return {person_name(one.name): one.id for one in people}
