"""The sections of the dock, in the order of the work."""
