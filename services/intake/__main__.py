"""`python -m services.intake`: runs the service with the settings of its environment."""

import uvloop

from services.intake.app import intake
from shared.service import run

if __name__ == "__main__":
    uvloop.run(run(intake()))
