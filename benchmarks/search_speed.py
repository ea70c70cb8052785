"""How fast search is over generated papers: the index made, questions answered, a paper added.

    python benchmarks/search_speed.py [PAPERS]

The papers are drawn from pairs of neighbouring words of the shipped catalog, one word in fifty
made up, with abstracts of 171 words; their vectors are drawn too, mixtures of shipped ones, for
computing them is timed apart (`embed`, for ten seconds on all processors). Questions are those of
`queries/`, each answered on one thread, as the server does. Beside ours: SQLite's FTS5 with its
BM25 over the same texts, and a scan of all papers that counts words, as arxiv-sanity-lite answers.
One JSON line each; times are in milliseconds unless they say otherwise.
"""

import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy is loaded

import numpy as np  # noqa: E402  # after the line that it reads

ASKED = 200
LENGTHS = {"title": 9, "sentence": 19}
LETTERS = "bcdfghklmnprstvz", "aeiou"


def generated(many: int) -> Iterator[tuple[str, str]]:
    """Titles and abstracts; the same for the same number."""
    from paperworks.paper import shipped

    draw = random.Random(0)
    after = defaultdict[str, list[str]](list)
    for paper in shipped():
        words = f"{paper.title} {paper.summary} {paper.claim}".split()
        for one, other in zip(words, words[1:], strict=False):
            after[one].append(other)
    firsts = list(after)

    def text(length: int) -> str:
        words = [draw.choice(firsts)]
        while len(words) < length:
            following = after.get(words[-1]) if draw.random() < 0.98 else None
            words.append(draw.choice(following) if following else made_up())
        return " ".join(words)

    def made_up() -> str:
        rank, word = int(draw.paretovariate(0.7)) % 200_000 + 400, ""
        while rank:
            rank, consonant = divmod(rank, len(LETTERS[0]))
            rank, vowel = divmod(rank, len(LETTERS[1]))
            word += LETTERS[0][consonant] + LETTERS[1][vowel]
        return word

    for _ in range(many):
        sentences = (text(LENGTHS["sentence"]).capitalize() for _ in range(9))
        yield text(LENGTHS["title"]).capitalize(), ". ".join(sentences) + "."


def fill(store: Path, texts: list[tuple[str, str]]) -> None:
    """Put the papers into a store."""
    from paperworks.store import open_store

    open_store(f"sqlite:///{store}").dispose()
    with sqlite3.connect(store) as database:
        database.executemany(
            "INSERT INTO papers (slug, id, title, year, summary, claim, added_at) "
            "VALUES (?, ?, ?, ?, '', '', '')",
            ((f"made_{i}", f"u{i}", title, 2000 + i % 26) for i, (title, _) in enumerate(texts)),
        )
        database.executemany(
            "INSERT INTO abstracts VALUES (?, ?, '', '')",
            ((f"made_{i}", abstract) for i, (_, abstract) in enumerate(texts)),
        )
    database.close()


def draw_vectors() -> None:
    """Give every generated paper the vectors of ten passages."""
    from paperworks.index.book import at_hand, opened, passages, squeeze
    from paperworks.paper import Paper

    _, small, scales = at_hand()
    shipped = small * scales[:, None]
    draw = np.random.default_rng(0)
    with opened()._writing() as index:
        rows = index.execute(
            "SELECT doc, title, abstract FROM vectors JOIN docs USING (doc) WHERE NOT complete"
        ).fetchall()
        for doc, title, abstract in rows:
            many = len(passages(Paper(id="", slug="", title=title), abstract))
            mixed = shipped[draw.integers(len(shipped), size=(many, 2))].sum(1)
            mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
            whole = mixed.sum(0) / np.linalg.norm(mixed.sum(0))
            packed, by = squeeze(mixed)
            told = (whole.astype(np.float16).tobytes(), bytes(range(many)), packed.tobytes())
            index.execute(
                "UPDATE vectors SET complete = 1, whole = ?, places = ?, small = ?, scales = ? "
                "WHERE doc = ?",
                (*told, by.tobytes(), doc),
            )
    opened().close()


