import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench import checked


def write(path, data):
    with checked.write_checked(path) as temporary:
        temporary.write_bytes(data)


@given(data=st.binary(max_size=300), flip=st.integers(0))
def test_every_flipped_bit_is_found(tmp_path_factory, data, flip):
    path = tmp_path_factory.mktemp("checked") / "file.bin"
    write(path, data)
    assert checked.is_intact(path)
    assert checked.read_checked(path) == data
    if data:
        at, bit = divmod(flip % (8 * len(data)), 8)
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :])
        assert not checked.is_intact(path)
        assert checked.read_checked(path) is None


@pytest.mark.parametrize("damage", ["cut", "longer", "no sum", "another sum", "no file", "sum is no text"])
def test_other_damage_is_found_too(tmp_path, damage):
    path = tmp_path / "file.bin"
    write(path, b"some bytes")
    if damage == "cut":
        path.write_bytes(b"some")
    elif damage == "longer":
        path.write_bytes(b"some bytes and more")
    elif damage == "no sum":
        checked.sum_file(path).unlink()
    elif damage == "another sum":
        checked.sum_file(path).write_text("0" * 32)
    elif damage == "no file":
        path.unlink()
    else:
        checked.sum_file(path).write_bytes(b"\xff\xfe")
    assert not checked.is_intact(path)
    assert checked.read_checked(path) is None


def test_a_failed_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    write(path, b"old")
    with pytest.raises(ZeroDivisionError), checked.write_checked(path) as temporary:
        temporary.write_bytes(b"new" * (1 // 0))
    assert checked.read_checked(path) == b"old"
    checked.remove_checked(path)
    assert not list(tmp_path.iterdir())
