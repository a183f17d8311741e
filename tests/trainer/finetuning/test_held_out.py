from trainer.held_out import APART, FEWEST, choose_held_out


def near(number, others):
    return any(abs(number - other) <= APART for other in others)


def test_a_part_is_chosen_at_both_ends_so_that_few_frames_are_lost():
    corrected = set(range(0, 100, 5))
    held = choose_held_out({"a": corrected}, {}, {})["a"]
    assert len(held) == 3
    assert {0, 95} <= held
    lost = {n for n in corrected - held if near(n, held)}
    assert len(lost) == 4


def test_what_was_chosen_stays_when_more_frames_come():
    first = choose_held_out({"a": range(0, 100, 5)}, {}, {})
    trained = {"a": {n for n in range(0, 100, 5) if not near(n, first["a"])}}
    more = {"a": [*range(0, 100, 5), *range(2, 100, 5)], "b": range(0, 300, 15)}
    second = choose_held_out(more, first, trained)
    assert first["a"] <= second["a"]
    assert second["b"]
    assert not any(near(n, trained["a"]) for n in second["a"])
    assert choose_held_out(more, second, trained) == second


def test_none_is_chosen_while_there_are_too_few():
    assert choose_held_out({"a": range(0, 20 * (FEWEST - 1), 20)}, {}, {}) == {}
    assert choose_held_out({"a": range(0, 20 * FEWEST, 20)}, {}, {})["a"]


def test_all_videos_give_some():
    videos = {f"video {i}": range(0, 200, 10) for i in range(4)}
    held = choose_held_out(videos, {}, {})
    assert {name: len(numbers) for name, numbers in held.items()} == dict.fromkeys(videos, 3)


def test_frames_trained_on_are_never_chosen_later():
    assert choose_held_out({"a": range(10)}, {}, {"a": range(10)}) == {}


def test_frames_that_are_not_corrected_any_more_do_not_count_but_stay_chosen():
    chosen = {"a": {5, 6}, "gone": {1, 2, 3}}
    held = choose_held_out({"a": range(20, 140, 6)}, chosen, {})
    assert chosen["a"] < held["a"]
    assert len(held["a"] - chosen["a"]) == 3
    assert held["gone"] == chosen["gone"]
    few = choose_held_out({"a": range(20, 40, 6)}, chosen, {})
    assert few == chosen
