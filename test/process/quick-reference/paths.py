"""Importing this lets the programs import the client from the source tree, and ``requests`` or its stand-in."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

CLIENT = _HERE.parents[2] / "clients" / "python" / "src"

sys.path.insert(1, str(CLIENT))
# Last, so that the real library is used where there is one.
sys.path.append(str(_HERE / "stand_ins"))
