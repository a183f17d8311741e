"""Small things a project remembers by name."""

from __future__ import annotations

import secrets

from napari_red.core.project import Project, ProjectError

MODEL = "model"
"""Under this is remembered which model is used: its number, or the name of one that ships."""

TRAINING = "id"
"""Under this is remembered what the folder of a project's rounds of training is called."""


def setting(project: Project, name: str) -> str | None:
    """What is remembered under a name."""
    rows = project.database.read("SELECT value FROM settings WHERE name = ?", (name,))
    return rows[0][0] if rows else None


def remember(project: Project, name: str, value: str) -> None:
    """Remember a value under a name."""
    project.database.write(
        lambda db: db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
    )


def secret(project: Project) -> str:
    """The project's own secret, which pseudonyms are made with; made when first asked for.

    Raises
    ------
    ProjectError
        If there is none yet, and the project can't be written.
    """
    known = setting(project, "secret")
    if known is None:
        if project.read_only:
            raise ProjectError(
                f"{project.path}: has no key for pseudonyms yet, and none can be kept in it, "
                f"because {project.locked}"
            )
        known = secrets.token_hex(16)
        remember(project, "secret", known)
    return known
