"""The JSON API, on both databases: what it answers, and that it says what to do next."""

import pytest
from sqlalchemy import insert
from tests.server import called
from tests.server.called import HOST

from paperworks.index import listing
from paperworks.paper import shipped
from paperworks.store import tables, writing


@pytest.fixture
def anna(place):
    return place.caller("anna")


def data(answer):
    assert answer.status_code in (200, 201, 202), answer.text
    assert answer.json()["schema"] == "v1"
    return answer.json()["data"]


def test_papers_are_filtered_and_say_by_what(place):
    answer = place.caller().get("/api/v1/papers?year=2020&works=true&limit=1").json()
    assert [row["year"] for row in answer["data"]] == [2020]
    assert answer["filters"] == {"year": 2020, "works": True}
    total = answer["page"]["total"]
    seen, following = [row["slug"] for row in answer["data"]], answer["page"]["next"]
    while following:
        answer = place.caller().get(following).json()
        assert answer["filters"] == {"year": 2020, "works": True}
        seen += [row["slug"] for row in answer["data"]]
        following = answer["page"]["next"]
    assert len(seen) == len(set(seen)) == total
    some = place.caller().get("/api/v1/papers?from_year=2018&to_year=2019&limit=100").json()
    assert {row["year"] for row in some["data"]} == {2018, 2019}


def test_lists_are_made_once_for_each_state_of_the_store(place, monkeypatch):
    asked, read, real = "/api/v1/papers?runnable=false&limit=1", [], listing.listing
    first = place.caller().get(asked).json()
    monkeypatch.setattr(listing, "listing", lambda **given: read.append(given) or real(**given))
    assert place.caller().get(asked).json() == first
    assert read == []
    with writing(place.engine) as connection:
        row = {"slug": "rezero", "abstract": "Gates.", "source": "a file", "imported_at": "2026"}
        connection.execute(insert(tables.abstracts), row)
    assert place.caller().get(asked).json() == first
    assert len(read) == 1
    assert {row["runnable"] for row in first["data"]} == {False}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/v1/papers?colour=red", 422, "colour"),
        ("/api/v1/papers?year=2020&from_year=2019", 400, "not both"),
        ("/api/v1/papers?area=x", 404, "there are:"),
        ("/api/v1/papers/rezro", 404, "nearest: rezero"),
        ("/api/v1/search", 422, "q: Field required"),
        ("/api/v1/search?q=%20", 400, "needs a word"),
        ("/api/v1/feeds/2026-13", 400, "2026-13"),
        ("/api/v1/nothing", 404, "no such page"),
        ("/api/v1/me", 401, "Sign in first, or send an API token"),
        ("/api/v1/runs/77", 404, "77"),
    ],
)
def test_errors_say_what_to_do_next(place, path, status, said):
    answer = place.caller().get(path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]
    assert answer.headers["x-error-message"]


def test_a_paper_by_each_of_its_names(place):
    for name in (
        "rezero",
        "p162",
        "2003.04887",
        "ReZero is All You Need: Fast Convergence at Large Depth",
    ):
        told = data(place.caller().get(f"/api/v1/papers/{name}"))
        assert told["slug"] == "rezero"
    assert {trial["verdict"] for trial in told["trials"]} <= {
        "holds",
        "does not hold",
        "inconclusive",
    }
    assert told["trials"][0]["rule"]
    assert len(told["trials"][0]["treatment"]) == len(told["trials"][0]["seeds"])


def test_searching(place):
    found = place.caller().get("/api/v1/search?q=rezero&k=3&year=2020").json()
    assert found["data"][0]["slug"] == "rezero"
    assert found["data"][0]["why"]
    assert found["filters"] == {"q": "rezero", "k": 3, "year": 2020}
    near = data(place.caller().get("/api/v1/papers/rezero/similar?k=3"))
    assert len(near) == 3
    assert "rezero" not in [hit["slug"] for hit in near]
    like = data(
        place.caller().post("/api/v1/like-text", json={"text": "residual networks", "k": 2})
    )
    assert len(like) == 2


def test_claims_models_trends(place):
    held = place.caller().get("/api/v1/claims?verdict=holds&limit=100").json()
    assert {claim["verdict"] for claim in held["data"]} == {"holds"}
    assert held["page"]["total"] == len(held["data"]) > 5
    names = [model["name"] for model in data(place.caller().get("/api/v1/models?pattern=resnet*"))]
    assert "resnet50" in names
    trend = data(place.caller().get("/api/v1/trending?limit=3"))
    assert trend[0]["score"] == sum(part["score"] for part in trend[0]["parts"])
    assert data(place.caller().get("/api/v1/feeds/month?limit=2"))


