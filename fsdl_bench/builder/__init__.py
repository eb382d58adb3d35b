"""From a stream of songs to a frozen track on disk."""
