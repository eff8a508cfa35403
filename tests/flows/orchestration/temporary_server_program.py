"""A program that starts a temporary server as a run does, says how that went, and executes its argument meanwhile."""

import sys

from prefect.client.orchestration import get_client

from flows.errors import FlowsError
from flows.orchestration.prefect_api import prefect_api


def main(then: str) -> None:
    """Print the server's health, or why there is none."""
    try:
        with prefect_api():
            with get_client(sync_client=True) as client:
                print("up", client.api_healthcheck())
            exec(then)
    except FlowsError as error:
        print(error)


if __name__ == "__main__":
    main(sys.argv[1])
