from pathlib import Path

import pytest

from trainer.paths import UnreachableError, reachable


def test_paths_that_can_be_looked_at_come_back(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    for path in (file, tmp_path, tmp_path / "none", file / "below"):
        assert reachable(path) == path


def test_one_that_cannot_be_looked_at_is_told(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UnreachableError, match="name"):
        reachable(tmp_path / ("a" * 300))

    def stat(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(UnreachableError, match=r"p\.red: can't be looked at \(Permission denied\)"):
        reachable(tmp_path / "p.red")
