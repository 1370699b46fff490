"""A loopback endpoint that answers as it is told, well or badly, and counts what it was asked."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], str]
"""The request's JSON to the content of the reply."""


class FakeEndpoint:
    """Misbehaves once for each word of `faults`, in order, then answers well. Use as a context manager.

    Faults: `429`, `500`, `401` (status codes), `cut` (the connection ends inside the body), `half` (half a JSON),
    `page` (HTML), `mute` (a choice without a message), `schema` (a content of another shape), `silence` (no answer for
    `silence_s`), `echo` (401, with the request's headers in the body); `echo` as the last fault stays.
    """

    def __init__(self, answer: Answer, faults: tuple[str, ...] = (), silence_s: float = 2.0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.most_at_once = 0
        self._faults, self._answer, self._silence_s = list(faults), answer, silence_s
        self._now, self._lock = 0, threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                fake._handle(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "FakeEndpoint":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            self.asked.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            fault = "echo" if self._faults == ["echo"] else self._faults.pop(0) if self._faults else ""
        try:
            self._reply(handler, request, fault)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has given up
        finally:
            with self._lock:
                self._now -= 1

    def _reply(self, handler: BaseHTTPRequestHandler, request: dict[str, Any], fault: str) -> None:
        if fault == "silence":
            time.sleep(self._silence_s)
        time.sleep(0.02)  # long enough for requests to overlap
        content = '{"other": 1}' if fault == "schema" else self._answer(request)
        message = {"role": "assistant", "content": content}
        body = json.dumps(
            {
                "id": "1", "object": "chat.completion", "created": 1, "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
        ).encode()  # fmt: skip
        body = {"page": b"<html>Sign in</html>", "mute": b'{"choices": [{}]}'}.get(fault, body)
        if fault == "echo":
            body = json.dumps({"error": {"message": f"who are you? {dict(handler.headers.items())}"}}).encode()
        length = len(body)
        if fault in ("cut", "half"):
            body = body[: length // 2]
        handler.send_response(int(fault) if fault.isdigit() else 401 if fault == "echo" else 200)
        handler.send_header("content-type", "text/html" if fault == "page" else "application/json")
        handler.send_header("content-length", str(length if fault == "cut" else len(body)))
        handler.end_headers()
        handler.wfile.write(body)
