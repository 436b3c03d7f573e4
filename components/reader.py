"""Who reads the events of a tab, as long as they are let in."""

from __future__ import annotations

from collections.abc import Callable

from gradio.server_messages import UnexpectedErrorMessage
from starlette.types import Message, Receive, Send

ENDED = "Your link has expired or was ended: ask whoever runs this page for a new one."


class Reader:
    """A reader's ends of a stream. Once they are not let in any more they are told so, and nothing else; to Gradio
    they are gone then, and it breaks off what was done for them."""

    def __init__(self, receive: Receive, send: Send, is_let_in: Callable[[], bool]) -> None:
        self._receive, self._send, self._is_let_in = receive, send, is_let_in
        self._out = False

    async def receive(self) -> Message:
        """What the reader says."""
        return {"type": "http.disconnect"} if self._out else await self._receive()

    async def send(self, message: Message) -> None:
        """Tell the reader something. What ends a stream is passed on."""
        if not message.get("more_body"):
            await self._send(message)
        elif not self._out and not self._is_let_in():
            self._out = True
            last = UnexpectedErrorMessage(message=ENDED).model_dump_json()
            await self._send({**message, "body": f"data: {last}\n\n".encode()})
        elif not self._out:
            await self._send(message)
