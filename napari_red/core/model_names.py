"""What models of a project may be called, so that a name always means one of them."""

from __future__ import annotations

from napari_red.core.models import shipped_models
from napari_red.core.project import Project
from napari_red.core.spans import RE_TRACKED
from trainer.errors import RedError

RE_TRACKED_BY = f", {RE_TRACKED}"
"""What the name of a run ends in, after its model's, that only re-tracked a face."""


class ModelNameError(RedError):
    """A name that a model of a project can't have."""


def told_apart(names: list[str]) -> list[str]:
    """The same names, but none that a model has that ships."""
    shipped, told = set(shipped_models()), []
    for name in names:
        if name in shipped:
            while name in shipped or name in names:
                name += " (of the project)"
        told.append(name)
    return told


def checked_name(project: Project, name: str) -> str:
    """A name for a model of the project, without blanks round it.

    Raises
    ------
    ModelNameError
        If it is blank, or another model's: one that ships, of this project, or one whose
        predictions are in it.
    """
    name = name.strip()
    if not name:
        raise ModelNameError("a model's name can't be blank; choose another name")
    if name in shipped_models():
        raise ModelNameError(
            f"{name}: a model that ships with napari-red is called so; choose another name"
        )
    if name in _names(project):
        raise ModelNameError(
            f"{name}: another model of this project is called so; choose a name that is free"
        )
    if name in _origins(project):
        raise ModelNameError(
            f"{name}: a model that is no longer in this project was called so when it annotated "
            "here; choose another name"
        )
    return name


def new_name(project: Project) -> str:
    """A name that no model of the project has or had."""
    taken = _names(project) | _origins(project)
    rows = project.database.read("SELECT seq FROM sqlite_sequence WHERE name = 'models'")
    number = rows[0][0] + 1 if rows else 1  # also counts those that were deleted
    while f"model {number}" in taken:
        number += 1
    return f"model {number}"


def _names(project: Project) -> set[str]:
    """Of its models, as the file calls them and as :func:`told_apart` does."""
    stored = [name for (name,) in project.database.read("SELECT name FROM models ORDER BY id")]
    return {*stored, *told_apart(stored)}


def _origins(project: Project) -> set[str]:
    """What made the project's predictions is called, without what was done with it."""
    names = {name for (name,) in project.database.read("SELECT DISTINCT model FROM runs")}
    return {name.removesuffix(RE_TRACKED_BY) for name in names}
