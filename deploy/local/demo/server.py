"""Server: the demo's own page on this machine, from which everything can be looked at while it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from deploy.local.demo.pages import STYLE, Pages
from deploy.local.ports import LOOPBACK

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@contextmanager
def open_server(pages: Pages) -> Iterator[str]:
    """The address of the index page, for as long as it is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = _answer(pages, self.path, self.headers.get("Host", ""), address)
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Type": f"{kind}; charset=utf-8"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody needs a line for each page."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    address = f"http://{LOOPBACK}:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


def _answer(pages: Pages, path: str, host: str, address: str) -> tuple[int, str, bytes]:
    if host != address.removeprefix("http://"):  # another site's name that was made to point here
        return 421, "text/plain", b"This page answers at its own address only."
    if path == "/style.css":
        return 200, "text/css", STYLE.encode()
    routes: Mapping[str, Callable[[], str]] = {
        "/": pages.index,
        "/mails": pages.mails,
        "/receipts": pages.receipts,
        "/parked": pages.parked,
    }
    page = routes[path]() if path in routes else pages.story(path.removeprefix("/stories/"))
    return (200, "text/html", page.encode()) if page else (404, "text/plain", b"There is no such page.")
