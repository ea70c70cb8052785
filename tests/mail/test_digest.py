"""Digests: which papers, to whom, when; once a period, and each paper once a person."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from lxml.html import document_fromstring
from tests.index.ledgers import keep, trial
from tests.mail.office import MORNING, SECRET, SETTINGS, START, add, reader
from tests.people.made import person as somebody
from tests.views.hostile import TEXTS

from paperworks.mail import deliveries, digest, relay
from paperworks.mail.compose import sender
from paperworks.people import accounts, searches, subscriptions
from paperworks.store import open_store, tables
from paperworks.views import letter

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
pytestmark = pytest.mark.usefixtures("plain_search")


class Sent(list):
    """Messages instead of a relay, and trouble where a test wants some."""

    def __init__(self, *trouble) -> None:
        super().__init__()
        self.trouble = list(trouble)

    def __call__(self, message, sender, recipient) -> None:
        if self.trouble and (wrong := self.trouble.pop(0)):
            raise wrong
        self.append((recipient, message))


def run(store, sent, now=MORNING, person=None):
    return digest.run_digests(store, now, sent, SETTINGS, person)


def states(store, person):
    return [(one.period, one.state) for one in reversed(deliveries.history(store, person))]


# --- one digest ---


def test_a_digest_arrives_once_and_says_why(store, office):
    reader(store)
    (fits, _) = add(store, "A net", "A tree")
    for _ in range(3):  # a scheduler comes every few minutes
        with relay.Connection(office.relay) as connection:
            digest.run_digests(store, MORNING, connection.send, SETTINGS)
    ((to, raw),) = office.taken
    assert to == "ada@example.org"
    (message,) = office.messages
    assert message["To"] == to
    assert message["Subject"] == "paperworks digest, 4 March 2031: 1 paper"
    link = message["List-Unsubscribe"].strip("<>").encode()
    assert b"\r\nList-Unsubscribe: <" + link + b">\r\n" in raw
    plain = " ".join(message.get_body(("plain",)).get_content().split())
    for said in (
        f"1. A net <https://papers.example.org/papers/{fits}>",
        "added 3 March 2031",
        "Here for “Nets”: title: matched 'net'",
        "2 papers with news looked at, 1 fit.",
        f"<{link.decode()}>",
    ):
        assert said in plain
    assert "A tree" not in plain
    token = link.decode().rpartition("/")[2]
    assert subscriptions.unsubscribe(store, SECRET, token, MORNING)
    assert digest.due(store, MORNING + DAY) == ()


def test_a_preview_is_what_is_sent_and_changes_nothing(store):
    ada, sent = reader(store), Sent()
    add(store, "A net")
    shown = digest.preview(store, ada, SETTINGS, MORNING)
    dry = digest.dry_run(store, MORNING, SETTINGS)
    (done,) = run(store, sent)
    assert [message.as_bytes() for _, message in sent] == [shown.message.as_bytes()]
    assert [(one.period, one.state, one.papers) for one in dry] == [
        ("2031-03-04", "due", done.papers)
    ]
    assert shown.goes
    assert letter.text(shown.letter) == shown.message.get_body(("plain",)).get_content()


def test_a_preview_for_somebody_without_a_subscription(store):
    eve = somebody(store, "eve", "Asia/Tokyo")
    shown = digest.preview(store, eve, SETTINGS, MORNING)
    assert not shown.goes
    assert "You have no saved searches." in letter.text(shown.letter)
    assert "Asia/Tokyo" in letter.text(shown.letter)


def test_what_counts_as_new(store):
    ada = reader(store)
    before, old, wrong = START - 2 * DAY, START - timedelta(days=900), "2031-03-03"
    (new,) = add(store, "A net")
    add(store, "An old net", at=old)
    (judged, kept) = add(store, "A judged net", "A net judged as before", at=old)
    keep(store, trial(judged, "c", "+", wrong), trial(kept, "c", "+", "2031-01-01"),
         trial(kept, "c", "+", wrong), trial(kept, "d", "+", wrong, control=True))  # fmt: skip
    shown = digest.preview(store, ada, SETTINGS, MORNING)
    assert sorted(shown.slugs) == sorted([new, judged])
    text = " ".join(letter.text(shown.letter).split())
    assert "new verdict 3 March 2031 [1 holds]" in text
    assert before < START


def test_a_published_paper_is_new_and_its_authors_are_named(store):
    from paperworks.store.tables import details

    ada = reader(store)
    (slug,) = add(store, "A net", at=START - timedelta(days=900))
    row = {"slug": slug, "authors": '["Ada One"]', "published": "2031-03-03T18:00:00+00:00",
           "source": "arxiv", "fetched_at": "2031-03-03T19:00:00+00:00"}  # fmt: skip
    with store.begin() as connection:
        connection.execute(details.insert(), row)
    text = letter.text(digest.preview(store, ada, SETTINGS, MORNING).letter)
    assert "Ada One · published 3 March 2031" in text


def test_a_withdrawn_paper_says_so(store):
    ada = reader(store)
    (slug, _) = add(store, "A net", "Another net")
    with store.begin() as connection:
        when = {"fetched_at": "2031-03-03", "withdrawn_at": "2031-03-03"}
        connection.execute(tables.details.insert(), {"slug": slug, "source": "arXiv"} | when)
    text = letter.text(digest.preview(store, ada, SETTINGS, MORNING).letter)
    assert text.count("withdrawn · added 3 March 2031") == 1
    assert text.count("added 3 March 2031") == 2


def test_a_paper_of_two_searches_is_there_once_and_first(store):
    ada = reader(store)
    searches.save(store, ada, "Deep", "deep", {}, START)
    one, both, _ = add(store, "A net", "A deep net", "A deep tree")
    shown = digest.preview(store, ada, SETTINGS, MORNING)
    assert shown.slugs[0] == both
    assert one in shown.slugs
    assert [reason.search for reason in shown.digest.items[0].reasons] == ["Nets", "Deep"]


def test_paused_searches_are_not_asked(store):
    ada = reader(store)
    add(store, "A net")
    (mine,) = searches.saved(store, ada)
    searches.pause(store, ada, mine.id, True)
    assert digest.preview(store, ada, SETTINGS, MORNING).digest.searches == ()


def test_no_more_than_twenty(store):
    ada = reader(store)
    slugs = add(store, *(f"Net {n}" for n in range(27)))
    shown = digest.preview(store, ada, SETTINGS, MORNING)
    assert shown.slugs == tuple(slugs[:20])
    assert "7 more on the web" in letter.text(shown.letter)
    assert shown.letter.subject.endswith("27 papers")


def test_a_search_that_cannot_be_asked_does_not_stop_the_others(store, monkeypatch):
    from tests.mail.office import by_title

    def ask(query, filters):
        if query == "bad":
            raise LookupError("No area 'bad'; there are: many.")
        return by_title(query, filters)

    monkeypatch.setattr("paperworks.mail.digest.fitting", ask)
    ada = reader(store)
    searches.save(store, ada, "Bad", "bad", {}, START)
    (slug,) = add(store, "A net")
    shown = digest.preview(store, ada, SETTINGS, MORNING)
    assert shown.slugs == (slug,)
    assert "could not be asked: No area 'bad'" in " ".join(letter.text(shown.letter).split())


def test_hostile_papers_are_harmless_where_they_arrive(store, office):
    ada = reader(store)
    texts = [text.replace("\0", "") for text in TEXTS]  # which no database keeps
    for n, text in enumerate(texts):
        add(store, f"net {n} {text}", summary=text)
    usual = digest.preview(store, ada, SETTINGS, MORNING - DAY).message
    with relay.Connection(office.relay) as connection:
        digest.run_digests(store, MORNING, connection.send, SETTINGS)
    (message,) = office.messages
    assert message.keys() == usual.keys()
    assert message["Subject"] == f"paperworks digest, 4 March 2031: {len(texts)} papers"
    tree = document_fromstring(message.get_body(("html",)).get_content())
    forbidden = {"script", "img", "svg", "iframe", "object", "form", "link", "base", "use"}
    assert {element.tag for element in tree.iter()} & forbidden == set()
    assert not [name for e in tree.iter() for name in e.attrib if name.startswith("on")]
    links = [link.get("href") for link in tree.iter("a")]
    assert all(link.startswith("https://papers.example.org/") for link in links)
    titles = [" ".join(title.text_content().split()) for title in tree.iter("h2")]
    assert titles == [letter.plain(f"{n + 1}. net {n} {text}") for n, text in enumerate(texts)]


# --- when, and how often ---


def test_the_first_comes_at_the_next_own_hour(store):
    reader(store, hour=7, timezone="America/New_York")  # settled at 12:00 UTC, 07:00 there
    first = datetime(2031, 3, 4, 12, tzinfo=UTC)
    assert digest.next_due(store, START) == first
    assert digest.due(store, first - MINUTE) == ()
    (one,) = digest.due(store, first)
    assert one.slot == ("2031-03-04", first)
    assert digest.next_due(store, first + HOUR) == first + HOUR  # late is due at once
    run(store, Sent(), first + HOUR)
    assert digest.next_due(store, first + HOUR) == first + DAY


def test_an_hour_that_moves_with_daylight_saving(store):
    reader(store, hour=7, timezone="Europe/Vienna")  # summer begins on 30 March 2031
    for day, hour in ((29, 6), (30, 5), (31, 5)):
        at = datetime(2031, 3, day, hour, tzinfo=UTC)
        assert digest.due(store, at - MINUTE) == () or day == 29
        run(store, Sent(), at - MINUTE)
        (one,) = run(store, Sent(), at)
        assert one.period == f"2031-03-{day}"


def test_a_weekly_one_looks_back_a_week(store):
    ada, sent = reader(store, every="week", weekday=4), Sent()
    (slug,) = add(store, "A net")
    assert run(store, sent, START + 3 * DAY) == ()
    (one,) = run(store, sent, datetime(2031, 3, 7, 7, tzinfo=UTC))
    assert (one.period, one.state, one.papers) == ("2031-W10", "sent", (slug,))
    assert run(store, sent, datetime(2031, 3, 14, 6, 59, tzinfo=UTC)) == ()
    assert states(store, ada) == [("2031-W10", "sent")]


def test_a_digest_goes_on_where_the_last_one_ended(store):
    ada, sent = reader(store), Sent()
    add(store, "A net")
    run(store, sent)
    (late,) = add(store, "Another net", at=MORNING - MINUTE)  # stored while the first one ran
    (other,) = add(store, "A third net", at=MORNING + HOUR)
    (one,) = run(store, sent, MORNING + DAY)
    assert set(one.papers) == {late, other}
    assert len(sent) == 2
    assert states(store, ada) == [("2031-03-04", "sent"), ("2031-03-05", "sent")]


def test_each_paper_once_a_person_ever(store):
    ada, sent = reader(store), Sent()
    (slug,) = add(store, "A net")
    run(store, sent)
    keep(store, trial(slug, "c", "+", "2031-03-04"))
    searches.save(store, ada, "Again", "net", {}, MORNING)
    subscriptions.settle(store, ada, MORNING + HOUR, every="week", weekday=4)
    assert [one.state for one in run(store, sent, MORNING + 5 * DAY)] == ["nothing"]
    eve = reader(store, "eve", "eve@example.org")
    assert slug in digest.preview(store, eve, SETTINGS, MORNING + DAY).slugs


def test_nothing_new(store):
    ada, sent = reader(store), Sent()
    (one,) = run(store, sent)
    assert (one.state, sent) == ("nothing", [])
    assert run(store, sent, MORNING + HOUR) == ()
    subscriptions.settle(store, ada, MORNING, tell_nothing=True)
    (one,) = run(store, sent, MORNING + DAY)
    assert one.state == "sent"
    assert sent[0][1]["Subject"].endswith("nothing new")


def test_times_missed_are_not_made_up_for(store):
    ada, sent = reader(store), Sent()
    (old,) = add(store, "A net")
    (new,) = add(store, "A new net", at=START + 89 * DAY)
    done = run(store, sent, MORNING + 90 * DAY)  # nobody ran it for a quarter
    assert [one.period for one in done] == ["2031-06-02"]
    assert done[0].papers == (new,)
    assert old not in done[0].papers
    subscriptions.pause(store, ada, True, MORNING + 91 * DAY)
    subscriptions.pause(store, ada, False, MORNING + 99 * DAY + HOUR)
    assert digest.due(store, MORNING + 99 * DAY + 2 * HOUR) == ()
    assert digest.next_due(store, MORNING + 99 * DAY + 2 * HOUR) == datetime(
        2031, 6, 12, 7, tzinfo=UTC
    )


def test_nobody_is_due_where_nobody_subscribed(store):
    assert digest.next_due(store, MORNING) is None
    assert run(store, Sent()) == ()


def test_one_person_only(store):
    ada, eve = reader(store), reader(store, "eve", "eve@example.org")
    add(store, "A net")
    sent = Sent()
    assert [one.person for one in run(store, sent, person=eve)] == [eve.id]
    assert [one.person for one in run(store, sent)] == [ada.id]


# --- when something goes wrong ---


def test_a_mailbox_that_is_gone_gets_nothing_more(store):
    ada, sent = reader(store), Sent(relay.Bounced("The relay said 550."))
    (slug,) = add(store, "A net")
    assert [one.state for one in run(store, sent)] == ["failed"]
    assert subscriptions.suppressed(store, "ada@example.org") == "The relay said 550."
    assert run(store, sent, MORNING + DAY) == ()
    assert states(store, ada) == [("2031-03-04", "failed")]
    assert slug in digest.preview(store, ada, SETTINGS, MORNING + HOUR).slugs  # never delivered


def test_what_the_relay_did_not_take_is_tried_again(store):
    ada, busy = reader(store), relay.Later("The relay said 451.")
    sent = Sent(busy, busy)
    (slug,) = add(store, "A net")
    assert [one.state for one in run(store, sent)] == ["retry"]
    assert run(store, sent, MORNING + 4 * MINUTE) == ()
    assert digest.next_due(store, MORNING) == MORNING + 5 * MINUTE
    assert [one.state for one in run(store, sent, MORNING + 5 * MINUTE)] == ["retry"]
    (one,) = run(store, sent, MORNING + HOUR)
    assert (one.state, one.papers) == ("sent", (slug,))
    assert states(store, ada) == [("2031-03-04", "sent")]


def test_after_five_times_the_next_period_takes_over(store):
    reader(store)
    sent = Sent(*[relay.Later("busy")] * 5)
    (slug,) = add(store, "A net")
    times = [MORNING + 4 * HOUR * n for n in range(6)]
    done = [one.state for now in times for one in run(store, sent, now)]
    assert done == ["retry"] * 4 + ["failed"]
    (one,) = run(store, sent, MORNING + DAY)
    assert (one.state, one.papers) == ("sent", (slug,))


def test_what_may_have_arrived_is_never_sent_again(store):
    reader(store)
    sent = Sent(relay.Unsure("gone"))
    add(store, "A net")
    assert [one.state for one in run(store, sent)] == ["unsure"]
    for later in (MINUTE, HOUR, 12 * HOUR):
        assert run(store, sent, MORNING + later) == ()
    assert [one.state for one in run(store, sent, MORNING + DAY)] == ["nothing"]
    assert sent == []


def test_a_relay_that_takes_nothing_ends_the_run(store):
    for name in ("ada", "bob", "eve"):
        reader(store, name, f"{name}@example.org")
    add(store, "A net")
    with pytest.raises(relay.Misset):
        run(store, Sent(relay.Misset("wrong login")))
    assert len(digest.due(store, MORNING)) == 2
    assert len(digest.due(store, MORNING + 5 * MINUTE)) == 3
    down = Sent(*[relay.Later("down")] * 9)
    for name in ("fay", "gil"):
        reader(store, name, f"{name}@example.org")
    assert len(run(store, down, MORNING + 5 * MINUTE)) == 3  # then it is left in peace
    assert len(down.trouble) == 6


def test_one_digest_that_breaks_does_not_stop_the_others(store, monkeypatch):
    ada, eve = reader(store), reader(store, "eve", "eve@example.org")
    add(store, "A net")
    real = digest._prepare

    def prepare(engine, mine, person, *rest):
        if person == ada:
            raise TypeError("a defect")
        return real(engine, mine, person, *rest)

    monkeypatch.setattr(digest, "_prepare", prepare)
    sent = Sent()
    assert [one.state for one in run(store, sent)] == ["broken", "sent"]
    monkeypatch.undo()
    monkeypatch.setattr("paperworks.mail.digest.fitting", digest.fitting)
    assert [to for to, _ in sent] == ["eve@example.org"]
    assert states(store, eve) == [("2031-03-04", "sent")]


def test_whoever_stops_while_it_is_put_together_gets_nothing(store, monkeypatch):
    ada, real = reader(store), digest._prepare

    def prepare(*given):
        made = real(*given)
        subscriptions.stop(store, ada, MORNING)
        return made

    monkeypatch.setattr(digest, "_prepare", prepare)
    add(store, "A net")
    sent = Sent()
    assert run(store, sent) == ()
    assert sent == []


def test_a_claim_that_was_taken_over_sends_nothing(store):
    ada = reader(store)
    (slug,) = add(store, "A net")
    (one,) = digest.due(store, MORNING)
    late = deliveries.claim(store, one.subscription, one.slot.period, MORNING)
    assert late
    assert deliveries.claim(store, one.subscription, one.slot.period, MORNING) is None
    sent = Sent()
    assert run(store, sent, MORNING + 14 * MINUTE) == ()
    assert [done.state for done in run(store, sent, MORNING + 15 * MINUTE)] == ["sent"]
    with pytest.raises(deliveries.Superseded):
        deliveries.begin(store, late, "ada@example.org", (), MORNING)
    assert len(sent) == 1
    assert deliveries.history(store, ada)[0].papers == (slug,)


def test_a_paper_that_another_digest_brought_meanwhile(store, monkeypatch):
    ada, real = reader(store), digest._prepare
    (slug,) = add(store, "A net")
    (one,) = digest.due(store, MORNING)

    def prepare(*given):
        made = real(*given)
        other = deliveries.claim(store, one.subscription, "2031-W10", MORNING)
        assert other
        deliveries.begin(store, other, "ada@example.org", (slug,), MORNING)
        return made

    monkeypatch.setattr(digest, "_prepare", prepare)
    sent = Sent()
    assert run(store, sent) == ()
    monkeypatch.setattr(digest, "_prepare", real)
    assert [done.state for done in run(store, sent, MORNING + HOUR)] == ["nothing"]
    assert sent == []
    assert states(store, ada) == [("2031-03-04", "nothing"), ("2031-W10", "sending")]


def test_of_many_who_claim_at_once_one_may_send(store):
    reader(store)
    (one,) = digest.due(store, MORNING)
    start, got, wrong = threading.Barrier(6), list[object](), list[BaseException]()

    def claim() -> None:
        try:
            for hour in range(8):
                start.wait(60)
                got.append(deliveries.claim(store, one.subscription, f"period {hour}", MORNING))
        except BaseException as failure:
            start.abort()
            wrong.append(failure)

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len([claim for claim in got if claim]) == 8


def test_four_schedulers_at_once_send_each_digest_once(store, store_url):
    names = [f"p{n}" for n in range(6)]
    people = [reader(store, name, f"{name}@example.org") for name in names]
    add(store, "A net")
    start, sent, wrong = threading.Barrier(4), Sent(), list[BaseException]()

    def schedule() -> None:
        mine = open_store(store_url)
        try:
            start.wait(60)
            run(mine, sent)
        except BaseException as failure:
            wrong.append(failure)
        finally:
            mine.dispose()

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(to for to, _ in sent) == [f"{name}@example.org" for name in names]
    assert all(states(store, one) == [("2031-03-04", "sent")] for one in people)


def test_everything_leaves_with_the_person(store):
    ada = reader(store)
    add(store, "A net")
    run(store, Sent())
    assert len(deliveries.history(store, ada)) == 1
    accounts.remove(store, ada)
    assert deliveries.history(store, ada) == ()
    assert sender(SETTINGS) == "papers@example.org"
