"""What optimize promises: the same answers, the original untouched, reasons for what it cannot."""

import copy
import warnings
from dataclasses import replace

import pytest
import torch
from tests.speed.nets import (
    Branching,
    Counting,
    Drawing,
    Meeting,
    Pair,
    TakesDictionary,
    TwoInputs,
    convolutional,
    photo,
)
from torch import nn

from paperworks.speed import Tolerance, optimize, search
from paperworks.speed.engines import ENGINES, Engine

pytestmark = pytest.mark.usefixtures("engines_win")
QUICK = {"seconds": 0.02}


def same(got, wanted, off=0.05):
    torch.testing.assert_close(got, wanted, rtol=0, atol=off * float(wanted.std()))


@pytest.mark.parametrize("engine", ["eager", "openvino", "onnxruntime"])
def test_same_answers_by_every_engine(engine):
    net = convolutional()
    fast = optimize(net, photo(), engines=[engine], tolerance=0.001, **QUICK)
    assert {row.plan.split()[0] for row in fast.report.candidates} == {engine, "the"}
    assert all(row.refused is None or row.error for row in fast.report.candidates)
    with torch.no_grad():
        same(fast(photo(7)), net(photo(7)), 0.001)


def test_the_original_is_untouched():
    net = convolutional().train()
    before = copy.deepcopy(net.state_dict())
    layout = [p.stride() for p in net.parameters()]
    fast = optimize(net, photo(), engines=["eager", "openvino"], **QUICK)
    fast(photo(1))
    assert fast.original is net
    assert net.training
    assert all(module.training for module in net.modules())
    assert [p.stride() for p in net.parameters()] == layout
    assert all(p.requires_grad and p.dtype == torch.float32 for p in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_other_batches_in_pieces():
    net = convolutional()
    fast = optimize(net, photo(), engines=["openvino"], precision="float32", **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for batch in (1, 2, 3, 7):
            with torch.no_grad():
                same(fast(photo(batch, batch)), net(photo(batch, batch)), 0.001)


def test_another_size_is_answered_by_the_original_with_one_warning():
    net = convolutional()
    fast = optimize(net, photo(), engines=["openvino"], precision="float32", **QUICK)
    larger = torch.randn(2, 3, 20, 20)
    with pytest.warns(UserWarning, match=r"Answered by the original: \[2, 3, 20, 20\]"):
        answer = fast(larger)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast(larger)
    with torch.no_grad():
        assert torch.equal(answer, net(larger))


def test_rows_that_meet_are_not_answered_in_pieces():
    net = Meeting().eval()
    fast = optimize(net, torch.randn(4, 6), engines=["openvino"], precision="float32", **QUICK)
    assert any("rows of a batch meet" in note for note in fast.report.notes)
    other = torch.randn(6, 6)
    with pytest.warns(UserWarning, match="rows of a batch meet"), torch.no_grad():
        assert torch.equal(fast(other), net(other))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@torch.no_grad()
def test_several_inputs_by_name_and_a_dictionary_out(engine):
    net = TwoInputs().eval()
    a, b = torch.randn(4, 6), torch.randn(4, 3)
    fast = optimize(net, {"a": a, "b": b, "scale": 0.5}, engines=[engine], tolerance=0.01, **QUICK)
    for answer in (fast(a, b, 0.5), fast(b=b, a=a, scale=0.5), fast(a, scale=0.5, b=b)):
        wanted = net(a, b, 0.5)
        same(answer["sum"], wanted["sum"], 0.01)
        same(answer["parts"][0], wanted["parts"][0], 0.01)
        assert torch.equal(answer["parts"][1], wanted["parts"][1])
        assert answer["scale"] == 0.5
    with pytest.warns(UserWarning, match="2.0 in place of 0.5"):
        assert fast(a, b, 2.0)["scale"] == 2.0


@torch.no_grad()
def test_a_dictionary_in_and_a_named_tuple_out():
    net = TakesDictionary().eval()
    batch = {"ids": torch.randint(0, 11, (4, 7)), "mask": torch.ones(4, 7)}
    fast = optimize(net, batch, engines=["openvino"], precision="float32", **QUICK)
    answer = fast(batch)
    assert isinstance(answer, Pair)
    same(answer.logits, net(batch).logits, 0.001)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Counting(), "changes its own state"),
        (Drawing(), "drawn at random"),
    ],
)
def test_what_cannot_be_compared_is_answered_by_the_original(net, reason):
    fast = optimize(net.eval(), torch.randn(2, 6), engines=["eager"], **QUICK)
    assert fast.report.chosen == "the original"
    assert any(reason in note for note in fast.report.notes)
    fast(torch.randn(2, 6))


