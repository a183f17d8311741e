"""From a pushed set and a model to a better model, or the news that there is none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import LoadedModel, load_model, save_model
from trainer.finetuning.control import Cancelled
from trainer.finetuning.device_lock import device_lock
from trainer.finetuning.gate import Verdict, compare, judge, measure
from trainer.finetuning.material import FinetuneError, Material, gather
from trainer.finetuning.recipe import RECIPE, Recipe
from trainer.finetuning.run import STATE_FILE, Emit, FineTuning, RunOptions
from trainer.model_header import ModelError, read_header
from trainer.models.rednet import RedNet
from trainer.paths import reachable
from trainer.pushed_set import PushedSet, read_pushed_set

MODEL_FILE, REPORT_FILE = "model.safetensors", "report.json"

NOTHING_LEARNED = "nothing was learned, because it was stopped before the first update"

PARTS = (1.0, 0.75, 0.5)
"""How far towards the best network: where that got worse on other people, less is tried."""


@dataclass
class FinetuneOptions:
    """How fine-tuning is done, beside the recipe.

    Attributes
    ----------
    device, precision : where and how the network calculates
    minutes : the most the run may take; None is as many as the recipe says
    seed : same seed, same result
    emit : takes the events of docs/finetune.md
    should_stop : asked between updates; true keeps the best so far and goes on to the gate
    lock_folder : of the device's lock; None is the user's cache folder
    checkpoint_seconds : between state files
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    minutes: float | None = None
    seed: int = 0
    emit: Emit = lambda event, **values: None
    should_stop: Callable[[], bool] = lambda: False
    lock_folder: Path | None = None
    checkpoint_seconds: float = 30.0


def finetune(
    pushed: str | Path,
    base: str | Path,
    out: str | Path,
    options: FinetuneOptions,
    recipe: Recipe = RECIPE,
) -> dict[str, Any]:
    """Fine-tune ``base`` on a pushed set.

    An unfinished run in ``out`` goes on; a finished one is told again and left alone. Where
    a better model came out, ``out`` holds ``model.safetensors``; ``report.json`` in any case.

    Parameters
    ----------
    pushed : folder of a pushed set
    base : a model's name or file
    out : a new or empty folder, or one of the same run
    options, recipe : how

    Returns
    -------
    The report, see docs/finetune.md

    Raises
    ------
    RedError
        If the set, the model or the folder can't be used, or another training holds the device.
    Cancelled
        If the run was cancelled; nothing is left in ``out``.
    """
    out = Path(out)
    existed = reachable(out).is_dir()
    found = read_pushed_set(pushed)
    loaded = load_model(base, options.device)
    identity = {
        "set": found.fingerprint,
        "parent": fingerprint(loaded.model),
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "seed": options.seed,
    }
    finished = _finished(out, identity)
    if finished is not None:
        told = _told(out, finished)
        options.emit("done", **told | {"message": f"finished already: {told['message']}"})
        return finished
    _check_empty(out)
    try:
        with device_lock(options.device, f"fine-tuning on {Path(pushed)}", options.lock_folder):
            return _run(found, loaded, out, options, recipe, identity)
    except Cancelled:
        _clear(out, existed)
        raise
    finally:
        if not existed and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def fingerprint(model: RedNet) -> str:
    """SHA-256 of a network's weights: the same for a copy of its file under another name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if not name.endswith("num_batches_tracked"):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()


def _run(
    pushed: PushedSet,
    base: LoadedModel,
    out: Path,
    options: FinetuneOptions,
    recipe: Recipe,
    identity: dict[str, Any],
) -> dict[str, Any]:
    began = time.monotonic()
    looked_at = len(pushed.looked_at(held_out=False))
    budget = 60 * options.minutes if options.minutes else recipe.budget(looked_at)
    saved, damaged = _saved(out / STATE_FILE)
    anew = "; what was saved of the run is damaged, so it begins anew" if damaged else ""
    options.emit(
        "start",
        message=f"{looked_at} frames to learn from, at most {budget / 60:.1f} minutes{anew}",
        seconds_left=round(budget, 1),
        resumed=saved,
        damaged=damaged,
    )
    material = gather(pushed, base, recipe, precision=options.precision)
    for stage, reason in material.skipped.items():
        options.emit("skipped", stage=stage, message=reason)
    run = FineTuning(
        base,
        material,
        recipe,
        out,
        RunOptions(
            device=options.device,
            precision=options.precision,
            seed=options.seed,
            budget=budget - (time.monotonic() - began),
            identity=identity,
            checkpoint_seconds=options.checkpoint_seconds,
            emit=options.emit,
            should_stop=options.should_stop,
        ),
    )
    run.run()
    verdict, network, part = _judged(run, options.precision)
    if not run.updates:
        verdict = replace(verdict, accepted=False, reason=NOTHING_LEARNED)
    options.emit("gate", message=verdict.reason, **_numbers(verdict))
    report = {
        "finished": True,
        "accepted": verdict.accepted,
        "message": verdict.reason if verdict.accepted else f"kept the old one: {verdict.reason}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": {"name": base.name, "fingerprint": identity["parent"]},
        "set": {"fingerprint": pushed.fingerprint, **material.counts},
        "people": {"known": material.known, "new": material.people[material.known :]},
        "stages": _stages(run, material, recipe),
        "gate": {**verdict.summary(), "part": part},
        "seconds": round(run.elapsed(), 1),
        "device": str(options.device),
        "identity": identity,
    }
    if verdict.accepted:
        _save(out / MODEL_FILE, network, base, report, material)
    _write_report(out / REPORT_FILE, report)
    (out / STATE_FILE).unlink(missing_ok=True)
    options.emit("done", **_told(out, report))
    return report


def _saved(state: Path) -> tuple[bool, bool]:
    """Whether there is a run to go on with, and whether there was one whose state is damaged,
    as after a crash of the machine; what is left of that is removed."""
    if not state.is_file():
        return False, False
    try:
        read_header(state)
    except ModelError:
        state.unlink()
        return False, True
    return True, False


def _judged(run: FineTuning, precision: torch.dtype) -> tuple[Verdict, RedNet, float]:
    """The verdict on the best network, or on one nearer to the base where that is refused.

    With that network, and how far it is from the base to the best.
    """
    old_held_out, old_gate = run.old
    for part in PARTS:
        network = run.network(part)
        held_out = compare(old_held_out, measure(network, run.material.held_out, precision))
        gate = compare(old_gate, measure(network, run.material.gate, precision))
        verdict = judge(held_out, gate)
        if verdict.accepted or held_out.change >= 0:
            break
    return verdict, network, part


def _stages(run: FineTuning, material: Material, recipe: Recipe) -> list[dict[str, Any]]:
    rows = []
    for stage, config in enumerate(recipe.train.stages, 1):
        if stage in material.skipped:
            rows.append({"stage": stage, "skipped": material.skipped[stage]})
        else:
            figures = run.state.figures.get(stage, {"updates": 0})
            settings = {
                "learning_rate": config.learning_rate,
                "batch": config.batch,
                "identity_weight": config.identity_weight,
            }
            rows.append({"stage": stage, **settings, **figures})
    return rows


def _save(
    path: Path, model: RedNet, base: LoadedModel, report: dict[str, Any], material: Material
) -> None:
    """Write the model; its confidence is the base's, which docs/finetune.md gives reasons for."""
    model.confidence = base.model.confidence
    kept = {k: v for k, v in base.info.items() if k in ("config", "calibration", "label_shift")}
    if "calibration" in kept:
        note = "slopes and levels of the parent, not fitted anew"
        kept["calibration"] = {**kept["calibration"], "finetuned": note}
    info = {
        **kept,
        "people": material.people if material.people else base.info.get("people", []),
        "parent": report["parent"]["name"],
        "finetuned": {k: v for k, v in report.items() if k not in ("finished", "people")},
    }
    save_model(path, model, info)


