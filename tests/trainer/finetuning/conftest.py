from pathlib import Path

import pytest
from pushed_fixtures import tiny_base, tiny_recipe, write_set

from trainer.finetuning import job


class Events(list):
    """Collects what a run tells."""

    def __call__(self, event, **values):
        self.append({"event": event, **values})

    def named(self, name):
        return [values for values in self if values["event"] == name]


@pytest.fixture
def base(tmp_path) -> Path:
    return tiny_base(tmp_path / "base.safetensors")


@pytest.fixture
def pushed(tmp_path) -> Path:
    return write_set(tmp_path / "set")


@pytest.fixture
def tune(tmp_path, base, pushed):
    """Run a fine-tuning; returns its report and what it told."""

    def run(out="out", *, pushed=pushed, base=base, recipe=None, **options):
        events = Events()
        settings = job.FinetuneOptions(
            **{"emit": events, "lock_folder": tmp_path / "locks", "checkpoint_seconds": 0.0}
            | options
        )
        if "emit" in options:
            events = options["emit"]
        report = job.finetune(pushed, base, tmp_path / out, settings, recipe or tiny_recipe())
        return report, events

    return run
