"""Few-shot distribution learning for music: frozen tracks, episodes, an exact scorer and a leaderboard."""
