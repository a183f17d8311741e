"""A peer that speaks the worker's protocol, for tests: how it behaves is its name.

It finds one face in every frame that isn't black: landmarks at fixed places in the frame, or
in the box if one is given.
"""

import json
import os
import struct
import sys
import time

import numpy as np


def send(head, body=b""):
    text = json.dumps(head).encode()
    sys.stdout.buffer.write(struct.pack("<4sII", b"RPM1", len(text), len(body)) + text + body)
    sys.stdout.buffer.flush()


def receive():
    lead = sys.stdin.buffer.read(12)
    if len(lead) < 12:
        sys.exit(0)
    magic, head, body = struct.unpack("<4sII", lead)
    assert magic == b"RPM1"
    return json.loads(sys.stdin.buffer.read(head)), sys.stdin.buffer.read(body)


def landmarks(shape, box):
    x, y, width, height = box or (0.2 * shape[1], 0.2 * shape[0], 0.6 * shape[1], 0.6 * shape[0])
    at = np.random.default_rng(0).random((68, 2))
    at[36], at[45], at[0], at[1] = (0.2, 0.3), (0.8, 0.3), (0, 0), (1, 1)
    return (at * (width, height) + (x, y)).astype("<f4")


behaviour = sys.argv[1]
while True:
    head, body = receive()
    if head["op"] == "start":
        if behaviour == "missing":
            send({"kind": "error", "text": "ModuleNotFoundError: No module named 'nothing'"})
        else:
            send({"kind": "ready", "version": "1.2", "settings": head["settings"]})
    elif head["op"] == "usage":
        send({"kind": "usage", "peak_rss": 1234})
    elif head["op"] == "reset":
        send({"kind": "ready"})
    elif behaviour == "dies":
        print("out of memory, somewhere", file=sys.stderr, flush=True)
        os._exit(7)
    elif behaviour == "babbles":
        print("INFO: loading a model ...", flush=True)
    elif behaviour == "half":
        sys.stdout.buffer.write(struct.pack("<4sII", b"RPM1", 400, 0) + b"{")
        sys.stdout.buffer.flush()
        os._exit(0)
    elif behaviour == "wrong-shape":
        seconds = {"detect": 0, "landmarks": 0}
        send({"kind": "landmarks", "shape": [1, 68, 2], "seconds": seconds}, b"1234")
    elif behaviour == "hangs":
        time.sleep(60)
    elif behaviour == "fails" and not body.strip(b"\0"):
        send({"kind": "error", "text": "ValueError: a black frame"})
    else:
        found = [landmarks(head["shape"], head["box"])] if body.strip(b"\0") else []
        seconds = {"detect": 0.001, "landmarks": 0.002}
        points = np.array(found, "<f4")
        send(
            {"kind": "landmarks", "shape": [len(found), 68, 2], "seconds": seconds},
            points.tobytes(),
        )
