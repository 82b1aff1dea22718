"""`python -m services.tracker`: runs the service with the settings of its environment."""

import uvloop

from services.tracker.app import tracker
from shared.service import run

if __name__ == "__main__":
    uvloop.run(run(tracker()))
