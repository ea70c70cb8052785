"""What can run a captured network, behind one interface.

An engine is a row of ENGINES: `make` writes what it builds into a folder, `open` turns such a
folder into a runner, from flat input tensors to flat output tensors. `live` does without a
graph and without a folder. Each raises RefusedError with its reason.
"""

import copy
import logging
import queue
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from paperworks.speed.graph import RefusedError, merge_upsampling

LAST = torch.channels_last
Runner = Callable[[Sequence[Tensor]], Sequence[Tensor]]
Shape = tuple[tuple[int, ...], torch.dtype]


@dataclass(frozen=True)
class Plan:
    """How to run a network: by which engine, in which precision, the batch in how many pieces."""

    engine: str
    precision: str  # float32, bfloat16 or int8
    pieces: int = 1  # of the batch, beside one another
    threads: int = 1  # all of them together
    requests: int = 1  # calls that may be under way at once, each on its share of the threads

    def __str__(self) -> str:
        parts = f", batch in {self.pieces} pieces" if self.pieces > 1 else ""
        return f"{self.engine} {self.precision}{parts}"


@dataclass(frozen=True)
class Job:
    """What an engine is given: the captured network and the example that it was captured with."""

    program: ExportedProgram  # for a piece of the batch
    tensors: Sequence[Tensor]  # of a whole batch
    calibration: Sequence[Sequence[Tensor]] = ()


@dataclass(frozen=True)
class Made:
    """What is in the folder, as the form of the calls that it answers."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    channels_last: tuple[bool, ...]  # which inputs come in that order


@dataclass(frozen=True)
class Engine:
    """One way to run a network."""

    needs: tuple[str, ...]
    precisions: frozenset[str]
    make: Callable[[Job, Plan, Path], None] | None = None
    open: Callable[[Path, Plan, Made], Runner] | None = None
    live: Callable[[nn.Module, Plan, Sequence[Tensor]], Runner] | None = None
    device: str = "cpu"

    def missing(self) -> str | None:
        """What is not installed."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f'{absent[0]} is missing: pip install "paperworks[speed]"' if absent else None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters and compilers say to themselves; failures are told by exceptions."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


# --- eager torch: folded, channels last, bfloat16 ---


def _ordered(tensor: Tensor) -> Tensor:
    """A batch of images with its channels last; anything else as it is."""
    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=LAST)


class _Prepared(nn.Module):
    """A network with its weights laid out for speed: channels last, and in its precision."""

    def __init__(self, net: nn.Module, precision: str, cast: bool):
        super().__init__()
        self.net = net.to(memory_format=LAST)  # type: ignore[call-overload]  # torch's stubs lack it
        self.low = precision == "bfloat16"
        self.cast = cast and self.low
        if self.cast:
            self.net = self.net.to(torch.bfloat16)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = [_ordered(t) for t in tensors]
        if self.cast:
            given = [t.to(torch.bfloat16) if t.dtype == torch.float32 else t for t in given]
        if self.low and not self.cast:
            with torch.autocast(tensors[0].device.type, torch.bfloat16):
                outputs = self.net(*given)
        else:
            outputs = self.net(*given)
        return tuple(o.float() if o.dtype == torch.bfloat16 else o for o in outputs)


def _prepared(net: Callable[[], nn.Module], precision: str, tensors: Sequence[Tensor]) -> nn.Module:
    """All in bfloat16 where the network takes that, else by torch's autocast."""
    with torch.no_grad(), quiet():
        if precision == "bfloat16":
            try:
                whole = _Prepared(net(), precision, cast=True)
                whole(*tensors)
            except RuntimeError:
                return _Prepared(net(), precision, cast=False)
            return whole
        return _Prepared(net(), precision, cast=False)


