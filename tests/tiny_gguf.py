"""A tiny GGUF model with random weights: what llama.cpp loads and runs in milliseconds, for tests.

    write(path)                              # 460 kB, answers in a few ms
    write(path, layers=8, width=512)         # 77 MB, takes a while to think

It says words of a small vocabulary in no order, never a broken character, and always the same ones
at temperature 0. It does not end by itself (``</s>`` is never the likeliest): say ``max_tokens``.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

CONTEXT = 8192
"""Tokens that the model says it was trained for."""

WORDS = ("the", "a", "of", "and", "hello", "world", "stream", "token")
TEMPLATE = """\
{%- if tools %}tools: {% for tool in tools %}{{ tool | tojson }}{% endfor %}
{% endif %}
{%- for message in messages %}{{ message.role }}: {{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": \
{{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}
{% endfor %}
{%- if add_generation_prompt %}assistant: {% endif %}"""
"""From how calls are written here llama.cpp makes the grammar that it holds a model to."""

CALLING = {"2": 100, "259": 99}
"""The ``logit_bias`` with which it calls a tool, where it has to, and then ends: the grammar lets
it talk first, and it would never stop talking."""

_BLANK = "\u2581"
_SPECIAL = (b"<unk>", b"<s>", b"</s>")
_SPOKEN = (_BLANK, *"abcdefghijklmnopqrstuvwxyz", *(_BLANK + word for word in WORDS))
_SILENT = len(_SPECIAL) + 256 + 1
"""Special tokens and single bytes: in the vocabulary so that anything can be read, never said."""


def write(path: Path, *, layers: int = 2, width: int = 64, embeds: bool = False) -> Path:
    """Write the model to ``path``; ``width`` is a multiple of 16. ``embeds``: it says that it is
    made to embed texts, by the mean of their tokens."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    if embeds:
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    _write_shape(writer, layers, width)
    _write_vocabulary(writer)
    for tensor, values in _tensors(layers, width):
        writer.add_tensor(tensor, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


_HEADS, _KV_HEADS = 4, 2


def _write_shape(writer: gguf.GGUFWriter, layers: int, width: int) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // _HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _write_vocabulary(writer: gguf.GGUFWriter) -> None:
    kind = gguf.TokenType
    singles = [f"<0x{byte:02X}>".encode() for byte in range(256)]
    spoken = [text.encode() for text in _SPOKEN]
    writer.add_vocab_size(_SILENT + len(spoken))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*_SPECIAL, *singles, b"<tool_call>", *spoken])
    writer.add_token_scores([0.0] * _SILENT + [-1.0 - i for i in range(len(spoken))])
    writer.add_token_types(
        [kind.UNKNOWN, kind.CONTROL, kind.CONTROL]
        + [kind.BYTE] * 256
        + [kind.NORMAL] * (1 + len(spoken))
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def _tensors(layers: int, width: int) -> list[tuple[str, NDArray[np.float32]]]:
    random = np.random.default_rng(0)
    ones = np.ones(width, np.float32)
    vocabulary, kv = _SILENT + len(_SPOKEN), _KV_HEADS * width // _HEADS

    def weights(*shape: int) -> NDArray[np.float32]:
        return random.standard_normal(shape, np.float32) * np.float32(width**-0.5)

    said = weights(vocabulary, width) * np.float32(4)
    said[:_SILENT] = 0
    found = [
        ("token_embd.weight", weights(vocabulary, width)),
        ("output_norm.weight", ones),
        ("output.weight", said),
    ]
    for layer in range(layers):
        block = {
            "attn_norm": ones,
            "attn_q": weights(width, width),
            "attn_k": weights(kv, width),
            "attn_v": weights(kv, width),
            "attn_output": weights(width, width),
            "ffn_norm": ones,
            "ffn_gate": weights(2 * width, width),
            "ffn_up": weights(2 * width, width),
            "ffn_down": weights(width, 2 * width),
        }
        found += [(f"blk.{layer}.{part}.weight", values) for part, values in block.items()]
    return found
