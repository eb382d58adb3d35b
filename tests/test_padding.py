"""Songs of different lengths as one padded tensor."""

import numpy as np
import torch

from fsdl_bench.padding import pad


def test_pads_with_zeros_up_to_the_longest():
    songs = [np.array([5, 6, 7], np.uint16), np.array([8], np.uint16)]
    assert pad(songs, torch.device("cpu")).tolist() == [[5, 6, 7], [8, 0, 0]]
    assert pad(songs).dtype == torch.int64


def test_no_song():
    assert pad([]).shape == (0, 0)
