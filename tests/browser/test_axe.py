"""axe-core is kept only whole: a test that ran with half of it would find nothing, or fail for ever."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.npm_package import NpmPackage
from tests.browser import axe


class Killed(BaseException):
    """As the process may be while it writes."""


@dataclass(frozen=True)
class KilledAtFirst(NpmPackage):
    """Leaves half of the script the first time."""

    times: list[str] = field(default_factory=list)

    def unpack(self, folder: Path, *, wanted: Callable[[str], bool] = lambda _: True) -> None:
        self.times.append("unpacked")
        (folder / "axe.min.js").write_text("wh")
        if len(self.times) == 1:
            raise Killed
        (folder / "axe.min.js").write_text("whole")


def test_what_was_half_written_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axe, "FOLDER", tmp_path / "axe-core")
    monkeypatch.setattr(axe, "AXE_CORE", package := KilledAtFirst("axe-core", "1.0.0", ""))

    with pytest.raises(Killed):
        axe.source()
    assert [axe.source(), axe.source()] == ["whole", "whole"]
    assert len(package.times) == 2
