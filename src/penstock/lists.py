"""What providers offer: each one's own list of models, with what is known of them, kept a while."""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct

from penstock.errors import PenstockError, ServiceError, Timeout
from penstock.provider import Provider
from penstock.types import ModelInfo

AGE = 300.0
"""Seconds for which a list holds."""
_FAILED_AGE = 30.0
_WAIT = 10.0


class Offer(Struct, frozen=True):
    """A provider's models, or why it did not say which they are."""

    models: tuple[ModelInfo, ...] = ()
    error: PenstockError | None = None


async def offer(provider: Provider) -> Offer:
    """What a provider offers, asked within ten seconds, with what is known of each model. One that
    has no list offers what the table of models has; one that refuses or fails offers nothing."""
    from penstock import prices  # the table is read only here

    try:
        async with asyncio.timeout(_WAIT):
            infos = await provider.list_models()
    except TimeoutError:
        late = Timeout(f"no list within {_WAIT:g} s", provider=provider.name)
        return Offer(error=late)
    except PenstockError as error:
        return Offer(error=error)
    except Exception as error:  # a user's own class may raise anything
        said = f"its list of models failed: {type(error).__name__}: {error}"
        return Offer(error=ServiceError(said, provider=provider.name))
    kind, is_live = type(provider).name, _has_list(provider)  # the name in a config may be any
    if infos or is_live:
        return Offer(prices.described(kind, infos, "live" if is_live else ""))
    return Offer(prices.listed(kind))


def _has_list(provider: Provider) -> bool:
    """Whether it is the service that says which models there are."""
    from penstock.http_provider import HTTPProvider  # who asks has loaded a provider before

    return (
        isinstance(provider, HTTPProvider)
        and not provider.models
        and provider.protocol.models_request(provider.api_key) is not None
    )


class Lists:
    """The models of providers, by the providers' names. One that could not be asked is asked again
    sooner."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, tuple[ModelInfo, ...]]] = {}

    async def of(self, provider: Provider) -> tuple[ModelInfo, ...]:
        """What the provider offers; nothing where it does not say."""
        until, models = self._kept.get(provider.name, (0.0, ()))
        if time.monotonic() < until:
            return models
        made = await offer(provider)
        until = time.monotonic() + (_FAILED_AGE if made.error else AGE)
        self._kept[provider.name] = until, made.models
        return made.models
