"""The demo: the whole thing at work, and nothing left behind."""

import os
import pathlib
import sys

from program import outputfs


def test_the_demo_compares_every_byte_and_leaves_nothing(tmp_path):
    ended = outputfs("demo", "--python", sys.executable, timeout=110, TMPDIR=str(tmp_path))
    assert ended.status == 0, ended.out + ended.err
    assert "all as they were written" in ended.out
    assert "Read back with azure-storage-blob" in ended.out
    assert "JobOutput/film.ppm" in ended.out
    assert os.listdir(tmp_path) == []
    assert str(tmp_path) not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_the_demo_says_so_when_there_is_no_sdk_to_compare_with(tmp_path):
    ended = outputfs("demo", timeout=110, TMPDIR=str(tmp_path))
    assert ended.status == 0, ended.out + ended.err
    assert "Not compared with the Python SDK" in ended.out