def timed(way: Callable[[str], object], asked: list[str]) -> dict[str, float]:
    """Milliseconds of each question, one after the other."""
    way(asked[0])
    each = []
    for query in asked:
        start = time.perf_counter()
        way(query)
        each.append(1000 * (time.perf_counter() - start))
    return {
        "asked": len(each),
        "p50": round(median(each), 2),
        "p95": round(quantiles(each, n=20)[-1], 2),
    }


def report(**line: object) -> None:
    """One line of JSON."""
    print(json.dumps(line), flush=True)


def peers(texts: list[tuple[str, str]], asked: list[str], folder: Path) -> None:
    """FTS5 as it comes, and a scan."""
    from paperworks.index.words import split

    start = time.perf_counter()
    table = sqlite3.connect(folder / "fts5.db")
    table.execute("PRAGMA journal_mode = WAL")
    table.execute("CREATE VIRTUAL TABLE fts USING fts5(title, said, tokenize=porter)")
    with table:
        table.executemany("INSERT INTO fts VALUES (?, ?)", texts)
    seconds = time.perf_counter() - start
    report(way="fts5", does="index", papers_a_second=round(len(texts) / seconds))

    def fts5(query: str) -> object:
        words = " OR ".join(f'"{word}"' for word in split(query))
        found = "SELECT rowid FROM fts WHERE fts MATCH ? ORDER BY rank LIMIT 10"
        return table.execute(found, (words,)).fetchall()

    report(way="fts5", does="search", **timed(fts5, asked))
    table.close()

    def scan(query: str) -> object:
        words = split(query)
        scores = [
            (sum(10 * (w in title.lower()) + (w in said.lower()) for w in words), place)
            for place, (title, said) in enumerate(texts)
        ]
        return sorted(scores, reverse=True)[:10]

    report(way="scan", does="search", **timed(scan, asked[:5]))


def main() -> None:
    """Measure, in a temporary folder."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    queries = Path(__file__).parent / "queries"
    lines = [line for file in ("known", "topics") for line in (queries / f"{file}.jsonl").open()]
    asked = [json.loads(line)["query"] for line in lines]
    random.Random(0).shuffle(asked)
    asked = asked[:ASKED]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PAPERWORKS_HOME"] = name
        os.environ.pop("PAPERWORKS_DATABASE_URL", None)
        from paperworks.index import meaning
        from paperworks.index.book import opened
        from paperworks.index.search import search

        texts = list(generated(many))
        fill(folder / "paperworks.db", texts)
        start = time.perf_counter(), time.process_time()
        opened().shelf()
        seconds, busy = time.perf_counter() - start[0], time.process_time() - start[1]
        size = round((folder / "search.db").stat().st_size / 1e6)
        rate = round(many / seconds)
        line = {"papers": many, "papers_a_second": rate, "of_processor_time": round(many / busy)}
        report(way="ours", does="index", **line, megabytes=size)
        start = time.perf_counter()
        os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
        left = opened().embed(seconds=10.0)
        rate = round((many - left) / (time.perf_counter() - start), 1)
        report(way="ours", does="embed", papers_a_second=rate)
        draw_vectors()
        start = time.perf_counter()
        opened().shelf()
        report(way="ours", does="open", seconds=round(time.perf_counter() - start, 2))
        meaning.encode_query("a first one")
        report(way="ours", does="search", **timed(search, asked))
        report(way="ours", does="search again", **timed(search, asked))
        by_year = timed(lambda query: search(query, year=(2010, 2015)), asked)
        report(way="ours", does="search with a filter", **by_year)
        each = []
        for number in range(20):
            with sqlite3.connect(folder / "paperworks.db") as database:
                database.execute(
                    "INSERT INTO papers (slug, id, title, summary, claim, added_at) "
                    "VALUES (?, ?, ?, '', '', '')",
                    (f"new_{number}", f"u{many + number}", f"Wombat {number} counting"),
                )
            database.close()
            start = time.perf_counter()
            assert search(f"wombat {number} counting")[0].slug == f"new_{number}"
            each.append(1000 * (time.perf_counter() - start))
        report(way="ours", does="add and find", p50=round(median(each)), most=round(max(each)))
        opened().close()
        peers(texts, asked, folder)


if __name__ == "__main__":
    main()
