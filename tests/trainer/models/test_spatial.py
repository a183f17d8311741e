"""f_sRNN: squares drawn at landmarks, landmarks found in response maps."""

from __future__ import annotations

import pytest
import torch

from trainer.models.spatial import (
    cluster_centres,
    draw_squares,
    expected_positions,
    label_map,
    response_moments,
    soft_maps,
)

NOWHERE = float("nan")


def landmarks(*points: tuple[float, float]) -> torch.Tensor:
    """(1, L, 2)."""
    return torch.tensor([points], dtype=torch.float32)


def bumps(points: torch.Tensor, size: int = 64, height: float = 12.0) -> torch.Tensor:
    """Raw response maps (B, L + 1, size, size) whose landmark squares stand out."""
    z = draw_squares(points, 7, size)
    maps = torch.nn.functional.one_hot(z, points.shape[1] + 1).permute(0, 3, 1, 2)
    return maps.float() * height


@pytest.mark.parametrize("side", [7, 5, 3, 1])
def test_square_has_its_centre_size_and_label(side: int) -> None:
    z = draw_squares(landmarks((20, 30), (50, 11)), side, 64)
    assert z.shape == (1, 64, 64)
    assert z.dtype == torch.int64
    for label, (x, y) in ((1, (20, 30)), (2, (50, 11))):
        rows, columns = torch.nonzero(z[0] == label, as_tuple=True)
        assert len(rows) == side * side
        assert (columns.float().mean(), rows.float().mean()) == (x, y)
        assert columns.max() - columns.min() == side - 1
        assert rows.max() - rows.min() == side - 1
    assert (z > 0).sum() == 2 * side * side


def test_square_is_drawn_around_the_nearest_pixel() -> None:
    z = draw_squares(landmarks((20.4, 29.6)), 3, 64)
    assert z[0, 30, 20] == 1
    assert z[0, 29:32, 19:22].sum() == z.sum() == 9


@pytest.mark.parametrize(
    ("point", "left"),
    [((0, 0), 16), ((63, 0), 16), ((63, 63), 16), ((0, 30), 28), ((-3, 30), 7), ((66, 66), 1)],
)
def test_square_is_cut_at_the_border(point: tuple[float, float], left: int) -> None:
    z = draw_squares(landmarks(point), 7, 64)
    assert (z == 1).sum() == left
    rows, columns = torch.nonzero(z[0], as_tuple=True)
    assert (columns - point[0]).abs().max() <= 3, "nothing wraps round to the other side"
    assert (rows - point[1]).abs().max() <= 3


@pytest.mark.parametrize("point", [(NOWHERE, NOWHERE), (5.0, NOWHERE), (-9.0, 5.0), (1e9, 1e9)])
def test_unlabelled_or_far_off_landmark_draws_nothing(point: tuple[float, float]) -> None:
    z = draw_squares(landmarks(point, (30, 30)), 7, 64)
    assert (z == 1).sum() == 0
    assert (z == 2).sum() == 49


def test_where_squares_overlap_the_nearer_centre_wins() -> None:
    z = draw_squares(landmarks((20, 20), (24, 20)), 7, 64)[0]
    assert z[20, 20] == 1
    assert z[20, 24] == 2
    assert z[20, 21] == 1  # 1 away from the first, 3 from the second
    assert z[20, 23] == 2
    swapped = draw_squares(landmarks((24, 20), (20, 20)), 7, 64)[0]
    assert swapped[20, 21] == 2, "the order of the landmarks doesn't decide"


def test_each_picture_of_a_batch_gets_its_own_squares() -> None:
    points = torch.cat([landmarks((10, 10)), landmarks((40, 50))])
    z = draw_squares(points, 3, 64)
    assert z[0, 10, 10] == 1
    assert z[0, 50, 40] == 0
    assert z[1, 50, 40] == 1


def test_label_map_is_scaled_by_the_number_of_landmarks() -> None:
    z = label_map(landmarks((10, 10), (30, 30), (50, 50), (60, 5)), 5, 64)
    assert z.shape == (1, 1, 64, 64)
    assert z.dtype == torch.float32
    assert z[0, 0, 30, 30] == 2 / 4
    assert z.unique().tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("soft", [False, True])
