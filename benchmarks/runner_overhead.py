"""What a run costs beyond its measurement: the same jobs in a bare loop and through the runner.

    python benchmarks/runner_overhead.py [WORK] [ROUNDS]

Runs of the primary claim, interleaved, one at a time, on seeds that no claim is decided on.
Loading the work is not counted: both need it once. Prints one JSON line; `ratio` is the runner's
time over the loop's, which is warm after its first round: every run is a process of its own and
makes the kernels for its convolutions anew. `of_trials` is the runner's time over the processor
time of the measurements within it.
"""

import json
import sys
import time
from statistics import median
from tempfile import TemporaryDirectory

from paperworks.claim import Seed
from paperworks.evidence import EXPLORE_FROM
from paperworks.store import open_store
from paperworks.trial import kept
from paperworks.trial.jobs import claims, jobs
from paperworks.trial.measure import prepare
from paperworks.trial.pool import open_pool


def overhead(work: str, rounds: int) -> dict[str, object]:
    """Seconds of all runs of `rounds` seeds, both ways."""
    known = claims(work)
    bare, through, inside = list[float](), list[float](), list[float]()
    with TemporaryDirectory() as folder, open_pool(work, 1) as pool:
        engine = open_store(f"sqlite:///{folder}/store.db")
        # the first round warms both up and is not counted
        seeds = range(EXPLORE_FROM, EXPLORE_FROM + rounds + 1)
        for job in jobs(work, pool.cards[:1], seeds):
            claim = known[job.claim]
            start = time.perf_counter()
            prepare(job)
            alone = claim.measure(getattr(claim, job.arm), Seed(job.seed))
            between = time.perf_counter()
            seconds = 0.0
            for run in pool.map([job]):
                seconds = run.seconds
                kept.keep(engine, run, pool)
                assert run.value == getattr(alone, "value", alone), "the two ways disagree"
            end = time.perf_counter()
            if job.seed > EXPLORE_FROM:
                bare.append(between - start)
                through.append(end - between)
                inside.append(seconds)
        engine.dispose()
    extra = [runner - loop for runner, loop in zip(through, bare, strict=True)]
    return {
        "work": work,
        "runs": len(bare),
        "loop_seconds": round(sum(bare), 3),
        "runner_seconds": round(sum(through), 3),
        "ratio": round(sum(through) / sum(bare), 4),
        "of_trials": round(sum(through) / sum(inside), 4),
        "median_extra_milliseconds": round(1000 * median(extra), 1),
    }


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    print(json.dumps(overhead(given.get(1, "sgc"), int(given.get(2, 3)))))
