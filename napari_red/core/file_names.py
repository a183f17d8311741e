"""Names that a file system can hold."""

from __future__ import annotations

import hashlib


def shortened(name: str, n_bytes: int) -> str:
    """A name that has at most so many bytes in UTF-8; most file systems allow 255.

    A longer one is cut and gets a hash of the whole, so that two of one beginning differ.
    """
    whole = name.encode(errors="surrogatepass")  # names of files are any bytes on Linux
    if len(whole) <= n_bytes:
        return name
    tail = "-" + hashlib.sha256(whole).hexdigest()[:8]
    return whole[: n_bytes - len(tail)].decode(errors="ignore") + tail
