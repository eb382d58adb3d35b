"""The leaderboard: from result files to one static site, and the check of a result before it is sent.

    results/** -> read and verified -> ranked into boards -> `Leaderboard` -> pages, JSON, CSV

The pages show what `leaderboard.json` holds. Every figure comes from a result, from a paired comparison of
results or from their song rows; none is computed in the browser.
"""
