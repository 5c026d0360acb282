"""More inputs than one request may hold: split into requests, and their answers joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.vectors import checked
from penstock.types import EmbeddingRequest, Embeddings, Input, Usage, estimate_usage

_MARKS = 2  # tokens that a model puts around each input


def split(request: EmbeddingRequest, form: EmbeddingFormat) -> list[EmbeddingRequest]:
    """Requests of no more inputs, and tokens, than one may have, in order. An input that is too
    long by itself goes alone, for the service to judge."""
    parts = list(_parts(request.input, form.most, form.largest))
    return [request] if len(parts) == 1 else [replace(request, input=part) for part in parts]


def _parts(inputs: Sequence[Input], most: int, largest: int) -> Iterator[tuple[Input, ...]]:
    part: list[Input] = []
    tokens = 0
    for one in inputs:
        more = _most_tokens(one)
        if part and (len(part) == most or 0 < largest < tokens + more):
            yield tuple(part)
            part, tokens = [], 0
        part.append(one)
        tokens += more
    yield tuple(part)


def _most_tokens(one: Input) -> int:
    """How many tokens an input can have at most: none is shorter than a byte."""
    return _MARKS + (_bytes(one) if isinstance(one, str) else len(one))


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def join(answers: Sequence[Embeddings]) -> Embeddings:
    """The answers to a call's requests as one. Raises ``UnexpectedAnswer`` where the vectors of one
    are not as long as those of another."""
    if len(answers) == 1:
        return answers[0]
    vectors = [vector for answer in answers for vector in answer.vectors]
    usage = _sum([answer.usage for answer in answers])
    return replace(answers[0], vectors=checked(vectors, len(vectors)), usage=usage)


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """What all of them cost; ``partial`` where some did not say."""
    said = [usage for usage in usages if usage is not None]
    if not said:
        return None
    return Usage(
        input=_total([usage.input for usage in said]),
        total=_total([usage.total for usage in said]),
        provenance="reported" if len(said) == len(usages) else "partial",
    )


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def estimated(request: EmbeddingRequest) -> Usage:
    """What a call may have cost, where the service did not say."""
    sizes = (_bytes(one) if isinstance(one, str) else 4 * len(one) for one in request.input)
    return estimate_usage(0, sum(sizes))
