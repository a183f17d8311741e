"""Makes trainer/heads/data from the shared data: the reduced face model and the skins.

    python scripts/make_heads_data.py ../shared/data [landmarks.npz]

Face model: ICT-FaceKit (MIT), without lacrimal fluid, eye blend and occlusion meshes and
with the first identity components only, quantised to 8 bits with one scale a component.
Skins: photographs of the Face Research Lab London Set (CC BY 4.0), laid onto the model's
texture plane by scripts/heads_skin.py. Prints what the quantisation costs.
The photographs' landmarks take the network some minutes: they are kept in the second file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from heads_skin import make_skins

from trainer.heads.mesh import smooth_normals, vertex_faces
from trainer.heads.occlusion import baked_visibility
from trainer.scheme import IBUG68

OUT = Path(__file__).resolve().parent.parent / "trainer" / "heads" / "data"
KEPT_VERTICES = 24591
"""Face, head, sockets, gums, teeth and eyeballs; the rest are helpers of a film renderer."""
LASHES = slice(25351, 26719)
COMPONENTS = 40
DROPPED = ("PupilDilate_L", "PupilDilate_R")

# How far photographs' annotation lies from the model's own landmarks: what the project's
# network, trained on photographs, says on 48 frontal pictures of 24 made-up people, median;
# cm on the face, (x towards the nose, y down), for the image's left half and the middle.
SHIFTS = {
    0: (-0.19, 0.42), 1: (-0.11, 0.38), 2: (-0.07, 0.41), 3: (0.0, 0.36), 4: (0.0, 0.11),
    5: (-0.17, -0.24), 6: (-0.11, -0.05), 7: (-0.14, 0.1),
    17: (-0.09, 0.21), 18: (-0.06, 0.12), 19: (0.0, 0.09), 20: (-0.14, 0.12), 21: (-0.2, 0.23),
    27: (0.0, 0.11), 28: (0.0, 0.17), 29: (0.0, 0.25), 30: (0.0, 0.17),
    31: (-0.09, -0.12), 32: (-0.11, 0.02), 33: (0.0, 0.15),
    36: (-0.1, 0.03), 37: (0.2, -0.07), 38: (0.13, 0.0), 39: (0.09, 0.0), 40: (-0.04, 0.16),
    41: (0.12, 0.12), 51: (0.0, 0.12), 59: (0.17, 0.16), 58: (0.27, 0.23), 57: (0.0, 0.26),
    61: (0.25, 0.0), 67: (0.31, 0.0),
}  # fmt: skip


CREDIT = """# Data of the made-up heads

Made by `scripts/make_heads_data.py`; what it is good for stands in `docs/heads.md`.

- `face_model.npz`: reduced from the light model of **ICT-FaceKit**, Copyright (c) 2020 USC
  Institute for Creative Technologies, MIT: `LICENSE-ict-facekit.txt`. Changed: parts left out,
  8-bit quantisation, visibility added, some landmarks moved to other vertices.
- `skins/*.webp`, `people.npz`, `regions.png`: made from the **Face Research Lab London Set**
  (Lisa DeBruine and Benedict Jones, 2017, doi 10.6084/m9.figshare.5047666.v5), licence
  CC BY 4.0, https://creativecommons.org/licenses/by/4.0/. Changed: photographs bent onto a
  texture plane, light evened out, hair and background painted over. Each file is named after
  the photograph. Don't present made-up people as any real person.
"""


def moved_landmarks(
    neutral: np.ndarray, normals: np.ndarray, polygons: np.ndarray, landmarks: np.ndarray
) -> np.ndarray:
    """(68,) vertices nearest to where photographs' annotators put the landmarks."""
    skin = np.flatnonzero((np.arange(len(neutral)) < 9409) & (normals[:, 2] > -0.4))
    moved = landmarks.copy()
    for landmark, (x, y) in SHIFTS.items():
        mirrored = IBUG68.flip.index(landmark)
        for index, side in ((landmark, 1), (mirrored, -1)):
            start = neutral[landmarks[index]].astype(np.float64)
            if mirrored == landmark and side < 0:
                continue
            target = start + (side * x, -y, 0)
            away = (neutral[skin] - target) * (1, 1, 0.6)
            nearest = skin[np.argmin(np.linalg.norm(away, axis=1))]
            here = np.linalg.norm((start - target)[:2])
            there = np.linalg.norm((neutral[nearest] - target)[:2])
            if there < here:
                moved[index] = nearest
            print(f"landmark {index}: {10 * here:.1f} mm off, now {10 * min(here, there):.1f}")
    return moved


