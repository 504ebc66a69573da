"""A headless Chromium, and a server of a storage root, to look at reports with.

The browser is Debian's (`apt-get install chromium-headless-shell`); Playwright drives it.
"""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jobs.errors import JobError
from jobs.storage import Storage
from jobs.storage.s3 import S3Storage

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")


class NoBrowser(Exception):
    """There is no Chromium, or no Playwright to drive it; the message says what to install."""


@contextmanager
def open_tab(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """An empty tab. Raises NoBrowser."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        raise NoBrowser("no Chromium here (Debian package chromium-headless-shell)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowser("no Playwright here (requirements-dev.txt)") from error
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


@contextmanager
def served(storage: Storage) -> Iterator[str]:
    """The address of a server of the objects of `storage`, each with the media type that the bucket has for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = unquote(urlsplit(self.path).path).removeprefix("/")
            try:
                data = storage.read(key).data
            except JobError:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", media_type(storage, key))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def media_type(storage: Storage, key: str) -> str:
    """What a bucket says of an object; a file has the type that its name says."""
    if isinstance(storage, S3Storage):
        head = storage.client.head_object(Bucket=storage.bucket, Key=storage.prefix + key)
        return str(head["ContentType"])
    return mimetypes.guess_type(key)[0] or "application/octet-stream"
