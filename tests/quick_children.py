"""Start an isolated submission's process as a fork of one that has imported torch: 0.1 s instead of 2.

The process has no wall of namespaces, because that can only be put up around a new program. Tests of the
walls are marked `walls`, and start processes as the harness does.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress

FOLDER = "/nowhere"  # in the environment of the server; each process has its own


class Server:
    """A process with torch that forks others; it ends with this process."""

    def __init__(self):
        from fsdl_bench.submissions.process import environment

        here, there = socket.socketpair()
        with there:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(there.fileno())],
                pass_fds=[there.fileno()],
                env=environment(FOLDER) | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
            )
        self.line = here

    def start(self, arguments, handle, folder, environment):
        """Start a process; the arguments are those of `process.start`, without the wall."""
        output, written = os.pipe()
        status, ended = os.pipe()
        what = json.dumps({"arguments": arguments, "folder": folder, "environment": environment})
        socket.send_fds(self.line, [len(what).to_bytes(4, "big")], [handle, written, ended])
        self.line.sendall(what.encode())
        os.close(written)
        os.close(ended)
        pid = int.from_bytes(self.line.recv(4), "big")
        if not pid:
            raise RuntimeError("the server of forked processes has ended")
        return Forked(pid, os.fdopen(output, "rb", buffering=0), status)

    def close(self):
        self.line.close()
        self.process.wait()


class Forked:
    """The part of `subprocess.Popen` that `process.Child` needs."""

    def __init__(self, pid, stdout, status):
        self.pid, self.stdout, self.returncode = pid, stdout, None
        self._status = status

    def wait(self, timeout=None):
        import select

        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout)
            self.returncode = int.from_bytes(os.read(self._status, 4), "big", signed=True)
            os.close(self._status)
        return self.returncode


def serve(line):
    """Fork a process for each request until the line is closed."""
    import fsdl_bench.submissions.child  # noqa: F401 (with torch, before the forks)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        size, handles, _, _ = socket.recv_fds(line, 4, 3)
        if not size:
            return
        what, length = b"", int.from_bytes(size, "big")
        while len(what) < length:
            what += line.recv(length - len(what))
        reader, writer = os.pipe()
        if os.fork() == 0:
            line.close()
            os.close(reader)
            watch(handles, json.loads(what), writer)
            os._exit(0)
        os.close(writer)
        line.sendall(os.read(reader, 4))
        for handle in (reader, *handles):
            os.close(handle)


def watch(handles, what, writer):
    """Fork the process itself, tell its number, wait for its end and tell how it ended."""
    handle, written, ended = handles
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        run(handle, written, ended, writer, what)
    os.write(writer, pid.to_bytes(4, "big"))
    for one in (handle, written, writer):
        os.close(one)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(ended, os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def run(handle, written, ended, writer, what):
    """Be the submission's process: what its new program would have, this one gets."""
    code = 1
    try:
        os.setsid()
        os.dup2(written, 1)
        os.dup2(written, 2)
        for one in (written, ended, writer):
            os.close(one)
        os.chdir(what["folder"])
        os.environ.clear()
        os.environ.update(what["environment"])
        tempfile.tempdir = None  # it was found in another environment
        from fsdl_bench.submissions.boot import start

        start(handle, *what["arguments"])
        code = 0
    except BaseException:  # noqa: BLE001 (a fork must not go on as the server)
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
