"""`python -m services.router`: runs the service with the settings of its environment."""

import uvloop

from services.router.app import router
from shared.service import run

if __name__ == "__main__":
    uvloop.run(run(router()))