def _calls(net: Callable[..., Any]) -> Runner:
    def run(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        with torch.inference_mode():
            return net(*tensors)

    return run


def _make_eager(job: Job, plan: Plan, folder: Path) -> None:
    torch.export.save(job.program, folder / "network.pt2")


def _open_eager(folder: Path, plan: Plan, made: Made) -> Runner:
    program = torch.export.load(folder / "network.pt2")
    return _calls(_prepared(_copies(program), plan.precision, _zeros(made)))


def _live_eager(net: nn.Module, plan: Plan, tensors: Sequence[Tensor]) -> Runner:
    return _calls(_prepared(lambda: copy.deepcopy(net), plan.precision, tensors))


def _copies(program: ExportedProgram) -> Callable[[], nn.Module]:
    """Copies of a captured network, whose weights are the original's own until then."""
    return lambda: copy.deepcopy(program.module())


def _zeros(made: Made) -> list[Tensor]:
    return [torch.zeros(shape, dtype=dtype) for shape, dtype in made.inputs]


# --- inductor: compiled ahead of time with its weights frozen into it ---


def _make_inductor(job: Job, plan: Plan, folder: Path) -> None:
    from torch._inductor import aoti_compile_and_package

    net = _prepared(_copies(job.program), plan.precision, job.tensors)
    options = {"freezing": True, "cpp.threads": plan.threads}
    with torch.no_grad():
        program = torch.export.export(net, tuple(job.tensors))
        package = str(folder / "network.pt2")
        aoti_compile_and_package(program, package_path=package, inductor_configs=options)


def _open_inductor(folder: Path, plan: Plan, made: Made) -> Runner:
    from torch._inductor import aoti_load_package

    return _calls(aoti_load_package(str(folder / "network.pt2")))


def _live_inductor(net: nn.Module, plan: Plan, tensors: Sequence[Tensor]) -> Runner:
    """Compiled as it is called, in pieces between what cannot be captured."""
    prepared = _prepared(lambda: copy.deepcopy(net), plan.precision, tensors)
    options: dict[str, Any] = {"freezing": True} if tensors[0].device.type == "cpu" else {}
    return _calls(torch.compile(prepared, options=options))


# --- OpenVINO ---


def _make_openvino(job: Job, plan: Plan, folder: Path) -> None:
    import openvino as ov

    part = [t[: len(t) // plan.pieces] if plan.pieces > 1 else t for t in job.tensors]
    if plan.precision == "int8":
        model = ov.Core().read_model(_quantized(job, folder))
    else:
        model = ov.convert_model(merge_upsampling(job.program, part)[0])
    if len(model.inputs) != len(job.tensors):
        raise RefusedError(
            f"it kept {len(model.inputs)} of the {len(job.tensors)} inputs: one decides nothing"
        )
    # the converter leaves sizes open, and a graph that works them out at each call is slower
    model.reshape(dict(enumerate(list(t.shape) for t in part)))
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    (folder / "model.onnx").unlink(missing_ok=True)


_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}


def _open_openvino(folder: Path, plan: Plan, made: Made) -> Runner:
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    core = ov.Core()
    model = core.read_model(folder / "model.xml")
    # images stay as the kernels have them: putting channels first is slow for large answers
    images = [_is_image(shape) for shape, _ in made.outputs]
    steps = PrePostProcessor(model)
    for flags, side in ((made.channels_last, steps.input), (images, steps.output)):
        for i in (i for i, last in enumerate(flags) if last):
            side(i).tensor().set_layout(ov.Layout("NHWC"))
            side(i).model().set_layout(ov.Layout("NCHW"))
    model = steps.build()
    streams = max(plan.pieces, plan.requests)
    hint = _HINTS[plan.precision]
    if hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        hint = "f32"
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": plan.threads,
    }
    settings |= {"NUM_STREAMS": streams} if streams > 1 else {"PERFORMANCE_HINT": "LATENCY"}
    try:
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError:
        if plan.precision != "int8":
            raise
        # some layers have no kernel between 8 bits and bfloat16
        settings["INFERENCE_PRECISION_HINT"] = "f32"
        compiled = core.compile_model(model, "CPU", settings)
    # a request serves one call at a time; calls from several threads take one each
    idle: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()

    def run(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        try:
            requests = idle.get_nowait()
        except queue.Empty:
            requests = [compiled.create_infer_request() for _ in range(plan.pieces)]
        outputs = [
            torch.empty(
                shape, dtype=dtype, memory_format=LAST if image else torch.contiguous_format
            )
            for (shape, dtype), image in zip(made.outputs, images, strict=True)
        ]
        places = [
            t.permute(0, 2, 3, 1) if image else t for t, image in zip(outputs, images, strict=True)
        ]
        given = [
            _ordered(t).permute(0, 2, 3, 1) if last else t.contiguous()
            for t, last in zip(tensors, made.channels_last, strict=True)
        ]
        _bind(ov, requests, given, places)
        if len(requests) == 1:
            requests[0].infer()
        else:
            for request in requests:
                request.start_async()
            for request in requests:
                request.wait()
        idle.put(requests)
        return outputs

    return run


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] > 1 and shape[2] * shape[3] > 1


def _bind(
    ov: Any, requests: list[Any], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    """Let requests read and write torch's own memory, each its piece of the batch."""
    pieces = len(requests)
    for place, request in enumerate(requests):
        for i, whole in enumerate(inputs):
            part = whole.detach() if pieces == 1 else whole.detach().chunk(pieces)[place]
            request.set_input_tensor(i, ov.Tensor(part.numpy(), shared_memory=True))
        for i, whole in enumerate(outputs):
            part = whole if pieces == 1 else whole.chunk(pieces)[place]
            request.set_output_tensor(i, ov.Tensor(part.numpy(), shared_memory=True))


# --- ONNX Runtime ---


def _make_onnxruntime(job: Job, plan: Plan, folder: Path) -> None:
    if plan.precision == "int8":
        _quantized(job, folder)
    else:
        _onnx(job, folder / "model.onnx")


def _onnx(job: Job, file: Path) -> Path:
    """Write the network as ONNX, weights inside."""
    with torch.no_grad():
        made = torch.onnx.export(job.program, (), dynamo=True, verbose=False, optimize=True)
    assert made is not None
    if len(made.model.graph.inputs) != len(job.tensors):
        raise RefusedError("the ONNX exporter dropped an input that decides nothing")
    made.save(file)
    return file


def _quantized(job: Job, folder: Path) -> Path:
    """Write the network as ONNX in 8 bits, ranges from the calibration inputs."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    wide, ready, file = (folder / name for name in ("wide.onnx", "ready.onnx", "model.onnx"))
    names = [value.name for value in torch_inputs(_onnx(job, wide))]

    class Feed(CalibrationDataReader):
        def __init__(self):
            self.left = iter(job.calibration)

        def get_next(self) -> Any:
            tensors = next(self.left, None)
            if tensors is None:
                return None
            return {n: t.detach().numpy() for n, t in zip(names, tensors, strict=True)}

    quant_pre_process(wide, ready, skip_symbolic_shape=True)
    quantize_static(ready, file, Feed(), quant_format=QuantFormat.QDQ, per_channel=True)
    wide.unlink()
    ready.unlink()
    return file


def torch_inputs(file: Path) -> Sequence[Any]:
    """The inputs of an ONNX file, in the order of the call."""
    import onnx

    return onnx.load(file, load_external_data=False).graph.input


_NUMPY_TYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.bool: "bool",
}


def _open_onnxruntime(folder: Path, plan: Plan, made: Made) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = plan.threads
    options.log_severity_level = 3
    file = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names_in = [value.name for value in session.get_inputs()]
    names_out = [value.name for value in session.get_outputs()]

    def run(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        outputs = [torch.empty(shape, dtype=dtype) for shape, dtype in made.outputs]
        binding = session.io_binding()
        held = [t.contiguous() for t in tensors]  # until it has run
        for name, t in zip(names_in, held, strict=True):
            binding.bind_input(name, "cpu", 0, _NUMPY_TYPES[t.dtype], tuple(t.shape), t.data_ptr())
        for name, t in zip(names_out, outputs, strict=True):
            binding.bind_output(name, "cpu", 0, _NUMPY_TYPES[t.dtype], tuple(t.shape), t.data_ptr())
        session.run_with_iobinding(binding)
        return outputs

    return run


# --- GPU ---


def _live_cudagraph(net: nn.Module, plan: Plan, tensors: Sequence[Tensor]) -> Runner:
    """The compiled network recorded once and replayed: no kernel is launched from Python."""
    prepared = _live_inductor(net, plan, tensors)
    return replayed(prepared, tensors)


def replayed(run: Runner, tensors: Sequence[Tensor]) -> Runner:
    """Record a runner on the GPU and replay it. Inputs and outputs are copied."""
    held = [tensor.clone() for tensor in tensors]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):  # compiles and allocates before the recording
            run(held)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = run(held)

    def replay(given: Sequence[Tensor]) -> Sequence[Tensor]:
        for place, tensor in zip(held, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return [output.clone() for output in outputs]

    return replay


_FLOATS = frozenset({"float32", "bfloat16"})
ENGINES = {
    "eager": Engine((), _FLOATS, _make_eager, _open_eager, _live_eager),
    "openvino": Engine(
        ("openvino", "onnxruntime", "onnxscript"),
        _FLOATS | {"int8"},
        _make_openvino,
        _open_openvino,
    ),
    "onnxruntime": Engine(
        ("onnxruntime", "onnxscript"),
        frozenset({"float32", "int8"}),
        _make_onnxruntime,
        _open_onnxruntime,
    ),
    "inductor": Engine((), _FLOATS, _make_inductor, _open_inductor, _live_inductor),
    "eager on the GPU": Engine((), _FLOATS, live=_live_eager, device="cuda"),
    "inductor on the GPU": Engine((), _FLOATS, live=_live_inductor, device="cuda"),
    "CUDA graph": Engine((), _FLOATS, live=_live_cudagraph, device="cuda"),
}
