"""Pages of the lab: what is run and was run, networks compared, and the map of all papers."""

import difflib
import json
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from paperworks.index.networks import networks
from paperworks.server.api.runs import allow
from paperworks.server.html import back, page
from paperworks.server.pages import EACH, Short
from paperworks.server.sessions import Anybody, Me, Now, Store
from paperworks.server.stock import stock
from paperworks.trial import queue
from paperworks.views import spell
from paperworks.views.web import points
from paperworks.zoo import list_models

router = APIRouter(include_in_schema=False)
MOST_COMPARED = 12
COMPARED = ("resnet18", "resnet50", "transformer_base")


@router.get("/lab")
def lab(
    request: Request,
    who: Anybody,
    engine: Store,
    mine: Short = "",
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """What is run, what waits, what was run, and how often we are fooled."""
    person = who if mine and who else None
    history = queue.history(engine, person=person, before=before or None, limit=EACH + 1)
    known = stock(engine)
    return page(
        request,
        "lab.html.j2",
        running=[(asked, queue.ahead(engine, asked)) for asked in queue.queued(engine)],
        history=[asked for asked in history if not asked.open][:EACH],
        titles=known.papers,
        older=history[EACH - 1].id if len(history) > EACH else None,
        mine=bool(person),
        controls=known.controls,
        tally=known.tally,
        works=known.items(slug for slug, row in known.rows.items() if row.works),
        may_run=request.app.state.settings.allow_run,
    )


@router.post("/lab/runs/{number}/cancel")
def cancel(
    request: Request,
    number: int,
    me: Me,
    engine: Store,
    now: Now,
    next: Annotated[str, Form(max_length=300)] = "/lab",
) -> Response:
    """End a run of one's own; an administrator may end any."""
    asked = queue.cancel(engine, number, person=me, now=now)
    return back(request, f"/papers/{asked.paper}" if next == f"/papers/{asked.paper}" else "/lab")


@router.get("/compare")
def compare(
    request: Request,
    engine: Store,
    model: Annotated[list[str] | None, Query(max_length=40)] = None,
) -> Response:
    """Networks side by side: what they cost, as counted, as printed, and as measured here."""
    known = list_models()
    chosen = [name for name in known if name in (model or COMPARED)][:MOST_COMPARED]
    if model and (wrong := [name for name in model if name not in known]):
        near = difflib.get_close_matches(wrong[0], known, 3, 0.0)
        raise LookupError(f"No network {wrong[0]!r}; nearest: {', '.join(near)}.")
    sizes = {row["name"]: row for row in networks()}
    taken = {each.model: each for each in queue.latest(engine, chosen) if each.batch == 1}
    latency = [each for each in queue.queued(engine) if each.kind == "latency"]
    rows = [(name, sizes.get(name), taken.get(name)) for name in chosen]
    both = [(n, s["macs"], t.milliseconds) for n, s, t in rows if s and t and s["macs"]]
    counted = [(n, s["macs"], s["parameters"]) for n, s, _ in rows if s and s["macs"]]
    drawn = both if len(both) > 1 else counted if len(counted) > 1 else []
    return page(
        request,
        "compare.html.j2",
        groups=_groups(known),
        chosen=chosen,
        rows=rows,
        most={
            "parameters": max((s["parameters"] for _, s, _ in rows if s), default=1),
            "macs": max((s["macs"] for _, s, _ in rows if s), default=1),
            "milliseconds": max((t.milliseconds for _, _, t in rows if t), default=1),
        },
        plot=points.plot(drawn, spell.number if drawn is both else spell.size) if drawn else None,
        timed=drawn is both,
        possible=find_spec("torch") is not None,
        running=[(asked, queue.ahead(engine, asked)) for asked in latency],
        missing=[name for name, _, time in rows if time is None],
        may_run=request.app.state.settings.allow_run,
    )


def _groups(names: list[str]) -> list[tuple[str, list[str]]]:
    """Networks by the paper that brought them."""
    from paperworks.zoo import homes

    found = dict[str, list[str]]()
    for name in names:
        found.setdefault(homes()[name], []).append(name)
    return sorted(found.items())


@router.post("/compare/measure")
def measure(
    request: Request,
    me: Me,
    engine: Store,
    now: Now,
    model: Annotated[list[str], Form(max_length=MOST_COMPARED)],
) -> Response:
    """Ask for the latency of networks on this machine."""
    allow(request)
    try:
        for name in model:
            queue.ask(engine, name, kind="latency", person=me, now=now)
    except queue.Full as full:
        raise HTTPException(429, str(full), {"Retry-After": "60"}) from None
    answer = back(request, "/compare")
    answer.headers["location"] += "?" + "&".join(f"model={name}" for name in model)
    return answer


@router.get("/atlas")
def atlas(request: Request, engine: Store, paper: Short = "", area: Short = "") -> Response:
    """The map of all papers, and the same as a list."""
    known = stock(engine)
    return page(
        request,
        "atlas.html.j2",
        total=len(known.rows),
        chosen=paper if paper in known.rows else "",
        areas=known.choices["area"],
        area=area,
        listed=[item for item in known.newest if item.row.area == area] if area else [],
    )


@router.get("/atlas/points.json")
def places(engine: Store) -> Response:
    """Where every paper stands, in columns."""
    from paperworks.index.atlas import layout

    known = stock(engine)
    told: Any = known.kept("atlas", lambda: json.dumps(points.atlas(layout(), known.rows)))
    return Response(told, media_type="application/json", headers={"Cache-Control": "no-cache"})
