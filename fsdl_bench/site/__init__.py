"""The leaderboard: render result files as one static site, and check a result before it is submitted.

    results/** -> read and checked -> ranked into boards -> `Leaderboard` -> pages, JSON, CSV

The pages show the content of `leaderboard.json`. Every figure comes from a result, from a paired comparison
of results, or from their song rows. The browser computes nothing.
"""