def test_votes_and_saves(place, anna):
    for _ in range(2):  # twice is once
        told = data(anna.put("/api/v1/papers/simsiam/vote"))
        assert (told["votes"], told["voted"]) == (1, True)
    assert data(place.caller().get("/api/v1/papers/2011.10566/opinion"))["votes"] == 1
    assert [mark["paper"] for mark in data(anna.get("/api/v1/me/votes"))] == ["simsiam"]
    assert data(anna.delete("/api/v1/papers/simsiam/vote"))["votes"] == 0
    told = data(anna.put("/api/v1/papers/simsiam/save", json={"note": "read this"}))
    assert (told["saved"], told["note"]) == (True, "read this")
    assert data(anna.put("/api/v1/papers/simsiam/save"))["note"] == "read this"
    assert [mark["note"] for mark in data(anna.get("/api/v1/me/saves"))] == ["read this"]
    assert data(anna.delete("/api/v1/papers/simsiam/save"))["saved"] is False
    assert anna.put("/api/v1/papers/nix/vote").status_code == 404


def test_collections(place, anna):
    made = data(anna.post("/api/v1/collections", json={"title": "Depth", "private": True}))
    at = f"/api/v1/collections/{made['slug']}"
    again = anna.post("/api/v1/collections", json={"title": "Depth"})
    assert again.status_code == 409
    for paper in ("rezero", "2011.10566"):
        added = data(anna.post(f"{at}/items", json={"paper": paper, "note": f"on {paper}"}))
    assert anna.post(f"{at}/items", json={"paper": "p162"}).status_code == 409
    assert [item["paper"] for item in added["items"]] == ["rezero", "simsiam"]
    moved = data(anna.patch(f"{at}/items/simsiam", json={"position": 0, "note": "first"}))
    assert [(item["paper"], item["note"]) for item in moved["items"]] == [
        ("simsiam", "first"),
        ("rezero", "on rezero"),
    ]
    assert place.caller().get(at).status_code == 404
    assert place.caller("rita").get(at).status_code == 404
    shown = data(anna.patch(at, json={"private": False, "title": "Deep"}))
    at = f"/api/v1/collections/{shown['slug']}"
    assert data(place.caller().get(at))["title"] == "Deep"
    assert place.caller("rita").patch(at, json={"title": "Mine"}).status_code == 403
    assert data(place.caller("rita").put(f"{at}/vote"))["upvotes"] == 1
    assert data(place.caller("rita").delete(f"{at}/vote"))["upvotes"] == 0
    assert len(data(place.caller().get("/api/v1/collections?owner=anna&paper=rezero"))) == 1
    assert [i["paper"] for i in data(anna.delete(f"{at}/items/rezero"))["items"]] == ["simsiam"]
    assert anna.delete(at).status_code == 204
    assert anna.get(at).status_code == 404


def test_saved_searches_have_feeds(place, anna):
    wanted = {"name": "Depth", "query": "deep residual", "year": 2020}
    made = data(anna.post("/api/v1/me/searches", json=wanted))
    assert made["filters"] == {"year": 2020}
    assert made["feed"].startswith(f"https://{HOST}/atom/search/")
    feed = place.caller().get(made["feed"])
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert "ReZero" in feed.text
    kept = {"if-none-match": feed.headers["etag"]}
    assert place.caller().get(made["feed"], headers=kept).status_code == 304
    assert anna.post("/api/v1/me/searches", json=wanted | {"area": "x"}).status_code == 404
    assert anna.delete(f"/api/v1/me/searches/{made['id']}").status_code == 204
    assert place.caller().get(made["feed"]).status_code == 404