def quantised(deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, V, 3) deltas as int8 and (K,) scales."""
    scale = np.abs(deltas).max(axis=(1, 2)) / 127
    return np.round(deltas / scale[:, None, None]).astype(np.int8), scale.astype(np.float32)


def reduced(source: Path) -> dict[str, np.ndarray]:
    """The arrays that ship, without baked visibility."""
    with np.load(source) as raw:
        data = {name: raw[name] for name in raw}
    keep = np.r_[0:KEPT_VERTICES, LASHES]
    index = np.full(len(data["neutral"]), -1, np.int64)
    index[keep] = np.arange(len(keep))
    polygons, uv_polygons = data["polygons"], data["uv_polygons"]
    kept = np.where(polygons >= 0, index[polygons], 0).min(axis=1) >= 0
    polygons, uv_polygons = polygons[kept], uv_polygons[kept]
    polygons = np.where(polygons >= 0, index[polygons], -1)
    # One texture coordinate a corner: vertices on a seam are drawn twice.
    corners = polygons >= 0
    pairs, inverse = np.unique(
        np.stack([polygons[corners], uv_polygons[corners]], axis=1), axis=0, return_inverse=True
    )
    drawn = np.full(polygons.shape, -1, np.int64)
    drawn[corners] = inverse.ravel()
    names = [str(name) for name in data["expression_names"]]
    wanted = [n for n, name in enumerate(names) if name not in DROPPED]
    identity = data["identity_deltas"][:COMPONENTS, keep].astype(np.float32)
    expression = data["expression_deltas"][wanted][:, keep].astype(np.float32)
    identity_q, identity_scale = quantised(identity)
    expression_q, expression_scale = quantised(expression)
    for name, exact, q, scale in (
        ("identity", identity, identity_q, identity_scale),
        ("expression", expression, expression_q, expression_scale),
    ):
        error = 10 * np.linalg.norm(exact - q * scale[:, None, None], axis=2)
        print(f"{name}: quantisation error mean {error.mean():.4f} max {error.max():.4f} mm")
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(50, COMPONENTS)).astype(np.float32)
    exact = np.einsum("nk,kvc->nvc", weights, identity)
    coarse = np.einsum("nk,kvc->nvc", weights, identity_q * identity_scale[:, None, None])
    error = 10 * np.linalg.norm(exact - coarse, axis=2)
    print(f"50 random people: mean {error.mean():.3f} max {error.max():.3f} mm")
    whole = data["identity_deltas"][COMPONENTS:, keep].astype(np.float32)
    lost = np.einsum("nk,kvc->nvc", rng.normal(size=(50, len(whole))).astype(np.float32), whole)
    print(f"left-out components: {10 * np.linalg.norm(lost, axis=2).mean():.2f} mm on average")
    return {
        "neutral": data["neutral"][keep].astype(np.float32),
        "polygons": polygons.astype(np.int16 if len(keep) < 2**15 else np.int32),
        "drawn_polygons": drawn.astype(np.int32),
        "drawn_vertices": pairs[:, 0].astype(np.int32),
        "drawn_uv": data["uv"][pairs[:, 1]].astype(np.float16),
        "identity": identity_q,
        "identity_scale": identity_scale,
        "expression": expression_q,
        "expression_scale": expression_scale,
        "expression_names": np.array([names[n] for n in wanted]),
        "model_landmark_vertices": data["landmark68_vertices"].astype(np.int32),
    }


def main(shared: Path, landmarks: Path | None = None) -> None:
    """Write everything."""
    OUT.mkdir(parents=True, exist_ok=True)
    arrays = reduced(shared / "ict_facekit" / "face_model.npz")
    normals = smooth_normals(arrays["neutral"], vertex_faces(arrays["polygons"]))
    arrays["landmark_vertices"] = moved_landmarks(
        arrays["neutral"], normals, arrays["polygons"], arrays["model_landmark_vertices"]
    )
    visibility = baked_visibility(arrays["neutral"], normals, arrays["polygons"])
    arrays["visibility"] = np.round(np.clip(visibility, -1, 1) * 127).astype(np.int8)
    np.savez_compressed(OUT / "face_model.npz", **arrays)
    (OUT / "LICENSE-ict-facekit.txt").write_bytes((shared / "ict_facekit" / "LICENSE").read_bytes())
    make_skins(shared / "london", OUT, landmarks)
    (OUT / "README.md").write_text(CREDIT, encoding="utf-8")
    (OUT / "LICENSE-london.md").write_bytes((shared / "london" / "LICENSE.md").read_bytes())
    total = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    print(f"{OUT}: {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
