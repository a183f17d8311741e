"""The rounds of all simulated annotators, gathered into rows: one look, way and number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.metrics import bootstrap_interval


@dataclass(frozen=True)
class Row:
    """People who did the same.

    Attributes
    ----------
    look, arm : of the heads; the way of working
    chain : whether there were rounds before
    corrections : of each person
    people : names
    records : by person what :class:`trainer.experiments.annotator.Project` measured
    other_errors : by person the error on other people before and after, or None
    projects, accepted : how many, and how many took a new model
    """

    look: str
    arm: str
    chain: bool
    corrections: int
    people: tuple[str, ...]
    records: tuple[dict[str, Any], ...]
    other_errors: tuple[tuple[float, float] | None, ...]
    projects: int
    accepted: int

    def only(self, people: Sequence[str]) -> Row:
        """The same of some of the people."""
        kept = [i for i, person in enumerate(self.people) if person in people]
        return replace(
            self,
            people=tuple(self.people[i] for i in kept),
            records=tuple(self.records[i] for i in kept),
            other_errors=tuple(self.other_errors[i] for i in kept),
        )

    def mean(self, where: str, what: str) -> tuple[float, float]:
        """A figure before and after, mean over people.

        ``where`` is "rest", "carried" (the same with corrections carried on), "videos" or
        "videos_carried".
        """
        before, after = self._pairs(where, what).mean(axis=0)
        return float(before), float(after)

    def change(self, where: str, what: str = "points") -> tuple[float, float, float]:
        """Per cent by which a figure changed over all people, and its interval over people."""
        return _fallen_with_ends(self._pairs(where, what), self.people)

    def others(self) -> tuple[float, float, float] | None:
        """The same of the error on other people, where that was measured."""
        pairs = [pair for pair in self.other_errors if pair is not None]
        if len(pairs) < len(self.people):
            return None
        return _fallen_with_ends(np.array(pairs), self.people)

    def values(self) -> dict[str, Any]:
        """All of it as JSON values."""
        out: dict[str, Any] = {
            "look": self.look, "arm": self.arm, "in_rounds": self.chain,
            "corrections": self.corrections, "people": list(self.people),
            "projects": self.projects, "accepted": self.accepted,
            "others_change": self.others(),
        }  # fmt: skip
        for where in ("rest", "carried", "videos", "videos_carried"):
            for what in ("nme", "to_move", "points", "to_move_own_eyes"):
                out[f"{where}_{what}"] = self.mean(where, what)
            out[f"{where}_points_change"] = self.change(where)
            out[f"{where}_nme_change"] = self.change(where, "nme")
        return out

    def _pairs(self, where: str, what: str) -> np.ndarray:
        return np.array(
            [[one[where]["before"][what], one[where]["after"][what]] for one in self.records], float
        )


def read_rounds(folder: Path) -> list[dict[str, Any]]:
    """Every round that is done, with ``look``, ``rounds`` and ``total``."""
    found = []
    for path in sorted(folder.glob("*/projects/*/*/*/*/round.json")):
        look, _, _, _, rounds, total, _ = path.relative_to(folder).parts
        known = json.loads(path.read_text(encoding="utf-8"))
        found.append({"look": look, "rounds": rounds, "total": int(total), **known})
    return found


def read_real(folder: Path) -> list[dict[str, Any]]:
    """Outcomes of real people that are there."""
    paths = sorted(folder.glob("real*/round.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def rows_of(rounds: Sequence[dict[str, Any]], arms: Sequence[str]) -> list[Row]:
    """Rounds of the same look, way of working and number of corrections together."""
    groups: dict[tuple[str, bool, str, int], list[dict[str, Any]]] = {}
    for one in rounds:
        key = one["look"], "-" in one["rounds"], one["arm"], one["total"]
        groups.setdefault(key, []).append(one)
    looks = list(dict.fromkeys(sorted((one["look"] for one in rounds), key=_normal_first)))
    order = sorted(
        groups, key=lambda key: (looks.index(key[0]), key[1], arms.index(key[2]), key[3])
    )
    return [_row(key, groups[key]) for key in order]


def _normal_first(look: str) -> tuple[bool, str]:
    return look != "normal", look


def _row(key: tuple[str, bool, str, int], projects: Sequence[dict[str, Any]]) -> Row:
    look, chain, arm, corrections = key
    people: list[str] = []
    records, others = [], []
    for one in projects:
        errors = one["others"]
        for person, record in one["people"].items():
            people.append(person)
            records.append(record)
            known = errors["before"] is not None
            others.append((errors["before"], errors["after"]) if known else None)
    return Row(
        look,
        arm,
        chain,
        corrections,
        tuple(people),
        tuple(records),
        tuple(others),
        len(projects),
        sum(one["accepted"] for one in projects),
    )


def _fallen_with_ends(pairs: np.ndarray, people: Sequence[str]) -> tuple[float, float, float]:
    if len(people) < 2:
        return _fallen(pairs), float("nan"), float("nan")
    return _fallen(pairs), *bootstrap_interval(pairs, list(people), _fallen)


def _fallen(pairs: np.ndarray) -> float:
    before, after = pairs.sum(axis=0)
    return 100 * float(after / before - 1) if before else float("nan")
