"""Keeping: details of every kind of file, matching without loading everything, no half of it."""

import json

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert
from tests.sources.conftest import NOW

from paperworks.sources.importer import import_papers
from paperworks.sources.keep import ARXIV, DOI, HF, Kept, keep
from paperworks.sources.listed import Day, Listed, doi
from paperworks.store import open_store, select, writing
from paperworks.store.tables import papers


def giving(folder):
    """Import texts, each a file with the given ending."""

    def give(text, ending=".jsonl"):
        file = folder / f"given{ending}"
        text = text if isinstance(text, str) else "\n".join(map(json.dumps, text))
        file.write_text(text)
        return import_papers([file], NOW)

    return give


@pytest.fixture
def give(tmp_path, local):
    return giving(tmp_path)


@pytest.fixture
def give_both(tmp_path, store):
    """The same on both databases."""
    return giving(tmp_path)


@pytest.fixture
def say(local):
    """Keep what a source says."""

    def say(source, **fields):
        day = fields.pop("day", None)
        entry = Listed.of("here", {"title": "A Study of Rain"} | fields, day=day)
        with writing(local.engine) as connection:
            return keep(connection, [(source, entry)], NOW)

    return say


def details():
    (row,) = select("SELECT * FROM details")
    return row


@pytest.mark.parametrize(
    ("abstract", "comment", "is_so"),
    [
        ("", "This paper has been withdrawn by the author due to a sign error in equation 1", True),
        ("", "12 pages; this submission has been withdrawn by arXiv administrators", True),
        ("", "Withdrawn because of a bug", True),
        ("", "8 pages. [withdrawn]", True),
        ("", "The authors have withdrawn this manuscript", True),
        ("", "This paper was withdrawn from arXiv", True),
        ("", "Withdrawn from a conference, 9 pages", False),
        ("", "An earlier version of this paper was withdrawn", False),
        ("", "Replaces 1901.00001, withdrawn earlier", False),
        ("", "Withdrawn drugs: the data", False),
        ("This paper has been withdrawn by the authors.", "", True),
        ("Of each paper we ask who cites it. The paper was withdrawn in one case.", "", False),
    ],
)
def test_what_says_that_a_paper_was_withdrawn(say, abstract, comment, is_so):
    say(ARXIV, abstract=abstract, comment=comment, published="2026-11-18")
    assert (details()["withdrawn_at"] is not None) is is_so


def test_only_the_archive_withdraws(say):
    say(HF, comment="This paper has been withdrawn", published="2026-11-18")
    assert details()["withdrawn_at"] is None


BIBTEX = r"""
@article{rain, title = {A Study of {Rain}}, year = 2020, journal = {J. Rain \& Wind},
  author = {Lovelace, Ada and du Ch{\^a}telet, {\'E}milie and {Group of Rain} and C.~Babbage
            and King, Jr., Martin and others}, doi = {https://doi.org/10.5555/RAIN}}
"""


def test_bibtex_brings_authors(give_both):
    give_both(BIBTEX, ".bib")
    found = details()
    assert json.loads(found["authors"]) == [
        "Ada Lovelace",
        "Émilie du Châtelet",
        "Group of Rain",
        "C. Babbage",
        "Martin King Jr.",
    ]
    assert (found["venue"], found["doi"]) == ("J. Rain & Wind", "10.5555/rain")
    assert found["source"] == "given.bib"


@pytest.mark.parametrize(
    "authors",
    [["Ada Lovelace", "C. Babbage"], "Ada Lovelace and C. Babbage", "Ada Lovelace, C. Babbage"],
)
def test_json_brings_details(give, authors):
    record = {"title": "Rain", "authors": authors, "published": "2020-05-06", "venue": "J. Rain"}
    record |= {"categories": ["cs.LG"], "code": "https://example.org/c", "page": "file:///etc"}
    give([record])
    found = details()
    assert json.loads(found["authors"]) == ["Ada Lovelace", "C. Babbage"]
    assert found["published"] == "2020-05-06T00:00:00+00:00"
    assert (found["code"], found["page"]) == ("https://example.org/c", None)
    assert select("SELECT year FROM papers") == [{"year": 2020}]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"authors": 5}, "'authors' is a list of texts; not 5."),
        ({"authors": ["Ada", 5]}, "'authors' is text; not 5."),
        ({"authors": ["Ada\x1b[31m"]}, "has the control character"),
        ({"published": "yesterday"}, "'published' is a day such as 2026-01-31; not 'yesterday'."),
        ({"published": 2020}, "'published' is a day"),
        ({"published": "9999-12-31T23:59:59-10:00"}, "'published' is a day"),
        ({"venue": ["J."]}, "'venue' is text"),
    ],
)
def test_details_that_are_none(give, wrong, said):
    with pytest.raises(ValueError, match="line 1: ") as refused:
        give([{"title": "Rain"} | wrong])
    assert said in str(refused.value)
    assert select("SELECT * FROM papers") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.5555/Rain.(1)", "10.5555/rain.(1)"),
        ("doi: 10.5555/rain", "10.5555/rain"),
        ("https://dx.doi.org/10.5555/rain", "10.5555/rain"),
        ("10.5555", None),
        ("11.5555/rain", None),
        ("10.5555/rain fall", None),
        (None, None),
    ],
)
def test_dois(text, found):
    assert doi(text) == found