def test_control_flow_keeps_both_branches():
    net = Branching().eval()
    fast = optimize(net, torch.ones(2, 6), engines=["eager", "openvino"], **QUICK)
    assert any("depends on the values" in note for note in fast.report.notes)
    refused = {row.plan: row.refused for row in fast.report.candidates}
    assert any("needs a graph" in (why or "") for why in refused.values())
    for x in (torch.ones(2, 6), -torch.ones(2, 6)):
        with torch.no_grad():
            same(fast(x), net(x))


def lying(off):
    """An engine that is instant, and wrong by `off` of its output."""
    honest = ENGINES["eager"].open

    def start(folder, plan, made):
        assert honest
        first = honest(folder, plan, made)([torch.zeros(s, dtype=d) for s, d in made.inputs])
        run = honest(folder, plan, made)
        del first
        return lambda tensors: [o + off * o.std() for o in run(tensors)]

    return replace(ENGINES["eager"], open=start)


@pytest.mark.parametrize(("off", "chosen"), [(0.5, False), (1e-4, True)])
def test_an_engine_that_lies_is_not_chosen(monkeypatch, off, chosen):
    monkeypatch.setitem(ENGINES, "openvino", lying(off))
    fast = optimize(
        convolutional(), photo(), engines=["openvino"], precision="float32", tolerance=0.01, **QUICK
    )
    row = next(row for row in fast.report.candidates if row.plan.startswith("openvino"))
    assert (row.refused is None) == chosen
    if not chosen:
        assert fast.report.chosen == "the original"
        assert row.error
        assert row.error.outputs > 0.3
        assert "more than is allowed" in (row.refused or "")
        with torch.no_grad():
            assert torch.equal(fast(photo(3)), fast.original(photo(3)))


def test_top1_alone_refuses(monkeypatch):
    """Small errors that change decisions: the largest class loses to another one."""

    def start(folder, plan, made):
        honest = ENGINES["eager"].open
        assert honest
        run = honest(folder, plan, made)

        def flipped(tensors):
            (out,) = run(tensors)
            out = out.clone()
            top = out.argmax(1, keepdim=True)
            return [out.scatter(1, top, out.min(1, keepdim=True).values)]

        return flipped

    monkeypatch.setitem(ENGINES, "openvino", replace(ENGINES["eager"], open=start))
    net = nn.Linear(6, 64).eval()
    with torch.no_grad():
        net.bias[3] += 10  # the class that is far ahead, always
    asked = {"precision": "float32", "engines": ["openvino"], **QUICK}
    for top1, refused in ((0.9, True), (0.0, False)):
        allowed = Tolerance(outputs=1.5, top1=top1)
        fast = optimize(net, torch.randn(4, 6), tolerance=allowed, **asked)
        assert (fast.report.chosen == "the original") == refused


def test_an_engine_that_fails_is_named_with_its_reason(monkeypatch):
    def refuses(job, plan, folder):
        raise RuntimeError("no kernel for this operation\nand a long story")

    engine = replace(ENGINES["openvino"], make=refuses)
    monkeypatch.setitem(ENGINES, "openvino", engine)
    fast = optimize(convolutional(), photo(), engines=["eager", "openvino"], **QUICK)
    whys = [row.refused for row in fast.report.candidates if row.plan.startswith("openvino")]
    assert whys
    assert set(whys) == {"RuntimeError: no kernel for this operation"}


def test_a_missing_engine_says_how_to_get_it(monkeypatch):
    absent = Engine(("nowhere_to_be_found",), frozenset({"float32"}), make=print, open=print)
    monkeypatch.setitem(ENGINES, "onnxruntime", absent)
    fast = optimize(convolutional(), photo(), engines=["onnxruntime"], precision="float32", **QUICK)
    refused = [row.refused for row in fast.report.candidates if row.refused]
    assert refused == ['nowhere_to_be_found is missing: pip install "paperworks[speed]"']


def test_bfloat16_errs_no_more_than_torch_does(monkeypatch):
    """By default an engine is held to what the network itself gives in torch's bfloat16."""
    monkeypatch.setattr("paperworks.speed.machine.multiplies_bfloat16", lambda: True)
    fast = optimize(convolutional(), photo(), engines=["eager"], **QUICK)
    assert fast.report.tolerance.outputs >= 0.02
    errors = {row.plan: row.error for row in fast.report.candidates}
    low = errors["eager bfloat16"]
    assert low
    assert 1e-4 < low.outputs <= fast.report.tolerance.outputs


