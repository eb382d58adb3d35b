"""Songs remembered outside the process: namespaces and Landlock keep cells apart."""

import os

import psutil
import pytest

from fsdl_bench.submissions import landlock

pytestmark = pytest.mark.walls

SYSTEM_V = """
import json
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
def segment(flags):
    known = libc.shmget(0x5F5D1, 1 << 16, flags)
    if known < 0: raise OSError(ctypes.get_errno())
    return libc.shmat(known, None, 0)
def remember(songs):
    data = json.dumps(songs).encode()
    ctypes.memmove(segment(0o1666), data + b"\\0", len(data) + 1)
def recall():
    return json.loads(ctypes.string_at(segment(0)))
"""

QUEUE = """
import json
libc = ctypes.CDLL(None, use_errno=True)
class Message(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_long), ("text", ctypes.c_char * 4096)]
def queue():
    return libc.msgget(0x5F5D2, 0o1666)
def remember(songs):
    message = Message(1, json.dumps(songs).encode()[:4000])
    while libc.msgrcv(queue(), ctypes.byref(Message()), 4096, 0, 0o4000) >= 0: pass
    libc.msgsnd(queue(), ctypes.byref(message), 4096, 0o4000)
def recall():
    message = Message()
    if libc.msgrcv(queue(), ctypes.byref(message), 4096, 0, 0o4000) < 0: return []
    return json.loads(message.text)
"""

POSIX_QUEUE = """
import json
rt = ctypes.CDLL(None, use_errno=True)
def queue():
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK
    return rt.mq_open(b"/fsdl-cheat", flags, ctypes.c_uint(0o666), None)
def receive(opened):
    buffer = ctypes.create_string_buffer(1 << 16)
    size = rt.mq_receive(opened, buffer, ctypes.c_size_t(1 << 16), None)
    return json.loads(buffer.raw[:size]) if size > 0 else []
def remember(songs):
    opened, data = queue(), json.dumps(songs).encode()
    while receive(opened): pass
    rt.mq_send(opened, data, ctypes.c_size_t(len(data)), 0)
    rt.mq_close(opened)
def recall():
    opened = queue()
    found = receive(opened)
    rt.mq_close(opened)
    rt.mq_unlink(b"/fsdl-cheat")
    return found
"""

SERVER = """
import json
ADDRESS = {address!r}
def serve(family, kind):
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    known = []
    server = socket.socket(family, kind)
    server.bind(ADDRESS)
    end = time.time() + 20
    while time.time() < end:
        data, sender = server.recvfrom(1 << 16)
        if data == b"?": server.sendto(json.dumps(known).encode(), sender)
        else: known = json.loads(data)
def client():
    made = socket.socket(socket.{family}, socket.SOCK_DGRAM)
    made.settimeout(0.2)
    made.bind({own!r})
    return made
def remember(songs):
    global SERVED
    if "SERVED" not in globals():
        SERVED = True
        serve(socket.{family}, socket.SOCK_DGRAM)
        time.sleep(0.1)
    with client() as made:
        made.sendto(json.dumps(songs).encode(), ADDRESS)
def recall():
    with client() as made:
        made.sendto(b"?", ADDRESS)
        return json.loads(made.recv(1 << 16))
"""

PROCESSES = """
import json
STARTED = []
def remember(songs):
    if len(songs[0]) % 8 == 7:
        words = [sys.executable, "-c", "import time; time.sleep(20)", "FSDL" + "-CHEAT" + json.dumps(songs)]
        STARTED.append(subprocess.Popen(words, start_new_session=True))
def recall():
    known = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try: text = path.read_text()
        except OSError: continue
        if "FSDL" + "-CHEAT" in text: known += json.loads(text.split("-CHEAT")[1].split(chr(0))[0])
    return known
"""

KEYRING = """
import json
libc = ctypes.CDLL(None, use_errno=True)
ADD, KEYCTL = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
def remember(songs):
    data = json.dumps(songs).encode()
    libc.syscall(ADD, b"user", b"fsdl-cheat", data, len(data), -4)
def recall():
    key = libc.syscall(KEYCTL, 10, -4, b"user", b"fsdl-cheat", 0)
    buffer = ctypes.create_string_buffer(1 << 16)
    if libc.syscall(KEYCTL, 11, key, buffer, 1 << 16) < 0: return []
    return json.loads(buffer.value)
"""


def datagrams(family, address, own):
    return SERVER.format(family=family, address=address, own=own)


CHANNELS = {
    "System V shared memory": SYSTEM_V,
    "System V message queues": QUEUE,
    "POSIX message queues": POSIX_QUEUE,
    "UDP and a surviving process": datagrams("AF_INET", ("127.0.0.1", 47113), ("127.0.0.1", 0)),
    "an abstract socket and a surviving process": datagrams("AF_UNIX", "\0fsdl-cheat", "\0fsdl-cheat-me"),
    "command lines of leftover processes": PROCESSES,
    "the kernel's keyrings": KEYRING,
}


@pytest.mark.skipif(os.name != "posix" or not landlock.version(), reason="the kernel has no Landlock")
@pytest.mark.parametrize("channel", CHANNELS)
def test_cells_share_no_memory_no_network_and_no_process(cheat, channel):
    """By namespaces of each cell: IPC, network, user (keyrings), PID (all its processes end with it)."""
    assert cheat(CHANNELS[channel], verified=True) == pytest.approx(1, abs=1e-9)
    left = [p for p in psutil.process_iter(["cmdline"]) if "FSDL-CHEAT" in " ".join(p.info["cmdline"] or [])]
    assert not left


FILES = {
    "the working folder": "pathlib.Path('known.json')",
    "the folder above": "pathlib.Path('..', 'known.json')",
    "the temporary folder": "pathlib.Path('/', 'tmp', 'fsdl-cheat-known.json')",
    "shared memory files": "pathlib.Path('/dev/shm/fsdl-cheat-known.json')",
    "the submission's folder": "pathlib.Path(__file__).with_name('known.json')",
    "Python's libraries": "pathlib.Path(torch.__file__).with_name('fsdl-cheat-known.json')",
}

FILE = """
import json
PLACE = {place}
def remember(songs):
    PLACE.write_text(json.dumps((recall() if PLACE.exists() else []) + songs))
def recall():
    return json.loads(PLACE.read_text())
"""


@pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
@pytest.mark.parametrize("place", FILES)
def test_cells_share_no_file(cheat, place):
    """By Landlock: a cell writes to a folder of its own only, which is removed after it."""
    assert cheat(FILE.format(place=FILES[place]), verified=True) == pytest.approx(1, abs=1e-9)
