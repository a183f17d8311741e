"""Talking heads of people that don't exist, drawn with exact landmarks; see docs/heads.md."""
