"""`python -m fsdl_bench` is `fsdl-bench`."""

from fsdl_bench.cli import main

if __name__ == "__main__":
    main(prog_name="fsdl-bench")
