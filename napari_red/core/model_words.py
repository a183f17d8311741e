"""A model of a project, told to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_red.core.model_store import ModelVersion
from napari_red.core.models import DEFAULT_MODEL

COLUMNS = ("Model", "Made", "From", "Corrected", "Error set aside", "Error on others")
"""Of a table with a row for each model."""

DAMAGED = "Some of what was known of its training is lost: the file was damaged."


def cells_of(version: ModelVersion, versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    """The texts of a model's row, as in :data:`COLUMNS`.

    Parameters
    ----------
    versions : all models of the project, for the parent's name
    """
    details = version.details
    kinds = details.get("kinds", {})
    gate = details.get("gate", {})
    return (
        version.name,
        version.made[:16].replace("T", " "),
        _parent(version, versions),
        str(kinds.get("corrected", "")),
        _before_after(gate.get("held_out")),
        _before_after(gate.get("replay")),
    )


def about(version: ModelVersion) -> str:
    """What is known of a model beyond its row: people, stages, seconds."""
    details = version.details
    lines = []
    if details.get("damaged"):
        lines.append(DAMAGED)
    if people := details.get("people"):
        names = people if isinstance(people, list) else people.get("new", [])
        if names:
            lines.append(f"People: {', '.join(names)}.")
    for stage in details.get("stages", []):
        lines.append(_stage(stage))
    if "seconds" in details:
        lines.append(f"Trained for {details['seconds']:.0f} s on {details.get('device', '?')}.")
    return " ".join(lines) or "Imported from a file."


def _parent(version: ModelVersion, versions: Sequence[ModelVersion]) -> str:
    for other in versions:
        if other.id == version.parent:
            return other.name
    if "base_name" in version.details:
        return str(version.details["base_name"])
    if version.details.get("damaged"):
        return "lost"
    return "a file" if "gate" not in version.details else DEFAULT_MODEL


def _before_after(comparison: dict[str, Any] | None) -> str:
    if not comparison:
        return ""
    before, after = comparison["before"]["nme"], comparison["after"]["nme"]
    return f"{before:.2f} → {after:.2f} %"


def _stage(stage: dict[str, Any]) -> str:
    if "skipped" in stage:
        return f"Stage {stage['stage']} left out: {stage['skipped']}."
    return f"Stage {stage['stage']}: {stage.get('updates', 0)} updates."
