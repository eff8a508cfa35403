"""Prepares what a worker needs: the bucket, the proof that its store is fit, the work pool and the deployments.

Everything comes from the environment that the worker has too. It may run any number of times.
"""

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from catalogs.errors import CatalogsError, UnsafeStoreError
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store, probe
from flows.errors import FlowsError
from flows.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[1]
POOL = "stylemill"
ROUNDS, WRITERS = 10, 8


def make_bucket(settings: Settings) -> None:
    """Make the bucket of the design catalog if it is not there; a folder needs none."""
    if not settings.designs.startswith("s3://"):
        return
    bucket = settings.designs.removeprefix("s3://").partition("/")[0]
    options = settings.s3
    client = boto3.Session(region_name=options.region).client(
        "s3", endpoint_url=options.endpoint_url, config=Config(retries={"mode": "standard"})
    )
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        region = client.meta.region_name
        # AWS refuses to be told of the region that is its default.
        elsewhere = {} if region in (None, "us-east-1") else {"LocationConstraint": region}
        client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))


def race(store: Store) -> None:
    """Let several writers create one object at the same time, again and again; one of them must win.

    Raises UnsafeStoreError where none or several win. There are servers that honour a conditional put, but not
    under concurrent ones, and that is when it counts.
    """
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(ROUNDS):
            # The product's own probe key: a worker's rights cover it.
            key, together = f".stylemill-probe-{uuid.uuid4().hex}", Barrier(WRITERS)

            def create(number: int, key: str = key, together: Barrier = together) -> bool:
                together.wait()
                return store.create(key, str(number).encode())

            try:
                winners = sum(pool.map(create, range(WRITERS)))
            finally:
                store.delete(key)
            if winners != 1:
                raise UnsafeStoreError(
                    f"{store.uri}: of {WRITERS} conditional puts at once {winners} won: a design catalog there would"
                    " lose records. Use a store that lets exactly one win."
                )


def deploy() -> None:
    """Make the work pool and deploy prefect.yaml; what is there already is brought up to date."""
    for arguments in (
        ["work-pool", "create", POOL, "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"],
    ):
        subprocess.run([str(Path(sys.executable).with_name("prefect")), *arguments], cwd=ROOT, check=True)


def main() -> int:
    """Exit code 0 if a worker may start now."""
    try:
        settings = read_settings()
        make_bucket(settings)
        store = open_store(settings.designs, settings.s3)
        probe(store)
        race(store)
        print(f"{store.uri} honours conditional puts, also under a race.", flush=True)
        deploy()
    except (CatalogsError, FlowsError, BotoCoreError, ClientError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
