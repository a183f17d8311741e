from napari_red.core.jobs import Cancelled, Done, Failed, Progress, StopWork, run


def test_work_that_ends_gives_its_value_and_its_progress():
    seen = []

    def work(report, should_stop):
        report(Progress(1, 2, "half"))
        return 42

    assert run(work, seen.append) == Done(42)
    assert seen == [Progress(1, 2, "half")]


def test_work_that_is_told_to_stop_is_cancelled():
    def work(report, should_stop):
        if should_stop():
            raise StopWork

    assert run(work, should_stop=lambda: True) == Cancelled()


def test_work_that_breaks_keeps_its_error():
    error = ValueError("x is 3; choose 4")

    def work(report, should_stop):
        raise error

    outcome = run(work)
    assert isinstance(outcome, Failed)
    assert outcome.error is error
    assert outcome.message == "x is 3; choose 4"
