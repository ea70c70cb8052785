"""What a text means, as a vector: a small transformer in ONNX Runtime, whose weights are shipped.

The network is all-MiniLM-L6-v2 (BERT with 6 layers of width 384, mean pooling; Apache 2.0). It
computes with small integers, and its vectors are turned so that their first numbers say most;
`minilm/make.py` does both. No torch, nothing to fetch.
"""

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession

FOLDER = Path(__file__).parent / "minilm"
WIDTH = 384
MODEL = "all-MiniLM-L6-v2, 7 bits, 1"  # vectors of another one cannot be compared with ours
LONGEST = 256  # tokens; the model was trained on no longer texts
_TOGETHER = 256  # tokens computed at a time: their intermediate values stay in the cache
_WORDS = re.compile(r"[^\W_]+|[^\w\s]|_")


def encode(texts: Sequence[str]) -> "np.ndarray":
    """The vectors of texts, (texts, 384), float32, of length one. Longer texts are cut."""
    import numpy as np

    tokens = [tokenize(text) for text in texts]
    vectors = np.empty((len(texts), WIDTH), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
    while order:
        wide = len(tokens[order[-1]])
        many = max(1, _TOGETHER // wide)
        batch, order = order[-many:], order[:-many]
        ids = np.zeros((len(batch), wide), np.int64)
        for row, i in enumerate(batch):
            ids[row, : len(tokens[i])] = tokens[i]
        lengths = np.array([len(tokens[i]) for i in batch])
        there = np.arange(wide) < lengths[:, None]
        given = {"ids": ids, "there": there.astype(np.float32)}
        vectors[batch] = np.asarray(_network().run(None, given)[0])
    return vectors


@lru_cache(maxsize=1024)
def encode_query(text: str) -> "np.ndarray":
    """The vector of one text, (384,); asked again, it is remembered."""
    vector = encode([text])[0]
    vector.flags.writeable = False
    return vector


def tokenize(text: str) -> list[int]:
    """The ids of a text's word pieces, between those that begin and end it."""
    pieces = _pieces()
    ids = [pieces["[CLS]"]]
    for word in _WORDS.findall(_plain(text[: 16 * LONGEST])):
        ids += _split(word)
        if len(ids) >= LONGEST:
            break
    return [*ids[: LONGEST - 1], pieces["[SEP]"]]


def knows(word: str) -> bool:
    """Whether a word is one piece: of others the model has seen too little to say anything."""
    return _plain(word) in _pieces()


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")


@cache
def _pieces() -> dict[str, int]:
    words = (FOLDER / "words.txt").read_text(encoding="utf-8").splitlines()
    return {word: place for place, word in enumerate(words)}


@lru_cache(maxsize=50_000)
def _split(word: str) -> tuple[int, ...]:
    """A word as the fewest pieces from the left; one unknown piece where that fails."""
    pieces, found, start = _pieces(), [], 0
    while start < len(word):
        for end in range(min(len(word), start + 32), start, -1):
            piece = pieces.get(("##" if start else "") + word[start:end])
            if piece is not None:
                found.append(piece)
                start = end
                break
        else:
            return (pieces["[UNK]"],)
    return tuple(found)


def at_once() -> int:
    """How many threads encode many texts best: OMP_NUM_THREADS, else one a processor."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdecimal() else os.cpu_count() or 1


@cache
def _network() -> "InferenceSession":
    """Takes ids of tokens and which are there, both (texts, tokens); gives vectors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # few words are not worth sharing between processors
    options.log_severity_level = 3
    shipped = FOLDER / "network.onnx"
    return onnxruntime.InferenceSession(shipped, options, ["CPUExecutionProvider"])
