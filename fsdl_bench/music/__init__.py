"""Symbolic music: the Notes table, reading it from bytes and writing it back."""
