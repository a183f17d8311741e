"""Made-up people: face shape, skin, eyes, hair and clothes, each from a person's number."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np

from trainer.heads.face_model import DATA, face_model
from trainer.heads.gl import HeadsError
from trainer.heads.hair import HairStyle

TEST_EVERY = 4
"""Every fourth person, and every fourth photograph, is for testing."""

_HAIR_COLOURS = np.array(
    [
        [0.012, 0.009, 0.008], [0.02, 0.012, 0.009], [0.045, 0.025, 0.015],
        [0.09, 0.05, 0.03], [0.16, 0.09, 0.045], [0.36, 0.24, 0.12],
        [0.50, 0.38, 0.22], [0.24, 0.07, 0.02], [0.35, 0.34, 0.33], [0.62, 0.61, 0.60],
    ]
)  # fmt: skip
_IRIS_COLOURS = np.array(
    [
        [0.05, 0.025, 0.012], [0.09, 0.045, 0.02], [0.16, 0.09, 0.035], [0.13, 0.12, 0.05],
        [0.10, 0.15, 0.12], [0.11, 0.18, 0.27], [0.20, 0.25, 0.29],
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """How somebody looks in every clip.

    Attributes
    ----------
    number : int
    split : "train" or "test"
    shape : (V, 3) float32, the face at rest, cm
    skin : (S, S, 3) uint8 sRGB texture of the face's tile, first row at v = 1
    skin_mean : (3,) float32 linear, what the rest of the head is painted with
    hair_colour, iris_colour : (3,) float32 linear
    hair : HairStyle
    glasses : (half width, half height, squareness) in cm, or None
    shine : float, strength of highlights
    photographs : names of the photographs the skin comes from
    """

    number: int
    split: str
    shape: np.ndarray
    skin: np.ndarray
    skin_mean: np.ndarray
    hair_colour: np.ndarray
    iris_colour: np.ndarray
    hair: HairStyle
    glasses: tuple[float, float, float] | None
    shine: float
    photographs: tuple[str, ...]


def split_of(person: int) -> str:
    """ "train" or "test": a fixed rule, whatever else is drawn."""
    return "test" if person % TEST_EVERY == TEST_EVERY - 1 else "train"


def generator(*words: str | int) -> np.random.Generator:
    """Random numbers that depend on these words alone, the same on every machine."""
    text = " ".join(map(str, words))
    return np.random.default_rng([zlib.crc32(text.encode()), zlib.adler32(text.encode())])


@dataclass(frozen=True)
class _Photographs:
    names: tuple[str, ...]
    skin: np.ndarray
    identity: np.ndarray


@cache
def _photographs() -> _Photographs:
    with np.load(DATA / "people.npz") as data:
        names = tuple(str(name) for name in data["name"])
        return _Photographs(names, data["skin"], data["identity"].astype(np.float32))


def photographs_of(split: str) -> list[int]:
    """Which of the shipped photographs people of a split may be made from."""
    return [n for n in range(len(_photographs().names)) if split_of(n) == split]


@lru_cache(maxsize=16)
def make_person(number: int, seed: int = 0) -> Person:
    """The person of this number; another ``seed`` is another world of people."""
    split = split_of(number)
    rng = generator("person", seed, number)
    photos = _photographs()
    pool = photographs_of(split)
    order = generator("order", seed, split).permutation(pool)
    place = number // TEST_EVERY if split == "test" else number - number // TEST_EVERY
    first = int(order[place % len(pool)])
    second = int(rng.choice([n for n in pool if n != first]))
    repeated = place >= len(pool)
    skin, mean, darker, hair_colour = _skin(rng, first, second, repeated)
    model = face_model()
    count = len(model.identity)
    # Fitted faces carry sex and descent that go with the skin; noise makes them someone new.
    identity = 1.1 * photos.identity[first] + rng.normal(0, 0.65, count).astype(np.float32)
    if repeated:
        identity += 0.5 * (photos.identity[second] - photos.identity[first])
    identity = np.clip(identity, -2.2, 2.2)
    dark_eyed = darker or rng.random() < 0.45
    iris = _IRIS_COLOURS[rng.integers(0, 3) if dark_eyed else rng.integers(2, len(_IRIS_COLOURS))]
    glasses = None
    if rng.random() < 0.22:
        glasses = (rng.uniform(2.3, 2.8), rng.uniform(1.6, 2.2), rng.uniform(0.45, 1.0))
    return Person(
        number=number,
        split=split,
        shape=model.person(identity),
        skin=skin,
        skin_mean=mean,
        hair_colour=hair_colour.astype(np.float32),
        iris_colour=(iris * rng.uniform(0.75, 1.3, 3)).astype(np.float32),
        hair=_hair_style(rng),
        glasses=glasses,
        shine=float(rng.uniform(0.03, 0.16)),
        photographs=(photos.names[first],) + ((photos.names[second],) if repeated else ()),
    )


def _hair_colour(rng: np.random.Generator, darker: bool) -> np.ndarray:
    chance = np.array([3, 3, 3, 2.5, 2, 1.5, 0.8, 0.7, 0.8, 0.4])
    if darker:
        chance = np.array([6, 4, 2, 0.5, 0.2, 0.05, 0.02, 0.05, 0.4, 0.2])
    colour = _HAIR_COLOURS[rng.choice(len(chance), p=chance / chance.sum())]
    return colour * rng.uniform(0.8, 1.25, 3)


def _hair_style(rng: np.random.Generator) -> HairStyle:
    kind = rng.choice(["bald", "cropped", "short", "full", "long"], p=[0.07, 0.18, 0.3, 0.15, 0.3])
    thickness = {
        "bald": 0.0,
        "cropped": rng.uniform(0.15, 0.4),
        "short": rng.uniform(0.6, 1.5),
        "full": rng.uniform(1.5, 3.0),
        "long": rng.uniform(0.5, 1.3),
    }[str(kind)]
    return HairStyle(
        thickness=float(thickness),
        line=float(rng.normal(0.1, 0.6)),
        peak=float(rng.uniform(-0.4, 0.5)),
        length=float(rng.uniform(17, 33)) if kind == "long" else 0.0,
        opening=float(rng.uniform(96, 122)),
        curl=float(rng.random() ** 2),
        seed=int(rng.integers(1 << 30)),
    )


def _texture(index: int) -> np.ndarray:
    """(S, S, 3) float32 linear RGB of a shipped photograph's skin."""
    return (_picture(f"skins/{_photographs().names[index]}.webp") / 255) ** 2.2


