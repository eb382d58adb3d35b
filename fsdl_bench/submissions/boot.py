"""The first code of a submission's own process: lock the process in before anything heavy is imported.

Landlock holds for the calling thread and for what that thread starts afterwards, so torch must not have
started its threads.
"""

from __future__ import annotations

import json
import signal

from fsdl_bench.submissions.landlock import lock


def start(handle: int, paths: str) -> None:
    """Lock this process in, then answer the harness; the first thing that a submission's own process does.

    Args:
        handle: the file descriptor of the line to the harness.
        paths: JSON, the arguments of `landlock.lock`.
    """
    from multiprocessing.connection import Connection

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's business
    line = Connection(handle)
    locked = lock(**json.loads(paths))
    line.send_bytes(json.dumps({"locked": locked}).encode())

    from fsdl_bench.submissions.child import serve

    serve(line, locked=locked)
