"""The models of a project: what fine-tuning made, kept in the project file itself.

A copied project has its models along. They are written to a folder of the user's cache
where a process needs a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from napari_red.core.history import now
from napari_red.core.models import DEFAULT_MODEL, SUFFIX, shipped_models
from napari_red.core.project import Project
from napari_red.core.settings_table import remember, setting
from trainer.errors import RedError

_CURRENT = "model"


class ModelStoreError(RedError):
    """A model of a project that can't be found, added or removed."""


@dataclass(frozen=True)
class ModelVersion:
    """One model of a project.

    Attributes
    ----------
    id : number in the project
    name : what the person calls it
    fingerprint : SHA-256 of its file
    parent : the model it was trained from: another of the project, None for one that ships
        or came from a file
    made : UTC, ISO 8601
    details : the trainer's report: corrections used, stages, figures, the gate's numbers;
        with "damaged" where some of it is lost
    """

    id: int
    name: str
    fingerprint: str
    parent: int | None
    made: str
    details: dict[str, Any]


def versions(project: Project) -> list[ModelVersion]:
    """All models of the project, oldest first."""
    rows = project.database.read(
        "SELECT id, name, fingerprint, parent_id, made, details FROM models ORDER BY id"
    )
    return [
        ModelVersion(number, name, fingerprint, parent, made, _details(details))
        for number, name, fingerprint, parent, made, details in rows
    ]


def _details(text: str) -> dict[str, Any]:
    """What is known of a model. Erasing a person who was called by a number damaged some of
    that in older versions; what can still be read is given."""
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError:
        return {"damaged": True}
    trained = told.get("trained", {})
    whole = {track: frames for track, frames in trained.items() if track.isdecimal()}
    return told if whole == trained else told | {"trained": whole, "damaged": True}


def version_called(project: Project, name: str) -> ModelVersion:
    """The model of that name.

    Raises
    ------
    ModelStoreError
        If there is none.
    """
    for version in versions(project):
        if version.name == name:
            return version
    known = ", ".join(version.name for version in versions(project)) or "none yet"
    raise ModelStoreError(f"{name}: no model of this project; it has {known}")


def add_model(
    project: Project,
    file: str | Path,
    *,
    name: str | None = None,
    parent: int | None = None,
    details: dict[str, Any] | None = None,
) -> ModelVersion:
    """Keep a model file in the project.

    Parameters
    ----------
    name : by default "model 1" and so on

    Raises
    ------
    ModelStoreError
        If the file isn't a model, or another one is called so.
    """
    from trainer.checkpoint import load_tensors  # with torch, which the window can do without

    file = Path(file)
    load_tensors(file)  # says what is wrong with a file that is none
    weights = file.read_bytes()
    taken = {version.name for version in versions(project)}
    number = len(taken) + 1
    while name is None:
        name = f"model {number}" if f"model {number}" not in taken else None
        number += 1
    if name in taken:
        raise ModelStoreError(f"{name}: another model of this project is called so; choose a name")
    values = (
        name,
        hashlib.sha256(weights).hexdigest(),
        parent,
        now(),
        json.dumps(details or {}),
    )

    def work(db) -> None:
        cursor = db.execute(
            "INSERT INTO models (name, fingerprint, parent_id, made, details)"
            " VALUES (?, ?, ?, ?, ?)",
            values,
        )
        db.execute("INSERT INTO model_files VALUES (?, ?)", (cursor.lastrowid, weights))

    project.database.write(work)
    return version_called(project, name)


def rename_model(project: Project, version: ModelVersion, name: str) -> None:
    """Call a model otherwise, also where its predictions name it.

    Raises
    ------
    ModelStoreError
        If another one is called so, or the name is blank.
    """
    name = name.strip()
    if not name or name in {other.name for other in versions(project)}:
        raise ModelStoreError(f"{name or 'a blank name'}: can't be a model's name; choose another")

    def work(db) -> None:
        db.execute("UPDATE models SET name = ? WHERE id = ?", (name, version.id))
        db.execute("UPDATE runs SET model = ? WHERE model = ?", (name, version.name))

    project.database.write(work)


def delete_model(project: Project, version: ModelVersion) -> None:
    """Take a model out of the project; what it predicted stays. The file gets smaller.

    Raises
    ------
    ModelStoreError
        If it is the one that is used.
    """
    used = current(project)
    if used is not None and used.id == version.id:
        raise ModelStoreError(f"{version.name}: is the model that is used; choose another first")

    def work(db) -> None:
        db.execute(
            "UPDATE models SET parent_id = ? WHERE parent_id = ?", (version.parent, version.id)
        )
        db.execute("DELETE FROM model_files WHERE model_id = ?", (version.id,))
        db.execute("DELETE FROM models WHERE id = ?", (version.id,))

    project.database.wipe(work)


def export_model(project: Project, version: ModelVersion, path: str | Path) -> None:
    """Write a model to a file of its own.

    Raises
    ------
    ModelStoreError
        If it can't be written.
    """
    try:
        shutil.copyfile(model_file(project, version), path)
    except OSError as error:
        raise ModelStoreError(
            f"{path}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error


def current(project: Project) -> ModelVersion | None:
    """The model of the project that is used; None where it is one that ships."""
    chosen = setting(project, _CURRENT)
    return next((v for v in versions(project) if str(v.id) == chosen), None)


def current_name(project: Project) -> str:
    """What the model is called that is used, one of the project's or one that ships."""
    version = current(project)
    if version is not None:
        return version.name
    chosen = setting(project, _CURRENT)
    return chosen if chosen in shipped_models() else DEFAULT_MODEL


def use(project: Project, model: ModelVersion | str) -> None:
    """Use a model from now on: one of the project's, or the name of one that ships.

    Raises
    ------
    ModelStoreError
        If no model of that name ships.
    """
    if isinstance(model, str) and model not in shipped_models():
        raise ModelStoreError(
            f"{model}: no model that ships; choose one of {', '.join(shipped_models())}"
        )
    remember(project, _CURRENT, model if isinstance(model, str) else str(model.id))


def current_file(project: Project) -> tuple[str, str]:
    """Name of the model that is used, and what opens it: its file, or its shipped name."""
    version, name = current(project), current_name(project)
    return name, name if version is None else str(model_file(project, version))


def file_for(project: Project | None, model: str) -> str:
    """What opens a model: the file of the project's model of that name, else the same again,
    for models that ship and files."""
    if project is not None:
        for version in versions(project):
            if version.name == model:
                return str(model_file(project, version))
    return model


def model_file(project: Project, version: ModelVersion) -> Path:
    """A model as a file, in the user's cache.

    Raises
    ------
    ModelStoreError
        If it can't be written there.
    """
    folder = platformdirs.user_cache_path("napari-red") / "models"
    path = folder / f"{version.fingerprint[:32]}{SUFFIX}"
    if path.is_file():
        return path
    ((weights,),) = project.database.read(
        "SELECT weights FROM model_files WHERE model_id = ?", (version.id,)
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(weights)
        partial.replace(path)
    except OSError as error:
        raise ModelStoreError(
            f"{path}: can't be written ({error.strerror}); make room in that folder"
        ) from error
    return path
