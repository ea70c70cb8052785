"""`optimize` beside eager torch and each engine applied by hand: the same networks, in turns.

    benchmarks/peers/vision.sh benchmarks/optimize.py            # timm's networks, all of them
    benchmarks/peers/vision.sh benchmarks/optimize.py resnet50 --batch 8
    python benchmarks/optimize.py --ours resnet50                # a network of our own, no peers

Prints one JSON line a network, batch and way: milliseconds, its ratio to timm's eager float32
(above one is faster; the median over rounds in which all run once, in another order each time),
our ratio to the best by hand, the error. --draw makes docs/figures/speed.png of the lines.
"""

import argparse
import copy
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from paperworks.speed import machine, optimize
from paperworks.speed.accuracy import compare
from paperworks.speed.engines import quiet
from paperworks.speed.timing import in_turns, ratio

HERE = Path(__file__).parent
NETWORKS = ["resnet50", "mobilenetv2_100", "densenet121", "pvt_v2_b1", "unet:resnet34"]
LAST = torch.channels_last
Way = Callable[[], Any]


def network(name: str, ours: bool) -> nn.Module:
    """A network with batch norm statistics of real forward passes, and gains that are not zero."""
    torch.manual_seed(0)
    if ours:
        from paperworks.zoo import create_model

        net = create_model(name)
    elif ":" in name:
        sys.path.insert(0, str(HERE.parent))
        importlib.import_module("tests.parity.libraries").install()
        smp = importlib.import_module("segmentation_models_pytorch")
        net = smp.Unet(name.split(":")[1], encoder_weights=None, classes=21)
    else:
        sys.path.insert(0, str(HERE.parent))
        importlib.import_module("tests.parity.libraries").install()
        net = importlib.import_module("timm").create_model(name)
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.0)
            nn.init.normal_(norm.bias, 0, 0.1)
    if norms:
        with torch.no_grad():
            net.train()(torch.randn(4, 3, size(name), size(name)))
    return net.eval()


def size(name: str) -> int:
    """Pixels a side."""
    return 512 if ":" in name else 224


