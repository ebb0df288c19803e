"""The bench runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_bench_prints_a_ratio_and_its_goal() -> None:
    """A row of the bench ends in a table with each ratio beside its goal."""
    bench = subprocess.run(
        (sys.executable, "-m", "bench", "--rows", "1", "--seconds", "0.001"),
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=120,
    )
    assert bench.returncode == 0, bench.stderr
    what = "/allowed in process, the same pull again, a token seen before"
    line = rf"^  1  {what} +\d+\.\d\dx +≤ 8\.00x  \w+$"
    assert re.search(line, bench.stdout, re.MULTILINE)
