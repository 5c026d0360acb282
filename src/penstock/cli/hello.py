"""``penstock serve --hello``: the gateway asked through its own socket, as any client asks it."""

from __future__ import annotations

import msgspec

from penstock import outcomes
from penstock.cli.terminal import complain, visible
from penstock.cli.wording import told
from penstock.errors import PenstockError
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request, Response
from penstock.transport.http import HTTPTransport

QUESTION = "Men are all alike."


class _Direct:
    """The way to ourselves leads through no proxy, whatever the environment says."""

    async def send(self, request: Request) -> Response:
        return await HTTPTransport().send(msgspec.structs.replace(request, proxy=""))


async def hello(url: str, model: str) -> None:
    """Ask, and print both sides as they come. A failure is told, and ends nothing. What becomes of
    it is no news of a service: the gateway notes who answered there."""
    outcomes.probing.set("hello")  # within the task that greets
    print(f"\nyou: {QUESTION}\n{model}: ", end="", flush=True)
    service = OpenAICompatible(base_url=f"{url}/v1", transport=_Direct())
    try:
        async for text in service.create_async_generator(model, QUESTION):
            print(visible(text), end="", flush=True)
    except PenstockError as error:
        complain(told(error))
    print(flush=True)
