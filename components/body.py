"""The body of a request, of which nobody is believed how long it is."""

from __future__ import annotations

from starlette.types import Message, Receive


async def body(receive: Receive, most: int) -> bytes:
    """All of it, or as much as shows that it has more than ``most`` bytes."""
    content, more = bytearray(), True
    while more and len(content) <= most:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(content)


def again(content: bytes, receive: Receive) -> Receive:
    """What an application receives of a request whose body was read already."""
    given = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def received() -> Message:
        return next(given, None) or await receive()

    return received