def _picture(name: str) -> np.ndarray:
    """(S, S, 3) float32 RGB 0 to 255 of a shipped file."""
    packed = np.frombuffer((DATA / name).read_bytes(), np.uint8)
    picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    if picture is None:
        raise HeadsError(f"{DATA / name}: can't be read; install napari-red again")
    return picture[:, :, ::-1].astype(np.float32)


def _skin(
    rng: np.random.Generator, first: int, second: int, repeated: bool
) -> tuple[np.ndarray, np.ndarray, bool, np.ndarray]:
    photos = _photographs()
    texture, mean = _texture(first), photos.skin[first].copy()
    if rng.random() < 0.5:
        texture = texture[:, ::-1].copy()
    if repeated:  # a new mixture: features of both faces, the tone in between
        other = _texture(second) * (mean / photos.skin[second])
        share = rng.uniform(0.3, 0.6)
        texture = texture ** (1 - share) * np.maximum(other, 1e-4) ** share
    # Another tone of skin: lighter or darker along the line real skins lie on.
    tone = rng.normal(0, 0.16) if rng.random() < 0.75 else rng.normal(-0.3, 0.45)
    lightest = float(np.log(0.55 / mean[0]))
    tone = float(np.clip(tone, -1.3, lightest))
    factor = np.exp(tone * np.array([0.75, 1.0, 1.15]))
    factor = factor * np.exp(rng.normal(0, 0.035, 3))
    texture, mean = texture * factor, mean * factor
    size = texture.shape[0]
    blotches = cv2.resize(rng.normal(0, 1, (24, 24, 3)).astype(np.float32), (size, size),
                          interpolation=cv2.INTER_CUBIC)  # fmt: skip
    texture = texture * np.exp(blotches * rng.uniform(0.005, 0.03) * np.array([0.6, 1, 1]))
    if rng.random() < 0.15:
        texture = _freckled(rng, texture)
    darker = bool(mean.mean() < 0.12)
    hair_colour = _hair_colour(rng, darker)
    texture = _made_up(rng, texture, hair_colour)
    skin = np.clip(texture, 0, 1) ** (1 / 2.2)
    return np.round(skin * 255).astype(np.uint8), mean.astype(np.float32), darker, hair_colour


@cache
def _regions() -> np.ndarray:
    """(S, S, 3) float32 0 to 1: beard, lips, brows."""
    return _picture("regions.png") / 255


def _made_up(rng: np.random.Generator, texture: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """Tinted lips and brows, sometimes lipstick, stubble or a beard."""
    beard, lips, brows = np.moveaxis(_regions(), -1, 0)[..., None]
    size = texture.shape[0]
    tint = np.exp(rng.normal(0, 0.12, 3))
    kind = rng.random()
    if kind > 0.85:
        tint = tint * np.array([1.15, 0.5, 0.55])
    texture = texture * (1 + lips * (tint - 1))
    texture = texture * (1 + brows * (np.exp(rng.uniform(-0.5, 0.15)) - 1))
    if kind < 0.22:
        grain = rng.random((size, size, 1), np.float32)
        grain = 0.6 * grain + 0.4 * cv2.GaussianBlur(grain, (0, 0), 1.2)[..., None]
        strength = rng.uniform(0.2, 0.5) if kind < 0.15 else rng.uniform(0.6, 0.85)
        cover = np.clip(beard * strength * (0.55 + 0.9 * grain), 0, 0.95)
        texture = texture * (1 - cover) + 1.1 * hair * (0.6 + 0.8 * grain) * cover
    return texture


def _freckled(rng: np.random.Generator, texture: np.ndarray) -> np.ndarray:
    size = texture.shape[0]
    spots = np.zeros((size, size), np.float32)
    for x, y in rng.normal((0.5, 0.42), (0.11, 0.06), (int(rng.integers(60, 220)), 2)) * size:
        if 1 < x < size - 2 and 1 < y < size - 2:
            spots[int(y), int(x)] += rng.uniform(1, 4)
    spots = np.clip(cv2.GaussianBlur(spots, (0, 0), 0.9), 0, 1)
    return texture * np.exp(-spots[..., None] * np.array([0.4, 0.8, 1.0]))
