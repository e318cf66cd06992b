"""db.read with `batches`: memory holds some pieces, whatever the day does."""

import json
import subprocess
import sys
from pathlib import Path

from bench.reading import VENUE, written
from db.datasets import DATASETS
from tests.conftest import CHECKOUT

READ = f"""
import json, resource, sys, warnings
from datetime import timedelta
from pathlib import Path
from bench.reading import DAY, VENUE
from db import read
warnings.simplefilter("ignore")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
source, before = read.Source("", Path(sys.argv[1])), peak()
rows = read.bars({VENUE!r}, None, DAY, DAY + timedelta(days=1), holes="warn", batches=50_000, source=source).rows
print(json.dumps([sum(piece.height for piece in rows), peak() - before]))
"""


def test_a_day_is_read_piece_by_piece(tmp_path: Path) -> None:
    written(tmp_path, DATASETS["bars_1s"], 40, 75_000)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, timeout=100, check=False
    )
    rows, grown = json.loads(done.stdout or "[0, 0]")
    assert rows == 3_000_000, done.stderr
    assert grown < 3_000_000 * 112 / 2, "half of what the whole day takes"
