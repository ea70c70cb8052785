"""What every work must be: one suite, run over every file in works/."""

import inspect
import math
import re
from functools import cache, partial

import pytest
import torch
from tests.house import contract

from paperworks import zoo
from paperworks.claim import ARMS, Claim, Measured, Seed
from paperworks.evidence import EXPLORE_FROM, newest, stale
from paperworks.index.networks import networks
from paperworks.paper import works
from paperworks.trial.jobs import claims
from paperworks.works.densenet.sizes import for_small_images
from paperworks.works.fcn_8s.sizes import fcn_alexnet
from paperworks.works.retnet.retention import VOCABULARY, retnet
from paperworks.works.saliency_maps.network import saliency_convnet
from paperworks.works.soundstream.network import soundstream
from paperworks.works.transcoders.network import transcoder_gpt2_small
from paperworks.works.transformer import transformer_base

WORKS = sorted(works())
MODELS = [(name, zoo.homes()[name]) for name in zoo.list_models()]
BIG = 100_000_000  # parameters; larger networks are counted, not run, in the tests
ANEW = "write it anew: paperworks models --catalog catalog/networks.jsonl"
every_work = pytest.mark.parametrize("work", WORKS)
every_model = pytest.mark.parametrize("name", [name for name, _ in MODELS])


def quick(name):
    published = zoo.published(name)
    torch.manual_seed(EXPLORE_FROM)
    return (published.quick or published.example)()


@cache
def told():
    """Parameters and multiply-adds of every model as the catalog has them."""
    return {row["name"]: (row["parameters"], row["macs"]) for row in networks()}


def size(name):
    return (told().get(name) or zoo.count(name))[0]


def smallest(work):
    return min((name for name, home in MODELS if home == work), key=size, default=None)


# Where the smallest is large: the same classes, narrower or with fewer layers.
NARROW = {
    "densenet": partial(for_small_images, 22, 12),
    "fcn_8s": partial(fcn_alexnet, width=64),
    "retnet": partial(retnet, VOCABULARY, 64, 4, 3),
    "saliency_maps": partial(saliency_convnet, hidden=64),
    "soundstream": partial(soundstream, books=2),
    "transcoders": partial(transcoder_gpt2_small, expansion=2),
    "transformer": partial(transformer_base, width=64, heads=4, depth=3, hidden=128),
}


def stand_in(work):
    """Builds what the slow checks are made of."""
    return NARROW.get(work) or zoo.builder(smallest(work))


@every_work
def test_claims_are_well_formed(work):
    made = claims(work)
    assert made
    assert all(isinstance(claim, Claim) for claim in made.values())
    for claim in made.values():
        arms = [getattr(claim, arm) for arm in ARMS]
        assert len({id(arm) for arm in arms}) == 3, "three arms, three different things"
        assert (claim.measure.__doc__ or "").strip(), "a measurement says its unit"
        assert list(inspect.signature(claim.measure).parameters)[1:] == ["seed"]
        assert claim.says.endswith(".")
        assert claim.source
        assert re.search(r"\d", claim.holds_if), f"{claim.holds_if!r} carries no margin"


@every_work
def test_faces_a_rival(work):
    assert any(claim.rival for claim in claims(work).values())


def _measure(claim, arm, seed):
    torch.manual_seed(int(seed))
    measured = claim.measure(getattr(claim, arm), seed)
    return measured.value if isinstance(measured, Measured) else measured


def to_run(work):
    """All claims of a work that changed since its evidence was made; else the quickest.

    What did not change has run to its end with every arm and seed: the numbers are in the ledger.
    """
    made, latest = claims(work), newest(work)
    if latest.keys() >= made.keys() and not any(stale(latest[name]) for name in made):
        return [made[min(made, key=lambda name: latest[name].seconds)]]
    return list(made.values())


@pytest.mark.timeout(400)
@every_work
def test_one_seed_of_what_is_new(work, single_thread):
    """Ends in time with a finite number, for every arm."""
    done = {}
    for claim in to_run(work):
        for arm in ARMS:
            key = claim.measure, id(getattr(claim, arm))
            if key not in done:
                done[key] = _measure(claim, arm, Seed(EXPLORE_FROM))
            assert math.isfinite(done[key])


def test_what_changed_is_run_whole(monkeypatch):
    assert len(to_run("rezero")) < len(claims("rezero"))
    monkeypatch.setattr("tests.house.test_every_work.stale", lambda trial: "lab/fit.py")
    assert to_run("rezero") == list(claims("rezero").values())


@pytest.fixture
def single_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@every_model
def test_counts_as_printed_and_told(name):
    counted = zoo.count(name)
    contract.counts_as_printed(zoo.published(name), *counted)
    assert told().get(name) == counted, ANEW


def test_the_catalog_has_every_model_and_no_other():
    assert told().keys() == {name for name, _ in MODELS}, ANEW


@every_model
def test_runs_and_learns(name):
    if size(name) > BIG:
        with torch.device("meta"):
            contract.tensors(zoo.create_model(name)(*contract.inputs(quick(name))))
        return
    contract.runs_and_learns(zoo.create_model(name), quick(name))


@every_work
def test_smallest_model_keeps_the_contract(work):
    """The slow checks, on one network of every family."""
    name = smallest(work)
    if name is None:
        return
    example, build = quick(name), stand_in(work)
    one, same, other = (contract.built(build, seed) for seed in (1000, 1000, 1001))
    contract.draws_from_the_seed(one, same, other)
    contract.survives_a_file(one, other, example)
    if zoo.published(name).image:
        contract.behaves_like_an_image_network(build, example)


@every_work
def test_smallest_model_compiles_and_exports(work):
    name = smallest(work)
    if name is None:
        return
    net, published = contract.thinned(stand_in(work)()), zoo.published(name)
    contract.compiles(net, quick(name), published.compiles)
    contract.exports(net, quick(name), published.exports)