def test_float32_is_asked_for_by_a_tolerance():
    fast = optimize(convolutional(), photo(), engines=["eager"], tolerance=1e-4, **QUICK)
    assert fast.report.error.outputs <= 1e-4
    low = [row for row in fast.report.candidates if row.plan == "eager bfloat16"]
    assert all(row.refused == "errs by more than is allowed" for row in low)


def test_eight_bits_with_calibration():
    net = convolutional()
    fast = optimize(
        net,
        photo(),
        precision="int8",
        engines=["onnxruntime", "openvino"],
        calibration=[photo(seed) for seed in range(4)],
        tolerance=Tolerance(0.5, 0.5),
        **QUICK,
    )
    rows = [row for row in fast.report.candidates if "int8" in row.plan]
    assert len(rows) >= 2
    for row in rows:
        assert row.refused is None
        assert row.error
        assert 1e-3 < row.error.outputs < 0.5


def test_channels_last_examples():
    net = convolutional()
    x = photo().contiguous(memory_format=torch.channels_last)
    fast = optimize(net, x, engines=["openvino"], precision="float32", **QUICK)
    with torch.no_grad():
        for given in (x, photo()):
            same(fast(given), net(photo()), 0.001)


@torch.no_grad()
def test_images_come_out_right():
    """Channels last inside, so that no other test would see two sides exchanged."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3)).eval()
    x = torch.randn(4, 3, 9, 12)
    fast = optimize(net, x, engines=["openvino"], precision="float32", **QUICK)
    assert fast.report.chosen.startswith("openvino")
    same(fast(x), net(x), 0.001)
    same(fast(x[:3]), net(x[:3]), 0.001)


def test_openvino_works_out_no_sizes_at_a_call():
    import openvino as ov

    fast = optimize(convolutional(), photo(), engines=["openvino"], precision="float32", **QUICK)
    assert fast._built.folder
    model = ov.Core().read_model(fast._built.folder / "model.xml")
    assert not model.is_dynamic()


def test_it_does_not_learn():
    fast = optimize(convolutional(), photo(), engines=["eager"], **QUICK)
    assert not fast.training
    assert not list(fast.parameters())
    assert not fast(photo()).requires_grad
    with pytest.raises(ValueError, match=r"train `\.original`"):
        fast.train()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"example": "photo"}, "this is str"),
        ({"example": ()}, "this is tuple"),
        ({"engines": ["tvm"]}, "'tvm'"),
        ({"precision": "int8"}, "needs calibration"),
        ({"inputs": []}, "one input at least"),
        ({"inputs": [torch.ones(2, 4)]}, "not like the example"),
        ({"tolerance": -1.0}, "at least 0"),
        ({"seconds": 0.0}, "some seconds"),
    ],
)
def test_bad_arguments_are_told(change, told):
    arguments = {"model": nn.Linear(3, 2), "example": torch.ones(2, 3), **change}
    with pytest.raises(ValueError, match=told):
        optimize(arguments.pop("model"), arguments.pop("example"), **arguments)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((len, "latency", "auto"), "torch.nn.Module"),
        ((nn.Identity(), "speed", "auto"), "one of latency, throughput"),
        ((nn.Identity(), "latency", "float16"), "auto, float32, bfloat16, int8"),
    ],
)
def test_what_type_checkers_find_is_told_without_them(asked, told):
    with pytest.raises(ValueError, match=told):
        search._checked(*asked, engines=None, seconds=1.0)


def test_throughput_answers_several_calls_at_once():
    net = convolutional()
    fast = optimize(
        net, photo(), target="throughput", engines=["openvino"], precision="float32", **QUICK
    )
    from concurrent.futures import ThreadPoolExecutor

    inputs = [photo(seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(fast, inputs))
    for x, answer in zip(inputs, answers, strict=True):
        with torch.no_grad():
            same(answer, net(x), 0.001)


def test_inductor_compiles_ahead():
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    x = torch.randn(4, 8)
    fast = optimize(net, x, engines=["inductor"], precision="float32", **QUICK)
    row = next(row for row in fast.report.candidates if row.plan.startswith("inductor"))
    assert row.refused is None
    assert row.error
    assert row.error.outputs < 1e-5
