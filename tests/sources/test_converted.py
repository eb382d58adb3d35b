"""Conversions of scores that come ready from a mirror."""

import hashlib

import pytest

from fsdl_bench.checked import is_intact, write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.music.conversions import SUMS
from fsdl_bench.sources.common import archives
from fsdl_bench.sources.common.archives import fetch_converted


@pytest.fixture
def mirror_dir(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


class TestConverted:
    NAME = f"{archives.CONVERTED}.tar.gz"

    @pytest.fixture
    def data(self, make_archive):
        return make_archive({"aa.mid": b"MThd one", "bb.mid": b"MThd two"}, top="converted")

    def test_is_put_beside_what_is_there(self, data, mirror_dir, own_home):
        (mirror_dir / self.NAME).write_bytes(data)
        with write_checked(own_home / "converted" / "aa.mid") as temporary:
            temporary.write_bytes(b"made here")
        assert fetch_converted(mirror_dir, sha256=hashlib.sha256(data).hexdigest())
        assert (own_home / "converted" / "aa.mid").read_bytes() == b"made here"
        assert (own_home / "converted" / "bb.mid").read_bytes() == b"MThd two"
        (mirror_dir / self.NAME).unlink()
        assert fetch_converted(None)

    def test_a_damaged_list_of_checksums_is_made_again(self, data, mirror_dir, own_home):
        (mirror_dir / self.NAME).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        assert fetch_converted(mirror_dir, sha256=sha256)
        sums = own_home / "converted" / SUMS
        sums.write_bytes(sums.read_bytes()[:-3])
        (own_home / "converted" / "bb.mid").write_bytes(b"MThd tw0")
        assert fetch_converted(mirror_dir, sha256=sha256)
        assert is_intact(sums)
        assert (own_home / "converted" / "bb.mid").read_bytes() == b"MThd two"

    def test_a_file_that_is_missing_is_fetched_again(self, data, mirror_dir, own_home):
        (mirror_dir / self.NAME).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        assert fetch_converted(mirror_dir, sha256=sha256)
        (own_home / "converted" / "bb.mid").unlink()
        assert fetch_converted(mirror_dir, sha256=sha256)
        assert (own_home / "converted" / "bb.mid").read_bytes() == b"MThd two"

    def test_mirror_that_has_none(self, mirror_dir, host):
        assert not fetch_converted(mirror_dir)
        assert not fetch_converted(host.url)
        assert not fetch_converted(None)

    def test_another_cache_is_refused(self, data, mirror_dir):
        (mirror_dir / self.NAME).write_bytes(data)
        with pytest.raises(BadInput, match="not the pinned file"):
            fetch_converted(mirror_dir)
