"""Starting kernels leaves SciPy's linear algebra out, and takes it from nobody."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import numpy as np
from nowake.market.table import new_table, table_get
table_get(new_table(4), 1)
print("scipy.linalg" in sys.modules)
import numba
dot = numba.njit(lambda a, b: np.dot(a, b))
print(dot(np.eye(2) * 3, np.ones((2, 1))).tolist())
import scipy.linalg
print(scipy.linalg.det(np.eye(2) * 3))
"""


def test_a_users_own_kernels_still_have_linear_algebra() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.splitlines() == ["False", "[[3.0], [3.0]]", "9.0"]