def test_cluster_centre_is_the_middle_of_the_pixels_won(soft: bool) -> None:
    points = landmarks((20, 30), (50, 11), (33, 33))
    maps = bumps(points)
    centres, counts = cluster_centres(soft_maps(maps) if soft else maps)
    torch.testing.assert_close(centres, points)
    assert counts.tolist() == [[49, 49, 49]]


def test_cluster_cut_at_the_border_has_its_centre_inside() -> None:
    centres, counts = cluster_centres(bumps(landmarks((0, 0), (63, 20))))
    assert counts.tolist() == [[16, 28]]
    torch.testing.assert_close(centres, landmarks((1.5, 1.5), (61.5, 20)))


def test_landmark_that_wins_no_pixel_is_put_at_its_highest_response() -> None:
    maps = bumps(landmarks((20, 30), (50, 11)))
    maps[0, 2] = 0
    maps[0, 2, 40, 7] = 3  # its best, but the background is stronger there
    maps[0, 0] = 5
    centres, counts = cluster_centres(maps)
    assert counts.tolist() == [[49, 0]]
    torch.testing.assert_close(centres, landmarks((20, 30), (7, 40)))


def test_squares_found_in_maps_lead_back_to_the_same_squares() -> None:
    points = landmarks((20, 30), (50, 11), (33, 33))
    centres, _ = cluster_centres(bumps(points))
    for side in (7, 5, 3):
        assert torch.equal(draw_squares(centres, side, 64), draw_squares(points, side, 64))


def test_expected_position_is_sub_pixel_and_knows_its_support() -> None:
    maps = torch.zeros(1, 3, 64, 64)
    maps[0, 0] = 10
    maps[0, 1, 20, 30:32] = 30  # two equal pixels: the middle between them
    positions, mass = expected_positions(soft_maps(maps))
    torch.testing.assert_close(positions[0, 0], torch.tensor([30.5, 20.0]), atol=0.02, rtol=0)
    assert mass[0, 0] == pytest.approx(2, abs=0.01)
    assert mass[0, 1] < 0.01, "nothing speaks for the second landmark"
    assert positions.isfinite().all()


def test_expected_position_is_float32_whatever_the_maps_are() -> None:
    points = landmarks((101, 77), (90, 122))
    maps = bumps(points, 128).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        positions, mass = expected_positions(soft_maps(maps))
    assert positions.dtype == mass.dtype == torch.float32
    torch.testing.assert_close(positions, points, atol=0.05, rtol=0)


def test_gradient_of_expected_positions_is_the_numerical_one() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 6, 6, requires_grad=True)
    weights = torch.randn(2, 2, 2)

    def total(values: torch.Tensor) -> torch.Tensor:
        positions, mass = expected_positions(soft_maps(values))
        return (positions * weights).sum() + mass.sum()

    (gradient,) = torch.autograd.grad(total(logits), logits)
    for place in [(0, 0, 1, 1), (0, 1, 2, 3), (1, 2, 5, 0), (1, 1, 3, 3)]:
        moved = torch.zeros_like(logits)
        moved[place] = 5e-3
        with torch.no_grad():
            slope = (total(logits + moved) - total(logits - moved)) / 1e-2
        assert gradient[place] == pytest.approx(slope.item(), rel=0.02, abs=2e-3)


def test_soft_maps_sum_to_one_over_the_channels() -> None:
    maps = soft_maps(torch.randn(2, 8, 16, 16) * 10)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(2, 16, 16))


def test_the_spread_of_a_square_is_that_of_its_pixels() -> None:
    maps = torch.zeros(1, 2, 64, 64)
    maps[0, 1, 20:27, 40:47] = 1
    positions, mass, spread = response_moments(maps)
    torch.testing.assert_close(positions[0, 0], torch.tensor([43.0, 23.0]))
    assert mass.item() == pytest.approx(49)
    assert spread.item() == pytest.approx(8, abs=1e-2)
    maps[0, 1, 60, 60] = 1
    assert response_moments(maps)[2].item() > 20


def test_the_moments_are_the_expected_positions() -> None:
    torch.manual_seed(0)
    maps = torch.rand(2, 4, 32, 32).softmax(1)
    positions, mass, _ = response_moments(maps)
    for own, expected in zip((positions, mass), expected_positions(maps), strict=True):
        torch.testing.assert_close(own, expected)
