"""Clips of several sources in turn."""

from __future__ import annotations

import torch

from trainer.data.clips import ClipBatch, MixedClips


class Source:
    def __init__(self, kind: str, people: list[str]) -> None:
        self.kind, self.people, self.n_clips = kind, people, 7

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        empty = torch.zeros(2, size, 3, 4, 4)
        return ClipBatch(empty, torch.full((2, size, 7, 2), number), torch.zeros(size).long())


def test_each_source_comes_as_often_as_its_weight_and_counts_its_own_batches() -> None:
    drawn: list[tuple[str, int]] = []

    class Watched(Source):
        def draw(self, size: int, seed: int, number: int) -> ClipBatch:
            drawn.append((self.kind, number))
            return super().draw(size, seed, number)

    mixed = MixedClips([Watched("made", ["a"]), Watched("real", ["a", "b"])], [1, 2])
    for number in range(6):
        mixed.draw(3, 0, number)
    assert drawn == [("made", 0), ("real", 0), ("real", 1), ("made", 1), ("real", 2), ("real", 3)]
    assert (mixed.kind, mixed.n_clips, mixed.people) == ("made and real", 14, ["a", "b"])
