"""Search: names first, then shared words; each hit says why."""

import re
import threading

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import insert

import paperworks as pw
from paperworks.index.search import search
from paperworks.index.words import key, parts, plain, split, stems
from paperworks.paper import shipped
from paperworks.store.tables import abstracts, papers


@pytest.mark.parametrize(
    ("query", "slug", "why"),
    [
        ("resnet", "resnet", "slug"),
        ("P033", "resnet", "id"),
        ("https://arxiv.org/abs/1512.03385v1", "resnet", "arXiv id"),
        ("Deep residual learning for image recognition", "resnet", "title"),
        ("Neural Tangent Kernel", "ntk", "name: Neural Tangent Kernel"),
    ],
)
def test_a_name_comes_first(query, slug, why):
    first = search(query)[0]
    assert (first.slug, first.why) == (slug, why)
    assert first.by == "name"


def test_both_papers_of_one_title_come_first():
    hits = search("Fully Convolutional Networks for Semantic Segmentation")
    assert {hit.slug for hit in hits[:2]} == {"fcn_8s", "fcn_cvpr"}
    assert [hit.score for hit in hits[:2]] == [1.0, 1.0] > [hits[2].score]


def test_initials():
    assert "nin" in {hit.slug for hit in search("NIN")[:3]}


@given(st.one_of(st.text(), st.text(st.characters(codec="ascii"))))
@settings(max_examples=300, deadline=None)
def test_words_of_any_text_are_runs_of_letters_and_digits(text):
    told = plain(text)
    assert split(text) == re.findall(r"[^\W_]+", told)
    assert key(text) == "".join(re.findall(r"[^\W\d_]+|\d+", told))
    assert "".join(parts(text)) == key(text)


@pytest.mark.parametrize(
    ("word", "stem"),
    [("normalised", "normal"), ("colours", "color"), ("four", "four"), ("this", "this")],
)
def test_spellings_meet_in_a_stem(word, stem):
    assert stems(word) == (stem,)


def test_words_are_compared_by_stem_and_spelling():
    british = [hit.slug for hit in search("normalisation without parametrisation")]
    american = [hit.slug for hit in search("normalization without parametrization")]
    assert british == american
    assert search("rewired graphs")[0].slug == "laser_rewiring"


def test_why_names_the_fields_and_words():
    hit = next(hit for hit in search("edges rewired locally", 20) if hit.slug == "laser_rewiring")
    assert hit.why.startswith("name: matched 'rewiring'; title: matched 'locality'"), hit.why
    assert hit.by.startswith("words")


def test_scores_fall_and_stay_in_range():
    hits = search("training deep residual networks without normalization", 50)
    scores = [hit.score for hit in hits]
    assert len(hits) == len({hit.slug for hit in hits}) == 50
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_how_many():
    assert len(search("network", 3)) == 3
    assert len(search("resnet", 1)) == 1
    with pytest.raises(ValueError, match="at least one paper; k is 0"):
        search("network", 0)


@pytest.mark.parametrize("query", ["", "  ", "?!", "_"])
def test_a_query_without_words(query):
    with pytest.raises(ValueError, match="A search needs a word"):
        search(query)


def test_nothing_found():
    assert search("qwertzuiop") == ()


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60).filter(lambda text: any(c.isascii() and c.isalnum() for c in text)))
def test_any_query_is_answered(query):
    assert len(search(query, 3)) <= 3


@pytest.mark.parametrize(
    "query", ['"', 'a" OR "b', "title: x", "a NEAR b*", "(((", "-x", "a" * 9999]
)
def test_queries_are_words_never_syntax(query):
    if any(letter.isalnum() for letter in query):
        search(query)
    else:
        with pytest.raises(ValueError, match="needs a word"):
            search(query)


def test_imported_abstracts_and_own_papers_are_found(store):
    assert search("zyzzyva") == ()
    abstract = {"slug": "resnet", "abstract": "A zyzzyva.", "source": "", "imported_at": ""}
    own = {"slug": "weevils", "id": "u1", "title": "On the zyzzyva", "added_at": ""}
    with store.begin() as connection:
        connection.execute(insert(abstracts), abstract)
        connection.execute(insert(papers), own)
    assert [(hit.slug, hit.why) for hit in search("Zyzzyvas")] == [
        ("weevils", "title: matched 'zyzzyva'"),
        ("resnet", "abstract: matched 'zyzzyva'"),
    ]


def test_from_several_threads():
    found, expected = [], search("graph rewiring")
    threads = [
        threading.Thread(target=lambda: found.append(search("graph rewiring"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_every_title_finds_its_paper_without_its_last_word():
    """A part of the title is no name: only the words can lead there."""
    found = 0
    chosen = [paper for paper in shipped()[::9] if len(paper.title.split()) > 4]
    for paper in chosen:
        part = " ".join(paper.title.split()[:-1])
        found += paper.slug in {hit.slug for hit in search(part, 3)}
    assert found >= 0.97 * len(chosen)


def test_the_front_door():
    assert pw.search("resnet", k=1) == search("resnet", 1)
