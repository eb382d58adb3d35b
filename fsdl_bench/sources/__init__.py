"""The sources of songs, one in each file."""
