"""`python -m services.responder`: runs the service with the settings of its environment."""

import uvloop

from services.responder.app import responder
from shared.service import run

if __name__ == "__main__":
    uvloop.run(run(responder()))