def test_what_one_has_goes_out_and_comes_in(place):
    rita, ada = place.caller("rita"), place.caller("ada")
    made = data(rita.post("/api/v1/collections", json={"title": "To take along"}))
    rita.post(f"/api/v1/collections/{made['slug']}/items", json={"paper": "rezero", "note": "n"})
    document = rita.get("/api/v1/me/export").json()
    assert "@misc" in rita.get("/api/v1/me/export?form=bibtex").text
    assert "ReZero" in rita.get("/api/v1/me/export?form=csv").text
    assert data(ada.post("/api/v1/me/import", json=document))["collections"] == 1
    assert data(ada.post("/api/v1/me/import", json=document))["collections"] == 0
    mine = data(ada.get("/api/v1/collections?owner=ada&paper=rezero"))
    assert [one["title"] for one in mine] == ["To take along"]
    assert ada.post("/api/v1/me/import", json={"x": 1}).status_code == 400
    for caller, one in ((rita, made), (ada, mine[0])):
        caller.delete(f"/api/v1/collections/{one['slug']}")


def test_tokens_end(place, anna):
    made = data(anna.post("/api/v1/me/tokens", json={"name": "laptop", "days": 1}))
    shown = {"authorization": f"Bearer {made['token']}"}
    other = called.client(place.app, f"https://{HOST}", **shown)
    assert data(other.get("/api/v1/me"))["name"] == "anna"
    told = anna.get("/api/v1/me/tokens").text
    assert made["token"] not in told
    assert "laptop" in told
    assert anna.delete(f"/api/v1/me/tokens/{made['key']['id']}").status_code == 204
    assert other.get("/api/v1/me").status_code == 401
    assert other.get("/api/v1/papers").status_code == 200  # reading needs none


def test_runs(place):
    rita, anna = place.caller("rita"), place.caller("anna")
    assert anna.post("/api/v1/runs", json={"paper": "rezero"}).status_code == 403
    made = data(rita.post("/api/v1/runs", json={"paper": "2003.04887"}))
    assert (made["paper"], made["state"], made["ahead"]) == ("rezero", "waiting", 0)
    assert data(rita.post("/api/v1/runs", json={"paper": "rezero"}))["id"] == made["id"]
    at = f"/api/v1/runs/{made['id']}"
    assert "worker" not in data(place.caller().get(at))
    assert anna.delete(at).status_code == 403
    assert data(rita.delete(at))["state"] == "cancelled"
    with place.caller().stream("GET", f"{at}/events") as stream:
        said = stream.read().decode()
    assert "event: run" in said
    assert '"state": "cancelled"' in said
    assert place.caller().get(f"{at}/events", headers={"last-event-id": "9"}).status_code == 200
    assert [
        run["id"] for run in place.caller().get("/api/v1/runs?paper=rezero").json()["data"]
    ] == [made["id"]]
    open_run = data(rita.post("/api/v1/runs", json={"paper": "simsiam"}))
    assert place.caller().head(f"/api/v1/runs/{open_run['id']}/events").content == b""
    rita.delete(f"/api/v1/runs/{open_run['id']}")
    assert rita.post("/api/v1/runs", json={"paper": "nix"}).status_code == 404
    assert rita.post("/api/v1/runs", json={"paper": "rezero", "claim": "nix"}).status_code == 404


def test_who_runs_the_place(place):
    ada = place.caller("ada")
    assert {one["name"] for one in data(ada.get("/api/v1/people"))} >= set(called.ROLES)
    assert data(ada.put("/api/v1/people/anna/role", json={"role": "runner"}))["role"] == "runner"
    assert data(ada.put("/api/v1/people/anna/role", json={"role": "reader"}))["role"] == "reader"
    last = ada.put("/api/v1/people/ada/role", json={"role": "reader"})
    assert last.status_code == 400
    assert "last administrator" in last.json()["error"]
    told = data(ada.get("/api/v1/status"))
    assert told["papers"] == len(shipped())
    assert told["torch"] is ("torch" in __import__("sys").modules)


def test_pages_are_asked_for_once(place):
    """An ETag, 304 for who has it, another one for another answer; gzip; a year for files."""
    browser = place.browser()
    first = browser.get("/api/v1/papers/rezero")
    kept = {"if-none-match": first.headers["etag"]}
    assert browser.get("/api/v1/papers/rezero", headers=kept).status_code == 304
    assert browser.get("/api/v1/papers/simsiam", headers=kept).status_code == 200
    packed = browser.get("/api/v1/papers", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert browser.head("/api/v1/papers").content == b""
    address = place.app.state.files.address("app.css")
    assert "immutable" in browser.get(address).headers["cache-control"]
    assert "immutable" not in browser.get("/static/app.css?v=other").headers["cache-control"]
    assert browser.post("/logout").headers["cache-control"] == "no-store"