def test_a_paper_is_found_by_its_doi(give_both):
    give_both([{"title": "A Study of Rain", "doi": "10.5555/rain"}])
    done = give_both([{"title": "Rain, Studied", "doi": "https://doi.org/10.5555/RAIN"}])
    assert (done.new, done.matched) == (0, 1)


def test_slugs_and_ids_go_on_where_they_ended(give_both):
    assert give_both([{"title": f"Rain, part {n}"} for n in range(11)]).new == 11
    assert (
        give_both([{"title": "Rain! Part 3?"}, {"title": "Rain part 3", "arxiv": "2611.00001"}]).new
        == 0
    )
    give_both([{"title": "Rain part 3", "arxiv": "2611.00002"}])
    assert [(row["id"], row["slug"]) for row in select("SELECT * FROM papers")][-1] == (
        "u12",
        "rain_part_3_2",
    )


def test_a_slug_is_given_once(give):
    for title in ("Rain: A Study", "Rain: Another Study", "Rain: A Third"):
        give([{"title": title}])
    slugs = [row["slug"] for row in select("SELECT slug FROM papers ORDER BY id")]
    assert slugs == ["rain", "rain_2", "rain_3"]


def test_papers_of_an_older_store_are_found(give_both, store, store_url):
    give_both([{"title": "Ä Study: of Rain"}])
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", "paperworks.store:migrations")
    with store.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    open_store(store_url).dispose()
    assert give_both([{"title": "a study of rain"}]).matched == 1


def test_an_empty_word_erases_nothing(say):
    full = {"authors": ["Ada"], "comment": "8 pages", "categories": ["cs.LG"], "abstract": "Wet."}
    say(ARXIV, **full, updated="2026-11-01")
    before = [details(), select("SELECT * FROM abstracts")]
    say(ARXIV, updated="2026-11-02")
    assert details() == before[0] | {"updated": "2026-11-02T00:00:00+00:00"}
    assert select("SELECT * FROM abstracts") == before[1]


@pytest.mark.parametrize(
    ("first", "second", "believed"),
    [
        (HF, ARXIV, ARXIV),
        (ARXIV, HF, ARXIV),
        (DOI, HF, DOI),
        (HF, DOI, HF),
        ("a.bib", HF, HF),
        ("a.bib", "b.bib", "a.bib"),
        (ARXIV, "a.bib", ARXIV),
    ],
)
def test_who_is_believed(say, first, second, believed):
    for source in (first, second, first, second):
        say(source, authors=[f"Author of {source}"], abstract=f"Abstract of {source}")
    assert json.loads(details()["authors"]) == [f"Author of {believed}"]
    assert details()["source"] == believed
    assert select("SELECT abstract FROM abstracts") == [{"abstract": f"Abstract of {first}"}]


def test_a_number_of_votes_that_is_missing_erases_none(say):
    day = {"source": "hf", "date": "2026-11-20"}
    for upvotes in (3, 5, None):
        say(HF, day=Day(**day, upvotes=upvotes))
    assert [row["upvotes"] for row in select("SELECT * FROM listed")] == [5]


def test_two_keepings_count_as_one():
    both = Kept(2, frozenset("ab"), frozenset("a")) | Kept(2, frozenset("bc"), frozenset("c"))
    assert (both.counted().papers, both.counted().new, both.counted().matched) == (3, 2, 1)


def test_many_papers_are_kept_at_once(store):
    rows = [
        {"slug": f"p{n}", "id": f"u{n + 1}", "title": f"P{n}", "added_at": "", "title_key": f"p{n}"}
        for n in range(1500)
    ]
    with store.begin() as connection:
        connection.execute(insert(papers), rows)
    entries = [
        ("x", Listed.of("x", {"title": f"P{n}", "doi": f"10.5555/{n}"})) for n in range(1600)
    ]
    with writing(store) as connection:
        done = keep(connection, entries, NOW).counted()
    assert (done.matched, done.new) == (1500, 100)
