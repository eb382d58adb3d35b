"""The cells of the table of models."""

from dataclasses import replace

import pytest

from fsdl_bench.results import read_result
from fsdl_bench.site.boards import Placed
from fsdl_bench.site.columns import cells
from fsdl_bench.site.entries import entry_of, query_songs


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"fit_seconds": 60.0, "fit_processor_seconds": 5400.0}, 5400.0),
        ({"fit_seconds": 60.0, "fit_processor_seconds": None}, 60.0),
        ({"fit_seconds": None, "fit_processor_seconds": None}, None),
    ],
)
def test_training_is_the_processor_time_of_shared_parts_too(leaderboard_folder, costs, expected):
    stored = read_result(leaderboard_folder / "results" / "lyrics-synthetic" / "tuned.json")
    result = stored.result.model_copy(update={"cost": stored.result.cost.model_copy(update=costs)})
    placed = Placed("tuned", replace(stored, result=result), "ranked", "")
    found = cells(entry_of(placed, "tuned.json", "", query_songs(stored, {}), (0, 5)), 5)["training"]
    assert found.value == expected
