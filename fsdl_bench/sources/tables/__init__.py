"""Tables of lyrics in csv files: their dialect, their head, their rows and their columns."""