def by_hand(net: nn.Module, x: Tensor, low: bool) -> Iterator[tuple[str, Callable[[], Way]]]:
    """Each engine as its own manual applies it."""
    dtype = torch.bfloat16 if low else torch.float32

    def laid() -> nn.Module:
        own = copy.deepcopy(net).to(dtype)
        return own.to(memory_format=LAST)  # type: ignore[call-overload]  # torch's stubs lack it

    def eager() -> Way:
        fast = laid()
        return lambda: fast(x.to(dtype, memory_format=LAST)).float()

    def compiled() -> Way:
        fast = torch.compile(laid(), options={"freezing": True})
        return lambda: fast(x.to(dtype, memory_format=LAST)).float()

    def openvino() -> Way:
        import openvino as ov

        with torch.no_grad():
            model = ov.convert_model(copy.deepcopy(net), example_input=x, input=[tuple(x.shape)])
        hints = {
            "INFERENCE_PRECISION_HINT": "bf16" if low else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        request = ov.Core().compile_model(model, "CPU", hints).create_infer_request()

        def run() -> Tensor:
            request.infer([x.numpy()], share_inputs=True, share_outputs=True)
            return torch.from_numpy(request.get_output_tensor(0).data.copy())

        return run

    def onnxruntime() -> Way:
        import onnxruntime as ort

        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/model.onnx"
            torch.onnx.export(net, (x,), file, dynamo=True, verbose=False, external_data=False)
            options = ort.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        (name,) = (value.name for value in session.get_inputs())
        return lambda: torch.from_numpy(session.run(None, {name: x.numpy()})[0])

    yield "eager channels last", eager
    yield "torch.compile freezing", compiled
    yield "OpenVINO", openvino
    yield "ONNX Runtime float32", onnxruntime


def measured(name: str, batch: int, given: argparse.Namespace) -> None:
    """All ways to run one network, printed as JSON lines."""
    net = network(name, given.ours)
    x = torch.randn(batch, 3, size(name), size(name))
    low = not given.float32
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(x)
    ways: dict[str, Way] = {"eager float32": lambda: net(x)}
    with torch.inference_mode(False), quiet():
        for way, build in by_hand(net, x, low):
            try:
                run = build()
                with torch.no_grad():
                    run()
                ways[way] = run
            except Exception as refused:  # an engine that cannot is a line too
                print(
                    json.dumps(
                        {"network": name, "batch": batch, "way": way, "refused": str(refused)[:200]}
                    )
                )
    fast = optimize(
        net, x, precision="auto" if low else "float32", seconds=given.seconds, cache=not given.fresh
    )
    ways["paperworks"] = lambda: fast(x)
    dtype = torch.bfloat16 if low else torch.float32
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    ways["matrix product"] = lambda: a @ b
    with torch.no_grad():
        took = in_turns(ways, x.device, given.seconds, given.rounds)
        wanted = net(x)
    # the peak of this machine at this time: the best of its rounds, as its quickest matrix product
    peak = 2 * 2048**3 / min(took.pop("matrix product"))
    hands = [way for way in took if way not in ("eager float32", "paperworks")]
    best = min(hands, key=lambda way: median(took[way]))
    for way, times in took.items():
        with torch.no_grad():
            error = compare([[wanted]], [[ways[way]()]], 0.0)
        share = [b / t for b, t in zip(took["eager float32"], times, strict=True)]
        row = {
            "network": name,
            "batch": batch,
            "size": size(name),
            "precision": "bfloat16" if low else "float32",
            "way": way,
            "milliseconds": round(median(times) * 1e3, 3),
            "ratio": round(median(share), 3),
            "range": [round(min(share), 2), round(max(share), 2)],
            "of_peak": round(counter.get_total_flops() / min(times) / peak, 3),
            "error": float(f"{error.outputs:.2g}"),
            "rounds": len(times),
        }
        if way == "paperworks":
            row |= {"plan": fast.report.chosen, "best_by_hand": best}
            row |= {"over_best": round(ratio(took[best], times), 3)}
            row |= {"processor": machine.processor(), "versions": machine.versions()}
        print(json.dumps(row), flush=True)


def draw(lines: list[dict[str, Any]], stem: Path) -> None:
    """Speed-ups over eager float32: ours as bars, what the engines give by hand as marks."""
    from matplotlib.figure import Figure

    lines = [row for row in lines if "ratio" in row and row["way"] != "eager float32"]
    kinds = sorted({(r["precision"], r["batch"] > 1) for r in lines}, key=lambda k: (k[0], k[1]))
    figure = Figure(figsize=(10, 3.2 * len(kinds) / 2 + 0.8), layout="constrained")
    grid = figure.subplots(-(-len(kinds) // 2), 2, squeeze=False)
    marks = dict(
        zip(
            ["eager channels last", "torch.compile freezing", "OpenVINO", "ONNX Runtime float32"],
            "o^sD",
            strict=True,
        )
    )
    for axes, (precision, many) in zip(grid.flat, kinds, strict=False):
        rows = [r for r in lines if (r["precision"], r["batch"] > 1) == (precision, many)]
        names = list(dict.fromkeys(r["network"] for r in rows))
        for r in rows:
            y = names.index(r["network"])
            if r["way"] == "paperworks":
                axes.barh(y, r["ratio"], color="#3b6fb6", height=0.55, zorder=1)
                beyond = max(other["ratio"] for other in rows if other["network"] == r["network"])
                axes.annotate(
                    f"{r['ratio']:.1f} ×",
                    (beyond, y),
                    (6, 0),
                    textcoords="offset points",
                    va="center",
                )
            else:
                axes.plot(
                    r["ratio"], y, marks[r["way"]], color="#202020", ms=4, mfc="none", zorder=2
                )
        ours = [r["ratio"] for r in rows if r["way"] == "paperworks"]
        mean = exp(sum(map(log, ours)) / len(ours))
        axes.axvline(1, color="#808080", lw=1)
        axes.set_yticks(range(len(names)), names)
        batches = "/".join(str(b) for b in sorted({r["batch"] for r in rows}))
        axes.set_title(
            f"{precision}, batch {batches}: {mean:.1f} × in the geometric mean", fontsize=9
        )
        axes.set_xlabel("times as fast as eager float32")
        axes.margins(x=0.12)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    for way, mark in marks.items():
        grid.flat[0].plot([], [], mark, color="#202020", mfc="none", ms=4, label=f"{way}, by hand")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(stem.with_suffix(".png"), dpi=160)


def main() -> None:
    """Measure what is asked, or draw lines that were measured."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("networks", nargs="*", default=NETWORKS)
    ask.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    ask.add_argument("--ours", action="store_true", help="networks of paperworks")
    ask.add_argument("--float32", action="store_true")
    ask.add_argument("--fresh", action="store_true", help="build again what the cache has")
    ask.add_argument("--rounds", type=int, default=15)
    ask.add_argument("--seconds", type=float, default=30)
    ask.add_argument("--draw", type=Path, help="a file of lines to draw")
    given = ask.parse_args()
    if given.draw:
        lines = [json.loads(line) for line in given.draw.read_text().splitlines()]
        draw(lines, HERE.parent / "docs" / "figures" / "speed")
        return
    for name in given.networks:
        for batch in given.batch:
            measured(name, batch // 2 if ":" in name and batch > 1 else batch, given)


if __name__ == "__main__":
    main()
