"""An end to slow connections: uvicorn itself waits for a request's head for ever, and counts those that wait."""

import asyncio
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""Seconds for a request's head, after the connection was made or the answer before it was sent."""
SHARE_OF_SLOW = 0.5
"""Share of all places that connections may hold whose client still has to send something."""


class TimedH11Protocol(H11Protocol):
    """uvicorn's HTTP protocol, with an end to waiting.

    Where too many connections wait at once, those that have waited longest are closed. So a person who asks for a page
    finds room, however many clients connect and keep silent, or send a body byte by byte.
    """

    _waiting: asyncio.TimerHandle | None = None
    _since = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._since = time.monotonic()
        self._wait()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Stop the timer if these bytes completed a request's head."""
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._since = time.monotonic()
        if not self._is_answering():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer of a connection that has ended."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _is_waiting_for_client(self) -> bool:
        """Whether the client has to send something: a request, or the rest of a head or of a body."""
        return not self._is_answering() or self.conn.their_state is h11.SEND_BODY

    def _make_room(self) -> None:
        """Close those that have waited longest, where more wait than may."""
        if self.limit_concurrency is None:
            return
        slow = [
            client
            for client in self.connections
            if isinstance(client, TimedH11Protocol) and client._is_waiting_for_client()
        ]
        slow.sort(key=lambda client: client._since)
        for client in slow[: max(len(slow) - int(self.limit_concurrency * SHARE_OF_SLOW), 0)]:
            client.connections.discard(client)
            client.transport.close()

    def _wait(self) -> None:
        # A timer that runs already is not set again: single bytes give a client no more time.
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.close()
