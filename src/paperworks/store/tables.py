"""What the store holds. Every table names its owner, the only room that writes it.

Times are ISO 8601 in UTC. A change here comes with a migration; a test compares the two.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

papers = Table(  # owner: sources
    "papers",  # the user's own, which the shipped catalog does not have
    metadata,
    Column("slug", Text, primary_key=True),
    Column("id", Text, nullable=False, unique=True),  # u1, u2, …
    Column("title", Text, nullable=False),
    Column("year", Integer),
    Column("arxiv", Text),
    Column("area", Text),
    Column("kind", Text),
    Column("summary", Text, nullable=False, default=""),
    Column("claim", Text, nullable=False, default=""),
    Column("cannot_run", Text),
    Column("added_at", Text, nullable=False),
    Column("title_key", Text),  # letters and digits of the title, by which sources find it
    Index("papers_by_title", "title_key"),
    Index("papers_by_arxiv", "arxiv"),
)

abstracts = Table(  # owner: sources
    "abstracts",  # of shipped papers and the user's own
    metadata,
    Column("slug", Text, primary_key=True),
    Column("abstract", Text, nullable=False),
    Column("source", Text, nullable=False),  # name of the file, or of the site, it came from
    Column("imported_at", Text, nullable=False),
)

details = Table(  # owner: sources
    "details",  # what sources say about shipped papers and the user's own
    metadata,
    Column("slug", Text, primary_key=True),
    Column("authors", Text, nullable=False, default="[]"),  # JSON: names, first author first
    Column("published", Text),  # the first version; where only the day is known, its midnight
    Column("updated", Text),  # the newest version
    Column("categories", Text, nullable=False, default="[]"),  # JSON: the primary one first
    Column("doi", Text),  # in lower case
    Column("venue", Text),  # journal or proceedings
    Column("comment", Text),  # the authors', such as "12 pages, code available"
    Column("license", Text),
    Column("code", Text),  # address of a repository, http or https
    Column("page", Text),  # address of a project's page, http or https
    Column("withdrawn_at", Text),  # when we saw that the archive or its authors took it back
    Column("source", Text, nullable=False),  # which source said most of it
    Column("fetched_at", Text, nullable=False),  # when it last changed
    Index("details_by_doi", "doi"),
    Index("details_by_publication", "published"),
)

listed = Table(  # owner: sources
    "listed",  # on which day a source put a paper before its readers; for trending and feeds
    metadata,
    Column("slug", Text, primary_key=True),
    Column("source", Text, primary_key=True),  # arxiv, hf
    Column("date", Text, primary_key=True),  # the source's own day, YYYY-MM-DD
    Column("announced", Text),  # arxiv: new, cross, replace, replace-cross
    Column("upvotes", Integer),  # hf: as last seen; null where none were given
    Column("comments", Integer),  # hf: how many, as last seen
    Column("first_seen_at", Text, nullable=False),
    Column("seen_at", Text, nullable=False),  # when a number last changed
    Index("listed_by_day", "date"),
)

harvests = Table(  # owner: sources
    "harvests",  # how far a fetch came, so that the next one goes on from there
    metadata,
    Column("job", Text, primary_key=True),  # what was asked of whom
    Column("cursor", Text),  # the next page; null before the first and after the last
    Column("validators", Text),  # JSON: ETag and Last-Modified of the last complete answer
    Column("pages", Integer, nullable=False, default=0),
    Column("records", Integer, nullable=False, default=0),
    Column("began_at", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("ended_at", Text),  # null while pages are to come
)

turns = Table(  # owner: sources
    "turns",  # when a host may be asked next, by whichever process
    metadata,
    Column("host", Text, primary_key=True),
    Column("free_at", Text, nullable=False),
    Column("holder", Text),  # the request under way; free_at is then when it counts as lost
)

touched = Table(  # owner: the database, by triggers on papers, abstracts and details
    "touched",  # each changed paper once, with a number above those of earlier changes
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("slug", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

runs = Table(  # owner: trial
    "runs",  # one arm of one seed, kept so that nothing is measured twice
    metadata,
    Column("key", Text, primary_key=True),
    Column("paper", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("draws", Integer, nullable=False, default=0),
    Column("value", Double),  # null where the run gave no number,
    Column("failure", Text),  # and then this says why
    Column("extra", Text),  # JSON: curve or picture
    Column("seconds", Double, nullable=False, default=0.0),
    Column("code", Text, nullable=False, default=""),
    Column("finished_at", Text, nullable=False),
    Index("runs_of_a_paper", "paper"),
)

trials = Table(  # owner: trial
    "trials",  # the user's ledger, beside the shipped one
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("control", Boolean, nullable=False, default=False),
    Column("on", Text, nullable=False),
    Column("line", Text, nullable=False),  # the ledger line, JSON
    Column("asked", Integer),  # the row of `asked` that it answers; null from the command line
    Index("trials_of_a_paper", "paper"),
    Index("trials_once_an_asked_run", "asked", "claim", unique=True),
)

elsewhere = Table(  # owner: trial
    "elsewhere",  # trials on data of the user's own, which decide nothing about a work
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("data", Text, nullable=False),  # the name of their folder or file
    Column("fingerprint", Text, nullable=False),  # of their contents
    Column("on", Text, nullable=False),
    Column("line", Text, nullable=False),  # as in `trials`
    Index("elsewhere_of_a_paper", "paper"),
)

asked = Table(  # owner: trial
    "asked",  # the queue: what somebody asked to have run, and how far it is
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # run, verify, latency
    Column("paper", Text, nullable=False),  # the slug; of a latency, the model's name
    Column("claim", Text),  # null: all claims
    Column("seeds", Integer, nullable=False),
    Column("first_seed", Integer, nullable=False),
    Column("fresh", Boolean, nullable=False),  # measure again what was stored when it was asked
    Column("asked_by", ForeignKey("people.id", ondelete="SET NULL")),  # null: this machine
    Column("asked_at", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed, cancelled
    Column("worker", Text),  # who runs it
    Column("heartbeat_at", Text),
    Column("started_at", Text),
    Column("finished_at", Text),
    Column("done", Integer, nullable=False),  # runs that are stored,
    Column("total", Integer, nullable=False),  # of so many planned so far
    Column("estimate", Double),  # seconds to go, as seen at the last change
    Column("error", Text),
    Column("losses", Integer, nullable=False),  # workers lost since the last progress
    Column("version", Integer, nullable=False),  # counts the changes that a reader sees
    Index("asked_by_state", "state", "id"),
    Index("asked_of_a_person", "asked_by", "id"),
)

latencies = Table(  # owner: trial
    "latencies",  # how long a network takes here
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("asked", Integer),  # the row of `asked` that it answers
    Column("model", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("milliseconds", Double, nullable=False),  # the median of one forward pass
    Column("low", Double, nullable=False),  # and the quartiles about it
    Column("high", Double, nullable=False),
    Column("passes", Integer, nullable=False),  # how many were timed
    Column("machine", Text, nullable=False),
    Column("measured_at", Text, nullable=False),
    Index("latencies_of_a_model", "model"),
    Index("latencies_once_an_asked_run", "asked", "batch", unique=True),
)

people = Table(  # owner: people
    "people",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # the name in one case
    Column("role", Text, nullable=False),  # reader, runner, admin
    Column("email", Text),
    Column("timezone", Text, nullable=False),
    Column("password", Text),  # argon2; null for who never signs in, as `you` on this machine
    Column("epoch", Integer, nullable=False),  # a session of another epoch has ended
    Column("created_at", Text, nullable=False),
    sqlite_autoincrement=True,  # a cookie of somebody who left fits nobody who comes
)

keys = Table(  # owner: people
    "keys",  # API tokens; the token itself is shown once and kept nowhere
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),  # SHA-256
    Column("begins", Text, nullable=False),  # its first characters, to know it by
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("used_at", Text),  # to the hour
    UniqueConstraint("person", "name", name="one_key_of_a_name"),
    sqlite_autoincrement=True,
)

invitations = Table(  # owner: people
    "invitations",  # not yet accepted
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),  # who invites
    Column("digest", Text, nullable=False, unique=True),  # SHA-256 of the code
    Column("role", Text, nullable=False),
    Column("note", Text, nullable=False),  # whom it is meant for
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
)

votes = Table(  # owner: people
    "votes",
    metadata,
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Index("votes_of_a_paper", "paper"),
    Index("votes_by_time", "at"),
)

saves = Table(  # owner: people
    "saves",  # a person's reading list
    metadata,
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Column("note", Text, nullable=False),
)

views = Table(  # owner: people
    "views",  # a paper counts once a person and day
    metadata,
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # in UTC
    Index("views_of_a_paper", "paper"),
)

submissions = Table(  # owner: people
    "submissions",  # who brought a paper here; their own vote does not count in trending
    metadata,
    Column("paper", Text, primary_key=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("at", Text, nullable=False),
    Index("submissions_of_a_person", "person"),
)

collections = Table(  # owner: people
    "collections",
    metadata,
    Column("id", Text, primary_key=True),  # 24 hexadecimal digits, the end of its slug
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("theme", Text, nullable=False),
    Column("position", Integer, nullable=False),  # among its owner's
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    UniqueConstraint("person", "title", name="one_collection_of_a_title"),
)

collected = Table(  # owner: people
    "collected",  # what is in collections
    metadata,
    Column("id", Text, primary_key=True),  # 24 hexadecimal digits
    Column("collection", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("paper", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("position", Integer, nullable=False),  # from 0, without gaps
    Column("added_at", Text, nullable=False),
    UniqueConstraint("collection", "paper", name="a_paper_once_a_collection"),
    Index("collected_of_a_paper", "paper"),
)

upvotes = Table(  # owner: people
    "upvotes",  # of collections
    metadata,
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("collection", ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Text, nullable=False),
    Index("upvotes_of_a_collection", "collection"),
)

saved_searches = Table(  # owner: people
    "saved_searches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False, default=""),
    Column("filters", Text, nullable=False, default="{}"),  # JSON: area, kind, year, verdict, works
    Column("feed", Integer, nullable=False),  # part of its feed's address; a new one revokes it
    Column("paused", Boolean, nullable=False, default=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("person", "name", name="one_search_of_a_name"),
    sqlite_autoincrement=True,
)

subscriptions = Table(  # owner: people
    "subscriptions",  # one digest a person
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("every", Text, nullable=False),  # day or week
    Column("weekday", Integer, nullable=False),  # 0 is Monday
    Column("hour", Integer, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("tell_nothing", Boolean, nullable=False, default=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("starts_at", Text, nullable=False),  # times before this are not made up for
    Column("address", Text),  # null until one is confirmed, and after unsubscribing
    Column("confirmed_at", Text),
    sqlite_autoincrement=True,
)

confirmations = Table(  # owner: people
    "confirmations",  # addresses that were asked whether they want mail
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("address", Text, nullable=False),
    Column("network", Text, nullable=False),  # keyed hash of who asked
    Column("token", Text, nullable=False, unique=True),  # hash of it
    Column("asked_at", Text, nullable=False),
    Column("used_at", Text),
    Index("confirmations_by_time", "asked_at"),
)

consents = Table(  # owner: people
    "consents",  # append only: who agreed to what, and who took it back
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("address", Text, nullable=False),
    Column("what", Text, nullable=False),  # given, withdrawn
    Column("said", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("consents_of_a_person", "person"),
)

suppressions = Table(  # owner: people
    "suppressions",  # addresses that no mail goes to: they bounced or complained
    metadata,
    Column("address", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
)

deliveries = Table(  # owner: mail
    "deliveries",  # a row is written before anything is sent
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subscription", Integer, nullable=False),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("period", Text, nullable=False),  # 2026-11-21 or 2026-W47
    Column("state", Text, nullable=False),  # see paperworks.mail.deliveries
    Column("attempt", Integer, nullable=False),
    Column("at", Text, nullable=False),  # of the last change of state
    Column("again_at", Text),  # of a retry
    Column("until", Text, nullable=False),  # news up to this time were looked at
    Column("papers", Integer, nullable=False, default=0),
    Column("reason", Text, nullable=False, default=""),
    UniqueConstraint("subscription", "period", name="one_digest_a_period"),
)

delivered = Table(  # owner: mail
    "delivered",  # each paper at most once a person, ever
    metadata,
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("delivery", Integer, nullable=False),
    Index("delivered_by_delivery", "delivery"),
)

leases = Table(  # owner: server
    "leases",  # what one process at a time does, of all that serve this store
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Text, nullable=False),  # and then anybody may take it
)