def _told(out: Path, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "accepted": report["accepted"],
        "message": report["message"],
        "model": str(out / MODEL_FILE) if report["accepted"] else None,
        "report": str(out / REPORT_FILE),
        "seconds_left": 0.0,
    }


def _numbers(verdict: Verdict) -> dict[str, Any]:
    return {
        "accepted": verdict.accepted,
        "error_before": round(float(verdict.held_out.old.faces.mean()), 4),
        "error_now": round(float(verdict.held_out.new.faces.mean()), 4),
        "replay_before": round(float(verdict.replay.old.faces.mean()), 4),
        "replay_now": round(float(verdict.replay.new.faces.mean()), 4),
    }


def _finished(out: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    path = out / REPORT_FILE
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FinetuneError(f"{path}: can't be read ({error}); choose an empty folder") from error
    if not isinstance(report, dict) or report.get("identity") != identity:
        raise FinetuneError(
            f"{out}: holds the result of another set, model or settings; choose an empty folder"
        )
    return report


def _check_empty(out: Path) -> None:
    """Refuse a folder with anything in it that this run didn't write."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        others = sorted(p.name for p in out.iterdir() if not _ours(p))
    except OSError as error:
        raise FinetuneError(
            f"{out}: can't be used ({error.strerror}); choose a folder you may write to"
        ) from error
    if others:
        raise FinetuneError(f"{out}: has {others[0]} in it; choose a new or empty folder")


def _ours(path: Path) -> bool:
    name = path.name.removeprefix(".").removesuffix(".partial")
    return name in (STATE_FILE, MODEL_FILE, REPORT_FILE)


def _clear(out: Path, existed: bool) -> None:
    if not existed:
        shutil.rmtree(out, ignore_errors=True)
        return
    for path in out.iterdir():
        if _ours(path):
            path.unlink(missing_ok=True)


def _write_report(path: Path, report: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise FinetuneError(
            f"{path}: can't be written ({error.strerror}); make room on that disk, and the same "
            "command goes on"
        ) from error
