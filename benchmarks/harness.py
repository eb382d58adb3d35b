"""The cost of the harness: `evaluate` with an LSTM against a bare loop that computes the same numbers.

    python benchmarks/harness.py [--track lyrics-verse] [--episodes N] [--threads 2] [--runs 3]

The model is an LSTM (2 layers of 512, head over the track's ids) with random weights. The bare loop pads the
same batches, calls the same model, computes torch's cross-entropy in float32 and keeps one sum per song. Each
side runs in its own process, in turn; figures are medians of the runs. The time of `evaluate` includes
opening the track, audits, journal, intervals and writing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from fsdl_bench import evaluate, evaluation_episodes, load_track
from fsdl_bench.evaluation.cells import cells_of
from fsdl_bench.evaluation.scoring import token_nats

TARGET = 1.10


class LSTM(torch.nn.Module):
    """A language model that ignores the support and counts the seconds that it spends."""

    seconds = 0.0

    def prepare(self, context: Any) -> None:
        self.build(context.vocab_size)

    def build(self, vocab_size: int) -> None:
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(vocab_size, 512)
        self.lstm = torch.nn.LSTM(512, 512, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(512, vocab_size)

    def adapt(self, support: Any) -> LSTM:  # noqa: ARG002
        return self

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        start = time.perf_counter()
        shifted = functional.pad(songs, (1, 0), value=1)[:, :-1]
        scores: torch.Tensor = self.head(self.lstm(self.embedding(shifted))[0])
        LSTM.seconds += time.perf_counter() - start
        return scores


def bare(track_name: str, limit: int | None) -> dict[str, Any]:
    """Score in a plain loop without the harness."""
    track = load_track(track_name)
    design = track.definition
    episodes = evaluation_episodes(track.test, design)[:limit]
    model = LSTM()
    model.build(track.codec.vocab_size)
    sums: list[float] = []
    with torch.no_grad():
        for cell in cells_of(episodes, design.shots, design.headline_shot):
            songs = [torch.from_numpy(song.astype(np.int64)) for song in cell.queries]
            batch = torch.nn.utils.rnn.pad_sequence(songs, batch_first=True)
            scores = model.logits(batch)
            losses = functional.cross_entropy(
                scores.flatten(0, 1), batch.flatten(), ignore_index=0, reduction="none"
            )
            sums += losses.view(batch.shape).double().sum(1).tolist()
    return {"nats": sum(sums), "songs": len(sums)}


def harness(track_name: str, limit: int | None) -> dict[str, Any]:
    """Score the same through `evaluate`."""
    with tempfile.TemporaryDirectory() as folder:
        stored = evaluate(
            LSTM(), track_name, limit=limit, out=Path(folder, "result.json"), progress=False, resume=False
        )
    rows, cost = stored.rows, stored.result.cost
    checked = sum(v.checks for v in stored.result.audits if v.worst is not None and v.rule != "scorer")
    return {
        "nats": float(rows.nats.sum()),
        "songs": len(rows),
        "audits": cost.audit_seconds,
        "rescored": checked,
        "scoring": int(rows.tokens.sum()) / (cost.tokens_per_second or float("inf")),
    }


def normalising(track_name: str, limit: int | None) -> float:
    """Return the seconds that the scorer takes to normalise all songs, without the model."""
    track = load_track(track_name)
    design = track.definition
    episodes = evaluation_episodes(track.test, design)[:limit]
    cells = cells_of(episodes, design.shots, design.headline_shot)
    scores = torch.randn(512 * 3, track.codec.vocab_size)
    start = time.perf_counter()
    for cell in cells[:60]:
        for song in cell.queries:
            token_nats(scores, song[: len(scores)])
    return (time.perf_counter() - start) * len(cells) / len(cells[:60])


def child(side: str, track: str, limit: int | None, threads: int) -> None:
    """Measure one side in this process; print a line of JSON."""
    torch.set_num_threads(threads)
    start, cpu = time.perf_counter(), time.process_time()
    found = {"bare": bare, "harness": harness}[side](track, limit)
    found |= {
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "model": LSTM.seconds,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if side == "harness":
        found["normalising"] = normalising(track, limit)
    print(json.dumps(found))


def measured(side: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    command = [sys.executable, __file__, "--child", side, "--track", options.track]
    command += ["--threads", str(options.threads)]
    command += ["--episodes", str(options.episodes)] if options.episodes else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{side}: {found['wall']:.1f} s wall, {found['cpu']:.1f} s cpu", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--track", default="lyrics-verse")
    parser.add_argument("--episodes", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", choices=["bare", "harness"])
    options = parser.parse_args()
    if options.child:
        child(options.child, options.track, options.episodes, options.threads)
        return
    pairs = [(measured("bare", options), measured("harness", options)) for _ in range(options.runs)]
    one, two = pairs[0]
    assert one["songs"] == two["songs"]
    assert abs(one["nats"] / two["nats"] - 1) < 1e-5, "both sides compute the same numbers"

    def middle(side: int, key: str) -> float:
        return statistics.median(pair[side][key] for pair in pairs)

    def ratio(key: str) -> float:
        return statistics.median(pair[1][key] / pair[0][key] for pair in pairs)

    print(
        f"{options.track}: {one['songs']:,} songs, {options.threads} threads, median of {options.runs} runs"
    )
    for side, name in enumerate(("bare loop", "evaluate")):
        wall, cpu, mib = (middle(side, key) for key in ("wall", "cpu", "mib"))
        print(f"{name:10} {wall:8.1f} s wall {cpu:8.1f} s cpu {mib:7.0f} MiB")
    print(f"{'ratio':10} {ratio('wall'):8.3f}   wall {ratio('cpu'):8.3f}   cpu    (at most {TARGET})")
    print(f"the model in the bare loop: {middle(0, 'model'):.1f} s wall; evaluate's wall time goes to")
    normal, audits = middle(1, "normalising"), middle(1, "audits")
    parts = {
        "the model": middle(1, "scoring") - normal,
        "normalising in float64": normal,
        f"audits: {two['rescored']} songs scored again": audits,
        "opening, adapting, journal, intervals, writing": middle(1, "wall") - middle(1, "scoring") - audits,
    }
    for name, seconds in parts.items():
        print(f"{seconds:10.1f} s {name}")


if __name__ == "__main__":
    main()
