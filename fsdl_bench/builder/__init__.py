"""Build a frozen track on disk from a stream of songs."""
