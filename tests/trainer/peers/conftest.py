import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_worker.py")


@pytest.fixture
def fake():
    """Start the fake worker with one behaviour; everything started is ended afterwards."""
    from trainer.peers.process import PeerProcess

    started = []

    def run(behaviour="good", **options):
        process = PeerProcess(sys.executable, behaviour, {"mode": "box"}, worker=FAKE, **options)
        started.append(process)
        return process

    yield run
    for process in started:
        process.close()
