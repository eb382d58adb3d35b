"""A track's data: its definition, the built folder, and songs as views of it."""
