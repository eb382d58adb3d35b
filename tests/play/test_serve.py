"""The server as a command: how it ends."""

import signal
import subprocess

import requests


def test_ctrl_c_ends_it_with_one_line(start_server, songs):
    server = start_server(stderr=subprocess.PIPE)
    name = "My tune 0.mid"
    sent = (songs / name).read_bytes()
    answer = requests.post(f"{server.url}api/songs?track=tunes&name={name}", data=sent, timeout=120)
    wish = {"track": "tunes", "model": "counter.py", "support": [answer.json()["songs"][0]["id"]]}
    events = requests.post(f"{server.url}api/warm", json=wish, timeout=120).text
    assert '"adapted"' in events
    server.process.send_signal(signal.SIGINT)
    _, said = server.process.communicate(timeout=60)
    assert said == "The server has ended.\n"
    assert server.process.returncode == 0
