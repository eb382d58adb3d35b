"""Songs remembered from cell to cell inside the process: every cell starts from a process that met none."""

import pytest

pytestmark = pytest.mark.walls

CHANNELS = {
    "a global": """
KNOWN = []
def remember(songs): KNOWN.extend(songs)
def recall(): return list(KNOWN)
""",
    "a class attribute": """
class Store: known = []
def remember(songs): Store.known = Store.known + songs
def recall(): return Store.known
""",
    "a module of the package": """
import fsdl_bench
def remember(songs): fsdl_bench._known = getattr(fsdl_bench, "_known", []) + songs
def recall(): return getattr(fsdl_bench, "_known", [])
""",
    "the environment": """
import json
def remember(songs): os.environ["KNOWN"] = json.dumps(json.loads(os.environ.get("KNOWN", "[]")) + songs)
def recall(): return json.loads(os.environ.get("KNOWN", "[]"))
""",
    "the garbage collector": """
import gc
class Song(list): pass
def remember(songs): Cheat.kept = [*getattr(Cheat, "kept", []), *map(Song, songs)]
def recall(): return [list(o) for o in gc.get_objects() if type(o).__name__ == "Song"]
""",
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_channel_works_where_nothing_stops_it(recalled, channel):
    assert recalled(CHANNELS[channel]) < 0.1


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_process_of_a_cell_has_met_no_other_cell(cheat, channel):
    assert cheat(CHANNELS[channel], verified=True) == pytest.approx(1, abs=1e-9)
