#!/usr/bin/env bash
# botocore's StreamingBody gives a body that was cut short as a whole one, for three of the ways to read it.
#
# Seen with boto3 1.44.8: the class says that it raises an exception where the bytes read do not match Content-Length.
# read() and iter_chunks() do that. readlines() never does; read(n) and readinto() do at the first call that gets
# nothing, so the one call `read(limit + 1)`, which holds a body to a limit, returns what came. Compare ContentLength.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.8 botocore==1.44.8 urllib3==2.8.0
AWS_CONFIG_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true "$folder/env/bin/python" - <<'PYTHON'
import http.server
import sys
import threading

import boto3
from botocore import UNSIGNED
from botocore.config import Config

PROMISED, SENT = 1000, 400  # bytes


class CutShort(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(PROMISED))
        self.end_headers()
        self.wfile.write(b"x" * SENT)  # and the connection is closed

    def log_message(self, *_):
        pass


WAYS = {
    "read()": lambda body: len(body.read()),
    "iter_chunks()": lambda body: sum(map(len, body.iter_chunks())),
    "read(2000), read(2000)": lambda body: len(body.read(2000) + body.read(2000)),
    "read(2000)": lambda body: len(body.read(2000)),
    "readinto()": lambda body: body.readinto(bytearray(2000)),
    "readlines()": lambda body: sum(map(len, body.readlines())),
}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), CutShort)
threading.Thread(target=server.serve_forever, daemon=True).start()
how = Config(signature_version=UNSIGNED, proxies={}, s3={"addressing_style": "path"})
address = f"http://127.0.0.1:{server.server_port}"
client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", config=how)
print(f"boto3 {boto3.__version__}, {SENT} of {PROMISED} bytes are sent")
silent = set()
for name, read in WAYS.items():
    try:
        print(f"{name:22} returns {read(client.get_object(Bucket='bucket', Key='key')['Body'])} bytes")
        silent.add(name)
    except Exception as error:
        print(f"{name:22} raises {type(error).__name__}")
sys.exit(silent != {"read(2000)", "readinto()", "readlines()"})
PYTHON
