"""A file is looked at before a process is started for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.engine import Model
from penstock.errors import InvalidRequest, UnknownModel


def test_a_model_file_is_one(tiny_model: Path) -> None:
    Model(tiny_model).check()


def test_a_file_that_is_not_there_is_an_unknown_model(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"there is no file absent\.gguf") as caught:
        Model(tmp_path / "absent.gguf").check()
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(UnknownModel):
        Model(tmp_path / "absent" / "absent.gguf").check()


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04", b"<html>not found</html>"])
def test_another_file_is_no_gguf_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"page\.gguf is not a GGUF file"):
        Model(path).check()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not a regular file"):
        Model(tmp_path).check()


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fifo.gguf"
    os.mkfifo(path)
    with pytest.raises(InvalidRequest, match=r"fifo\.gguf is not a regular file"):
        Model(path).check()


def test_a_link_to_a_file_is_one(tiny_model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(tiny_model)
    Model(link).check()


def test_a_link_to_a_device_is_none(tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to("/dev/zero")
    with pytest.raises(InvalidRequest, match=r"link\.gguf is not a regular file"):
        Model(link).check()


def test_a_path_that_llama_cpp_cannot_be_told_of_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.gguf")
    path.write_bytes(b"GGUF")
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        Model(path).check()


def test_a_path_with_a_nul_is_none() -> None:
    with pytest.raises(InvalidRequest, match="not a path"):
        Model(Path("/a\0b.gguf")).check()


def test_a_processor_is_left_to_the_program() -> None:
    assert Model(Path("m")).computing_threads() == max(1, len(os.sched_getaffinity(0)) - 1)
    assert Model(Path("m"), threads=3).computing_threads() == 3
