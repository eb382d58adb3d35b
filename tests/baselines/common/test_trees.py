"""States of any shape."""

import pytest
import torch


def test_shapes_are_kept(common):
    one, two = torch.ones(1, 2), torch.full((1, 3), 2.0)
    tree = ((one, None), [two], {"a": one})
    found = common.trees.tree_map(lambda t: t * 2, tree)
    assert isinstance(found, tuple)
    assert found[0][1] is None
    assert found[1][0].tolist() == [[4.0] * 3]
    assert found[2]["a"].tolist() == [[2.0] * 2]
    assert common.trees.repeat_rows(tree, 4)[1][0].shape == (4, 3)


def test_detached_states_have_no_history(common):
    weight = torch.ones(2, requires_grad=True)
    state = {"h": (weight * 2,)}
    assert not common.trees.detach(state)["h"][0].requires_grad


def test_anything_else_is_refused(common):
    with pytest.raises(TypeError, match="found int"):
        common.trees.detach((torch.ones(1), 3))
