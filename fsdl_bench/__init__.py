"""Few-shot distribution learning for music: frozen tracks, episodes, an exact scorer and a leaderboard.

    track = fsdl_bench.load_track("midi-synthetic")
    song = track.train.artists[0].songs[0]

`__init__.pyi` lists every public name.
A name is imported when it is first used, so `import fsdl_bench` is fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
