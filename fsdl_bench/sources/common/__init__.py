"""Shared by the sources: files, archives and texts, and the `Source` protocol."""
