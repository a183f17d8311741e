"""The models of a project: what fine-tuning made, kept in the project file itself.

A copied project has its models along. They are written to a folder of the user's cache
where a process needs a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from napari_red.core.history import now
from napari_red.core.learned import inherited
from napari_red.core.model_names import (
    RE_TRACKED_BY,
    ModelNameError,
    checked_name,
    new_name,
    told_apart,
)
from napari_red.core.models import DEFAULT_MODEL, SUFFIX, shipped_models
from napari_red.core.project import Project
from napari_red.core.settings_table import MODEL, remember, setting
from trainer.errors import RedError
from trainer.model_header import landmarks_of

_LANDMARKS = "landmarks"


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
    details : the trainer's report: corrections used, stages, figures, the gate's numbers; how
        many landmarks it places; and "damaged" where some of it is lost
    """

    id: int
    name: str
    fingerprint: str
    parent: int | None
    made: str
    details: dict[str, Any]


def versions(project: Project) -> list[ModelVersion]:
    """All models of the project, oldest first.

    One that the file calls like a model that ships, as earlier versions let a person do, has
    another name here.
    """
    rows = project.database.read(
        "SELECT id, name, fingerprint, parent_id, made, details FROM models ORDER BY id"
    )
    names = told_apart([row[1] for row in rows])
    return [
        ModelVersion(number, name, fingerprint, parent, made, _details(details))
        for name, (number, _, fingerprint, parent, made, details) in zip(names, rows, strict=True)
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
    name : by default "model 1" and so on; no name comes twice, also after its model is deleted

    Raises
    ------
    ModelNameError
        If the name is blank, or another model's.
    ModelStoreError
        If its landmarks aren't the project's.
    RedError
        If the file isn't a model.
    """
    file = Path(file)
    has = landmarks_of(file)
    _check_landmarks(project, has, str(file))
    name = new_name(project) if name is None else checked_name(project, name)
    weights = file.read_bytes()
    values = (
        name,
        _fingerprint(weights),
        parent,
        now(),
        json.dumps({**(details or {}), _LANDMARKS: has}),
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


def take_in(project: Project, file: str | Path) -> ModelVersion:
    """The project's model that is in a file; kept in the project if it isn't there yet.

    It is called like the file where that can be.

    Raises
    ------
    ModelStoreError, RedError
        As :func:`add_model`.
    """
    check_fits(project, file)
    fingerprint = _fingerprint(Path(file).read_bytes())
    for version in versions(project):
        if version.fingerprint == fingerprint:
            return version
    try:
        return add_model(project, file, name=Path(file).stem)
    except ModelNameError:
        return add_model(project, file)


def check_fits(project: Project, file: str | Path, name: str = "") -> None:
    """Make sure that a model file has as many landmarks as the project's faces.

    Parameters
    ----------
    name : what the model is called; as its file by default

    Raises
    ------
    ModelStoreError
        If it has others.
    RedError
        If the file isn't a model.
    """
    _check_landmarks(project, landmarks_of(file), name or str(file))


def _check_landmarks(project: Project, has: int, name: str) -> None:
    needed = {n for (n,) in project.database.read("SELECT DISTINCT n_landmarks FROM tracks")}
    if needed and has not in needed:
        raise ModelStoreError(
            f"{name}: a model of {has} landmarks, and the faces of this project have "
            f"{' or '.join(map(str, sorted(needed)))}; choose another model"
        )


def rename_model(project: Project, version: ModelVersion, name: str) -> None:
    """Call a model otherwise, also where its predictions name it.

    Raises
    ------
    ModelNameError
        If the name is blank, or another model's: one that ships, of this project, or one
        whose predictions are in it.
    """
    name = checked_name(project, name)

    def work(db) -> None:
        db.execute("UPDATE models SET name = ? WHERE id = ?", (name, version.id))
        for of_run in ("", RE_TRACKED_BY):
            db.execute(
                "UPDATE runs SET model = ? WHERE model = ?", (name + of_run, version.name + of_run)
            )

    project.database.write(work)


def delete_model(project: Project, version: ModelVersion) -> None:
    """Take a model out of the project; what it predicted stays. The file gets smaller.

    Those that were made from it have learned what it did: its frames become theirs.

    Raises
    ------
    ModelStoreError
        If it is the one that is used.
    """
    used = current(project)
    if used is not None and used.id == version.id:
        raise ModelStoreError(f"{version.name}: is the model that is used; choose another first")

    children = [
        (version.parent, json.dumps(inherited(child.details, version.details)), child.id)
        for child in versions(project)
        if child.parent == version.id
    ]

    def work(db) -> None:
        db.executemany("UPDATE models SET parent_id = ?, details = ? WHERE id = ?", children)
        db.execute("DELETE FROM model_files WHERE model_id = ?", (version.id,))
        db.execute("DELETE FROM models WHERE id = ?", (version.id,))

    project.database.wipe(work)


def export_model(project: Project, version: ModelVersion, path: str | Path) -> None:
    """Write a model to a file of its own.

    Raises
    ------
    ModelStoreError
        If it can't be written, or is damaged in the project.
    """
    _write(Path(path), _weights(project, version), "choose a folder you may write to")


def current(project: Project) -> ModelVersion | None:
    """The model of the project that is used; None where it is one that ships."""
    chosen = setting(project, MODEL)
    return next((v for v in versions(project) if str(v.id) == chosen), None)


def current_name(project: Project) -> str:
    """What the model is called that is used, one of the project's or one that ships."""
    version = current(project)
    if version is not None:
        return version.name
    chosen = setting(project, MODEL)
    return chosen if chosen in shipped_models() else DEFAULT_MODEL


def use(project: Project, model: ModelVersion | str) -> None:
    """Use a model from now on: one of the project's, or the name of one that ships.

    Raises
    ------
    ModelStoreError
        If no model of that name ships, or its landmarks aren't the project's.
    """
    if isinstance(model, str) and model not in shipped_models():
        raise ModelStoreError(
            f"{model}: no model that ships; choose one of {', '.join(shipped_models())}"
        )
    if not isinstance(model, str) and _LANDMARKS in model.details:
        _check_landmarks(project, model.details[_LANDMARKS], model.name)
    remember(project, MODEL, model if isinstance(model, str) else str(model.id))


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
    """A model as a file, in the user's cache; written anew where that isn't what it was.

    Raises
    ------
    ModelStoreError
        If it can't be written there, or is damaged in the project.
    """
    folder = platformdirs.user_cache_path("napari-red") / "models"
    path = folder / f"{version.fingerprint[:32]}{SUFFIX}"
    if not _holds(path, version.fingerprint):
        with suppress(OSError):  # writing says what is wrong
            folder.mkdir(parents=True, exist_ok=True)
        _write(path, _weights(project, version), "make room in that folder")
    return path


def _holds(path: Path, fingerprint: str) -> bool:
    """Whether a file has the contents of that fingerprint."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == fingerprint
    except OSError:  # it isn't there, or can't be read
        return False


def _weights(project: Project, version: ModelVersion) -> bytes:
    """A model's file, out of the project."""
    rows = project.database.read(
        "SELECT weights FROM model_files WHERE model_id = ?", (version.id,)
    )
    weights: bytes = rows[0][0] if rows else b""
    if _fingerprint(weights) != version.fingerprint:
        raise ModelStoreError(
            f"{version.name}: is damaged in {project.path}; restore a copy of the project, or "
            "use another model"
        )
    return weights


def _fingerprint(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()


def _write(path: Path, weights: bytes, remedy: str) -> None:
    """Write a file, completely or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(weights)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ModelStoreError(f"{path}: can't be written ({error.strerror}); {remedy}") from error
