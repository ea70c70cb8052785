"""What the installed `huggingface_hub` makes of a server, as JSON; what it lacks is left out.

    HF_ENDPOINT=http://127.0.0.1:7474 TOKEN=… python tests/server/hub.py

Runs with any version of the client from 0.26 on, in whatever environment that is installed.
"""

import inspect
import json
import os
import sys
from typing import Any

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._pagination import paginate

api, said = HfApi(), dict[str, Any]()
said["client"] = huggingface_hub.__version__


def failing(call: Any) -> Any:
    """How a call fails: kind, status and words of its error; None where it does not."""
    try:
        call()
    except (HfHubHTTPError, OSError) as error:  # the errors of requests, before 1.0
        if error.response is None:
            raise
        return [type(error).__name__, error.response.status_code, str(error)]
    return None


def takes(name: str, option: str = "self") -> bool:
    """Whether the client has the method, and the method the option."""
    method = getattr(HfApi, name, None)
    return method is not None and option in inspect.signature(method).parameters


paper = api.paper_info("2003.04887")
said["info"] = [paper.id, paper.title, paper.upvotes, paper.published_at.isoformat()]
said["more"] = [getattr(paper, name, None) for name in ("comments", "linked_models")]
said["ours"] = (getattr(paper, "paperworks", None) or {}).get("slug")
said["version"] = api.paper_info("2003.04887v2").id
said["slug"] = api.paper_info("rezero").id
said["found"] = [[p.id, p.title, p.upvotes] for p in api.list_papers(query="rezero")]
said["unknown"] = failing(lambda: api.paper_info("no such paper"))
said["long"] = failing(lambda: list(api.list_papers(query="x" * 251)))
said["out"] = failing(lambda: api.paper_info("../x"))
if takes("list_papers", "limit"):
    said["three"] = len(list(api.list_papers(query="rezero", limit=3)))
    said["all"] = len(list(api.list_papers(limit=7)))
    said["many"] = failing(lambda: list(api.list_papers(query="x", limit=121)))
if takes("list_daily_papers", "month"):
    daily = api.list_daily_papers(month="2026-11", limit=5, sort="trending")
    said["daily"] = [[p.id, p.upvotes, p.submitted_at.isoformat()[:10]] for p in daily]
    said["newest"] = len(list(api.list_daily_papers(limit=2)))
    two = {"date": "2026-11-21", "week": "2026-W47"}
    said["two"] = failing(lambda: list(api.list_daily_papers(**two)))
if takes("list_daily_papers", "date"):
    said["day"] = failing(lambda: list(api.list_daily_papers(date="2026-02-31")))
if takes("read_paper"):
    said["read"] = api.read_paper("2003.04887")[:30]
    said["unread"] = failing(lambda: api.read_paper("no-such-paper"))

token = os.environ["TOKEN"]
said["me"] = api.whoami(token=token)["name"]
said["nobody"] = failing(lambda: api.whoami(token="hf_wrong"))
mine = api.create_collection("Reading", description="d", private=True, token=token)
said["made"] = [mine.title, mine.owner["name"], mine.private, mine.position, mine.items]
said["again"] = api.create_collection("Reading", exists_ok=True, token=token).slug == mine.slug
added = api.add_collection_item(mine.slug, "2003.04887", "paper", note="n", token=token)
item = added.items[0]
said["added"] = [item.item_id, item.item_type, item.note, item.position]
said["twice"] = failing(lambda: api.add_collection_item(mine.slug, "rezero", "paper", token=token))
said["model"] = failing(lambda: api.add_collection_item(mine.slug, "o/m", "model", token=token))
said["none"] = failing(lambda: api.add_collection_item(mine.slug, "nix", "paper", token=token))
api.add_collection_item(mine.slug, "simsiam", "paper", token=token)
api.update_collection_item(mine.slug, item.item_object_id, note="z", position=1, token=token)
changed = api.update_collection_metadata(mine.slug, title="Read", theme="green", token=token)
said["changed"] = [changed.title, changed.theme, changed.slug != mine.slug]
got = api.get_collection(mine.slug, token=token)
said["got"] = [[i.item_id, i.note] for i in got.items]
said["listed"] = [c.title for c in api.list_collections(owner="you", token=token)]
said["holding"] = [c.title for c in api.list_collections(item="papers/2003.04887", token=token)]
said["models"] = [c.title for c in api.list_collections(item="models/o/m", token=token)]
api.delete_collection_item(mine.slug, got.items[0].item_object_id, token=token)
said["left"] = [i.item_id for i in api.get_collection(mine.slug, token=token).items]
others = [api.create_collection(f"More {number}", token=token) for number in range(3)]
pages = paginate(
    os.environ["HF_ENDPOINT"] + "/api/collections",
    {"limit": 2},
    {"authorization": f"Bearer {token}"},
)
said["pages"] = len(list(pages))
for one in (mine, *others):
    api.delete_collection(one.slug, token=token)
said["gone"] = failing(lambda: api.get_collection(mine.slug, token=token))
json.dump(said, sys.stdout)
