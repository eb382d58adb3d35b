"""Compare the processor time of an LSTM with memory in large pages (2 MiB) and in small ones (4 KiB).

    python benchmarks/pages.py

The process of a submission gets `THP_MEM_ALLOC_ENABLE=1`, with which torch asks for large pages. The LSTM has
two layers of 512 units. Both ways take turns, each in a new process with one thread. Where
`/sys/kernel/mm/transparent_hugepage/enabled` says `never`, the setting has no effect.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

TURNS = 3

WORK = """
import json, time, torch
torch.set_num_threads(1)
torch.manual_seed(0)
embedding, head = torch.nn.Embedding(512, 256), torch.nn.Linear(512, 512)
lstm = torch.nn.LSTM(256, 512, 2, batch_first=True)
songs = torch.randint(512, (48, 128))

def logits():
    return head(lstm(embedding(songs))[0])

def training():
    torch.nn.functional.cross_entropy(logits().flatten(0, 1), songs.flatten()).backward()

def measured(work):
    work()
    start = time.process_time()
    for _ in range(8):
        work()
    return time.process_time() - start

train = measured(training)
with torch.no_grad():
    print(json.dumps({"score": measured(logits), "train": train}))
"""


def seconds(large: bool) -> dict[str, float]:
    """Return the processor time of each kind of work in a new process."""
    env = os.environ | {"THP_MEM_ALLOC_ENABLE": str(int(large))}
    done = subprocess.run([sys.executable, "-c", WORK], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure in turns and print the ratio of the medians."""
    runs = [(seconds(large=False), seconds(large=True)) for _ in range(TURNS)]
    for work in ("score", "train"):
        small, large = (statistics.median(run[side][work] for run in runs) for side in (0, 1))
        print(
            f"{work}: small pages {small:.2f} s, large pages {large:.2f} s, {small / large:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
