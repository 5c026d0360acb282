"""``Target``: a provider, and the model that is asked there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from penstock.health import here
from penstock.provider import Call, Provider, T
from penstock.routing.routed import Routed


class Target(Routed):
    """One model of one provider, whatever model the question names; empty: the one that it names,
    else the provider's own default."""

    def __init__(self, provider: Provider, model: str = "") -> None:
        super().__init__((provider,))
        self.model = model
        self.name = f"{provider.name}/{model}" if model else provider.name

    def _model(self, asked: str) -> str:
        return self.model or asked or self.targets[0].default_model

    def through(self, call: Call[T]) -> AsyncGenerator[T]:
        return self.targets[0].through(replace(call, model=self._model(call.model)))

    def is_failing(self, model: str) -> bool:
        provider, model = self.targets[0], self._model(model)
        return here.is_failing(provider.name, model) or provider.is_failing(model)

    def serves(self, model: str) -> bool:
        return self.targets[0].serves(self._model(model))
