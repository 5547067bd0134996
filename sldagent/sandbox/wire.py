"""Frames between parent and child: lengths, a JSON header, raw bytes. Nothing is unpickled.

The template process loads this file by its path; it imports the standard library only.
"""

import json
import os
import struct
from typing import Any

LENGTHS = struct.Struct("!II")
MAX_HEADER = 1 << 20


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


class Channel:
    """The child's end: blocking, trusting (what it receives comes from the parent)."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Sends one frame whole."""
        self.send_all([(header, body)])

    def send_all(self, frames: list[tuple[dict[str, Any], bytes]]) -> None:
        """Sends frames together: every separate one wakes the parent, which costs both time."""
        view = memoryview(b"".join(pack(header, body) for header, body in frames))
        while view:
            view = view[os.write(self.fd, view) :]

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Receives one frame; raises EOFError where the parent is gone."""
        head, body = LENGTHS.unpack(self._exactly(LENGTHS.size))
        header = json.loads(self._exactly(head))
        return header, self._exactly(body)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self.fd, min(size, 1 << 20))
            if not part:
                raise EOFError("the parent closed the channel")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class FrameReader:
    """The parent's end: takes whatever bytes come, gives frames, and raises ValueError on others.

    Args:
        max_total: Most bytes that may come in all.
    """

    def __init__(self, max_total: int) -> None:
        self.frames: list[tuple[dict[str, Any], bytes]] = []
        self._buffer = bytearray()
        self._left = max_total

    def feed(self, data: bytes) -> None:
        """Takes bytes as they came; appends to `frames` what is complete now.

        Raises:
            ValueError: What follows those frames is none, or too much.
        """
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("sent more than a result can need")
        self._buffer += data
        while len(self._buffer) >= LENGTHS.size:
            head, body = LENGTHS.unpack_from(self._buffer)
            if head > MAX_HEADER:
                raise ValueError("sent something that is no frame")
            end = LENGTHS.size + head + body
            if end - len(self._buffer) > self._left:
                raise ValueError("announced more than a result can need")
            if len(self._buffer) < end:
                break
            try:
                header = json.loads(self._buffer[LENGTHS.size : LENGTHS.size + head])
            except (ValueError, RecursionError):
                raise ValueError("sent something that is no frame") from None
            if not isinstance(header, dict):
                raise ValueError("sent something that is no frame")
            self.frames.append((header, bytes(self._buffer[LENGTHS.size + head : end])))
            del self._buffer[:end]
