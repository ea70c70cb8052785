"""One run: one arm, one seed, one number. Only the processes made for runs import this."""

import base64
import math
import os
import random
import struct
import sys
import time
import traceback
import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy
import torch

from paperworks.claim import Measured, Seed
from paperworks.trial.confine import named
from paperworks.trial.jobs import Job, Run, claims

POINTS = 60  # a curve in the ledger has at most so many
PICTURE = 32_000  # characters of a picture


def do(job: Job) -> Run:
    """Measure one number. Whatever the measurement raises becomes the run's failure."""
    claim = claims(job.work)[job.claim]
    prepare(job)
    start = time.process_time()
    try:
        seen = claim.measure(getattr(claim, job.arm), Seed(job.seed, job.draws))
        seconds = time.process_time() - start
        measured = seen if isinstance(seen, Measured) else Measured(float(seen))
        value, extra = float(measured.value), look(measured)
    except BaseException as error:  # a measurement that calls sys.exit() has failed too
        return Run(job, None, told(error), seconds=time.process_time() - start)
    if not math.isfinite(value):
        return Run(job, None, f"The measurement returned {value}.", extra, seconds)
    return Run(job, value, None, extra, seconds)


def prepare(job: Job) -> None:
    """The same start for every run: one thread, and every global generator seeded.

    Deterministic algorithms are asked for; an operation that has none only warns. Numbers too
    small for float32's normal form are zero: some processors take a hundred times as long on them.
    """
    os.environ["JOBLIB_MULTIPROCESSING"] = "0"  # a run is one process and may have no semaphores
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_deterministic_debug_mode("warn")  # the other spelling imports a compiler
    # new memory is not filled: a twentieth of the time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch's stubs lack it
    digest = blake2b(f"{job.seed} trial {job.draws}".encode(), digest_size=4).digest()
    start = int.from_bytes(digest)
    random.seed(start)
    numpy.random.seed(start)
    torch.manual_seed(start)


def look(measured: Measured) -> dict[str, Any]:
    """What a measurement leaves to look at, small enough for a ledger."""
    extra: dict[str, Any] = {}
    if measured.curve is not None:
        extra |= {"curve": thin(*measured.curve), "axes": list(measured.axes)}
    if measured.picture is not None:
        extra["picture"] = png(measured.picture)
    return extra


def thin(xs: Sequence[float], ys: Sequence[float]) -> list[list[float | None]]:
    """At most 60 evenly chosen points, both ends among them, to 4 digits; None if not finite."""
    n = min(len(xs), len(ys))
    count = min(n, POINTS)
    chosen = [round(i * (n - 1) / max(count - 1, 1)) for i in range(count)]
    return [[_short(float(line[i])) for i in chosen] for line in (xs, ys)]


def png(picture: Sequence[Sequence[Any]]) -> str:
    """Rows of grey or red-green-blue values from 0 to 1, as PNG in base64.

    Every second row and column is left out until it is small enough.
    """
    pixels = numpy.asarray(picture, dtype=float)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"A picture is rows of grey values or of triples; not {pixels.shape}.")
    pixels = (numpy.nan_to_num(pixels).clip(0, 1) * 255).round().astype(numpy.uint8)
    while len(text := base64.b64encode(_png(pixels)).decode()) > PICTURE:
        pixels = pixels[::2, ::2]
    return text


def told(error: BaseException) -> str:
    """An error in a few lines, its files named from the folder they are imported from."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is `do`
    lines = [
        f"  {f.filename}:{f.lineno} {f.name}: {f.line}" for f in (*frames[:4], *frames[4:][-2:])
    ]
    what = "".join(traceback.format_exception_only(error)).strip()[:1000]
    if limit := named(error):
        what = f"Limit of {limit}. {what}"
    return relative("\n".join([what, *lines]))


def relative(text: str) -> str:
    """The text without the places where this machine keeps its packages."""
    for folder in sorted(sys.path, key=len, reverse=True):
        text = text.replace(f"{folder}/", "") if folder.strip("/") else text
    return text


def _short(number: float) -> float | None:
    return float(f"{number:.4g}") if math.isfinite(number) else None


def _png(pixels: numpy.ndarray) -> bytes:
    """An 8-bit PNG: signature, header, one compressed block of rows, end."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )
