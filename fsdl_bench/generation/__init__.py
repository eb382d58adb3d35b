"""New songs from an adapted model: sampling, listening, looking. `fsdl_bench.sample` and `generate`."""
