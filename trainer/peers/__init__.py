"""Other face aligners, each in a Python of its own, asked the same as ours (docs/peers.md)."""
