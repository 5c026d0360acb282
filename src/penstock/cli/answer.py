"""One answer, from the service to the screen, and what there is to say about its end."""

from __future__ import annotations

from penstock.cli.conversation import Conversation
from penstock.cli.rendering import Renderer
from penstock.cli.terminal import note
from penstock.events import Attempt, Collector, Finish
from penstock.prices import Cost
from penstock.types import Usage

_NOT_WHOLE = {
    "length": "the answer is not whole: it reached the limit of its length (max_tokens)",
    "content_filter": "the answer is not whole: the service filtered its content",
    "tool_calls": "the model asks for a tool; --json shows which, and with what",
}


async def carry(conversation: Conversation, question: str, renderer: Renderer) -> Finish | None:
    """Ask, and render the events as they come. What was said is remembered, whole or not."""
    collector = Collector()
    try:
        async with conversation.ask(question) as events:
            async for event in events:
                collector.add(event)
                renderer.render(event)
    finally:
        conversation.remember(question, str(collector.reply()))
    return collector.reply().finish


def report(finish: Finish | None, conversation: Conversation, verbose: bool) -> None:
    """Say on stderr why the answer ended, where it is worth a word or asked for."""
    if finish is None:
        return
    if finish.reason in _NOT_WHOLE:
        note(f"penstock: {_NOT_WHOLE[finish.reason]}")
    if verbose:
        raw = f" ({finish.raw_reason})" if finish.raw_reason not in (None, finish.reason) else ""
        spent = f"{_tokens(finish.usage)}{_cost(conversation.price(finish.usage))}"
        note(f"finish: {finish.reason}{raw}; model: {conversation.asked()}; tokens: {spent}")
        for attempt in finish.attempts:
            note(f"on the way: {_came_to(attempt)}")


def _came_to(attempt: Attempt) -> str:
    """What became of a target of a route that did not end the answer."""
    if attempt.spoke:
        return f"{attempt.target} was cut ({attempt.error}); the answer went on elsewhere"
    if attempt.error:
        return f"{attempt.target} was asked in vain ({attempt.error})"
    return f"{attempt.target} was slower, and was left"


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return "not said"
    counts = {
        "input": usage.input,
        "output": usage.output,
        "total": usage.total,
        "cached": usage.cached_input,
        "reasoning": usage.reasoning,
    }
    said = ", ".join(f"{name} {count}" for name, count in counts.items() if count is not None)
    return f"{said} ({usage.provenance})"


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return ""
    exact = cost.provenance == "reported" and (cost.charged is not None or not cost.approximate)
    return f"; cost: {'' if exact else 'about '}{cost}"
