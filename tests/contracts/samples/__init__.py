"""One sample of each contract as it was first told; they are never written again, so that old events still parse."""

from pathlib import Path

FOLDER = Path(__file__).parent
