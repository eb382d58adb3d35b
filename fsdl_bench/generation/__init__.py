"""Write new songs with an adapted model: `fsdl_bench.sample` and `fsdl_bench.generate`."""
