"""A made-up OpenAI-compatible server on this machine: it answers from a script, with no model.

It counts tokens as bytes / 4, prompts and replies alike, and says so in `usage`. What it answers is
decided by a function of the request; without one it changes the parent program in small ways.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | tuple[int, dict[str, Any]]  # a message, or a status with a body


@dataclass
class Script:
    """What the server does.

    Attributes:
        answer: Gives the reply to the body of a request and its number.
        delay: Seconds before every reply, or a function of the body that gives them.
        refuses: Parameters that it answers with status 400, as reasoning models do.
        key: The only key that it takes; empty takes any.
        models: Those it has; None takes any.
        usage: Whether it tells tokens.
    """

    answer: Callable[[dict[str, Any], int], Reply] = field(default=lambda body, n: change(body, n))
    delay: float | Callable[[dict[str, Any]], float] = 0.0
    refuses: tuple[str, ...] = ()
    key: str = ""
    models: tuple[str, ...] | None = None
    usage: bool = True


class ScriptedServer:
    """Serves on a free port of 127.0.0.1 until it is closed; may come back on the same port."""

    def __init__(self, script: Script | None = None, port: int = 0) -> None:
        self.script = script or Script()
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.closed = False
        self.in_flight = self.most_in_flight = self.answered = 0
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answers nobody any more, on open connections either."""
        self.closed = True
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = self.closed
        if self.closed:
            return
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        key = handler.headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            self.requests.append(body)
            number = len(self.requests)
            self.keys.add(key)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            delay = self.script.delay
            time.sleep(delay if isinstance(delay, float | int) else delay(body))
            status, answer = self._answer(handler.path, key, body, number)
        finally:
            with self.lock:
                self.in_flight -= 1
        handler.close_connection = self.closed
        if self.closed:
            return
        data = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        with self.lock:
            self.answered += status == 200

    def _answer(
        self, path: str, key: str, body: dict[str, Any], number: int
    ) -> tuple[int, dict[str, Any]]:
        script = self.script
        if path != "/v1/chat/completions":
            return 404, error("no such path")
        if script.key and key != script.key:
            return 401, error(f"Incorrect API key provided: {key}", "invalid_api_key")
        if script.models is not None and body["model"] not in script.models:
            return 404, error(f"The model `{body['model']}` does not exist", "model_not_found")
        for name in script.refuses:
            if name in body:
                return 400, error(f"Unsupported parameter: '{name}' is not supported")
        reply = "ready" if is_check(body) else script.answer(body, number)
        if not isinstance(reply, str):
            return reply
        sent = sum(len(message["content"].encode()) for message in body["messages"]) // 4
        used = {"prompt_tokens": sent, "completion_tokens": len(reply.encode()) // 4 + 1}
        message = {"role": "assistant", "content": reply}
        return 200, {
            "id": "made-up", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            **({"usage": {**used, "total_tokens": sum(used.values())}} if script.usage else {}),
        }  # fmt: skip


def error(words: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": words, "type": "made_up", "code": code or None, "param": None}}


def is_check(body: dict[str, Any]) -> bool:
    return "one word: ready" in body["messages"][0]["content"]


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][1]["content"])


def parent_source(body: dict[str, Any]) -> str:
    """The program that a prompt shows as the one to change."""
    return re.search(r"Its text:\n\n(`{3,})\n(.*?)\n\1", question(body), re.DOTALL)[2]  # type: ignore[index]


LAW = """\
import numpy as np
from scipy.optimize import least_squares


def scaling_law_func(data_points, params):
    x = np.atleast_2d(np.asarray(data_points, dtype=float))
    p = np.asarray(params, dtype=float)
    return p[0] + p[1] * (x[:, {first}] / 1e8) ** -p[2] + p[3] * (x[:, {second}] / 1e9) ** -p[4]


def fit_scaling_law(data_points, loss_values):
    y = np.asarray(loss_values, dtype=float)
    best = None
    for power in ({power}, 0.3, 0.6):
        start = [y.min() * 0.8, 1.0, power, 1.0, power]
        found = least_squares(lambda p: scaling_law_func(data_points, p) - y, start, max_nfev=200)
        if best is None or found.cost < best.cost:
            best = found
    return best.x
"""


def law(number: int) -> str:
    """A law of two power terms; every number gives another program."""
    first, second = ((0, 1), (1, 2), (0, 2))[number % 3]
    return LAW.format(first=first, second=second, power=round(0.1 + 0.01 * number, 4))


def change(body: dict[str, Any], number: int) -> str:
    """A whole program for most prompts, an edit of a number for a diff."""
    if "as edits of the text" in question(body) and len(body["messages"]) == 2:
        line = re.search(r"^.*1e-9.*$|^.*np\.array.*$|^.*np\.asarray.*$", parent_source(body), re.M)
        if line is not None:
            old = line[0]
            return (
                f"Change: a note, {number}\n\n<<<<<<< SEARCH\n{old}\n=======\n{old}  # {number}\n"
                f"{old[: len(old) - len(old.lstrip())]}_ = {number}\n>>>>>>> REPLACE\n"
            )
    return f"Change: two power terms, {number}\n\n```python\n{law(number)}```\n"
