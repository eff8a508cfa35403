"""Many may speak at once, and what the board shows is what the log says."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from cachetools import LRUCache

from catalogs.browser.responses import design_cells
from catalogs.browser.search.query import Query
from catalogs.browser.state import review_writer
from catalogs.browser.state.review_state import ReviewState
from catalogs.designs import provenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import ActError, QueryError, UnreachableError
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import NOON, design, say, shop


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Twelve designs."""
    shop(tmp_path)
    return tmp_path


@pytest.fixture
def board(where: Path) -> Iterator[ReviewState]:
    """A board over them."""
    found = ReviewState(DesignCatalog(open_store(str(where))))
    yield found
    found.close()


def verdict(act_id: str, designs: list[str], value: str = "pick", who: str = "ann") -> Act:
    """A verdict."""
    return Act(act_id, who, NOON, What.VERDICT, tuple(designs), value)


UNREVIEWED = Query({"verdict": ("unreviewed",)})


def test_said_and_shown(board: ReviewState) -> None:
    """An act is in the log when its result is there, and counts at once."""
    ids = board.index.ids
    filed = say(board, verdict("a1", ids[:2]))
    assert filed.seq == 1
    assert len(board.find(UNREVIEWED).ids) == 10
    assert board.ratings(ids[:3]) == [("pick", 0), ("pick", 0), ("", 0)]
    other = ReviewLog(board.catalog.store)
    assert [act.act_id for act in other.catch_up()] == ["a1"]


def test_pages_do_not_shift(board: ReviewState) -> None:
    """A result stays as it was found, whatever is said of its designs; asking again finds what holds."""
    kept = board.find(UNREVIEWED)
    say(board, verdict("a1", board.index.ids[:5]))
    again = board.result(kept.token)
    assert again is not None
    assert len(again.ids) == 12
    assert len(board.find(UNREVIEWED).ids) == 7


def test_results_end(board: ReviewState) -> None:
    """The result that was asked for longest ago goes first."""
    board._results._results = LRUCache(2)
    first, second = board.find(Query()).token, board.find(Query()).token
    board.result(first)
    board.find(Query())
    assert board.result(first) is not None
    assert board.result(second) is None


def test_all_at_once(board: ReviewState) -> None:
    """Two who rate the same designs at once lose no verdict, and the log has every act once, in one order."""
    ids = board.index.ids

    def rate(who: str) -> None:
        for n, one in enumerate(ids * 3):
            say(board, verdict(f"{who}-{n}", [one], ("pick", "reject")[n % 2], who))

    hands = [threading.Thread(target=rate, args=(who,)) for who in ("ann", "bob")]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    reviews = ReviewLog(board.catalog.store)
    acts = reviews.catch_up()
    assert sorted(act.act_id for act in acts) == sorted(f"{w}-{n}" for w in ("ann", "bob") for n in range(36))
    assert [act.seq for act in acts] == list(range(1, 73))
    assert board.ratings(ids) == [(reviews.opinions.verdict(one), 0) for one in ids]


def test_two_servers(where: Path, board: ReviewState) -> None:
    """What is said at another server is there with the next own act, and its tables hold both."""
    other = ReviewState(DesignCatalog(open_store(str(where))))
    ids = board.index.ids
    say(other, verdict("b1", [ids[0]], "reject", "bob"))
    say(board, verdict("a1", [ids[1]]))
    assert board.ratings(ids[:2]) == [("reject", 0), ("pick", 0)]
    other.close()


def test_heard_while_publishing(where: Path, board: ReviewState) -> None:
    """What another server's people said is shown here, also where it was first read for publishing."""
    other = ReviewState(DesignCatalog(open_store(str(where))))
    ids = board.index.ids
    say(other, verdict("b1", [ids[0]], "reject", "bob"))
    board._reviews.publish_verdicts()
    assert board.ratings([ids[0]]) == [("reject", 0)]
    # The same act again, as after a lost answer: it is answered, and the writer lives.
    assert say(board, verdict("b1", [ids[0]], "reject", "bob")).act_id == "b1"
    other.close()


def test_shortlists_are_published_when_they_change(
    board: ReviewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts do not write the table of shortlists."""
    monkeypatch.setitem(review_writer.PUBLISH_SECONDS, "shortlists", 0.0)
    for number, one in enumerate(board.index.ids[:3]):
        say(board, verdict(f"a{number}", [one]))
    time.sleep(2.5)
    assert not list(board.catalog.store.list("shortlists/"))
    say(board, Act("l", "ann", NOON, What.LIST, (board.index.ids[0],), shortlist="Spring"))
    deadline = time.monotonic() + 20
    while not list(board.catalog.store.list("shortlists/_delta_log/")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_writer_survives(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong beside filing, the writer files on."""

    def fail(*_arguments: object) -> None:
        raise ValueError("a row that nobody can read")

    monkeypatch.setattr(review_writer, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(board._writer, "_refresh", fail)
    time.sleep(2.5)
    assert say(board, verdict("a1", [board.index.ids[0]])).seq == 1


def test_one_bad_act_fails_alone(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of acts that are filed together, one that cannot be filed fails for itself."""
    real = board._reviews.file

    def file(acts: Sequence[Act]) -> list[Act]:
        if any(act.act_id == "bad" for act in acts):
            raise ValueError("cannot be encoded")
        return real(acts)

    monkeypatch.setattr(board._reviews, "file", file)
    ids = board.index.ids
    good, bad = Future[Act](), Future[Act]()
    board._writer._file([(verdict("good", [ids[0]]), good), (verdict("bad", [ids[1]]), bad)])
    assert good.result(1).act_id == "good"
    with pytest.raises(ValueError, match="encoded"):
        bad.result(1)


def test_taken_out_meanwhile(where: Path, board: ReviewState) -> None:
    """A result that was found before designs went turns its pages: they are said to be gone, none is another's."""
    kept = board.find(Query(sort="old"))
    rows = DesignCatalog(open_store(str(where))).read(["design_id", "image_sha256"]).to_pylist()
    gone = next(row for row in rows if row["design_id"] == kept.ids[2])
    DesignCatalog(open_store(str(where))).remove([(gone["design_id"], gone["image_sha256"])])
    board.refresh()
    shown = design_cells(board, kept.ids)
    assert [one["id"] for one in shown] == list(kept.ids)
    assert shown[2]["garment"] == "no longer in the catalog"
    assert shown[3]["version"] == provenance.version(board.index.record(board.index.row[kept.ids[3]]))


def test_anybodys_table(where: Path) -> None:
    """Colours and hashes that are none are passed over; the others are found."""
    catalog = DesignCatalog(open_store(str(where)))
    catalog.file([design(where, 50, "tee", "ikat", colors=("red", "#336699"), phash="zz")])
    board = ReviewState(catalog)
    assert len(board.find(Query(swatch="#336699", within=1.0)).ids) == 1
    assert len(board.find(Query(stacked=True)).ids) == 13
    board.close()


def test_new_designs(where: Path, board: ReviewState) -> None:
    """Designs that a run files meanwhile are there at the next look, and verdicts stay with theirs."""
    ids = board.index.ids
    say(board, verdict("a1", [ids[0]]))
    DesignCatalog(open_store(str(where))).file([design(where, 99, "tee", "ikat")])
    board.refresh()
    assert len(board.index) == 13
    assert len(board.find(UNREVIEWED).ids) == 12
    assert board.ratings([ids[0]]) == [("pick", 0)]


def test_tables_follow(where: Path) -> None:
    """Closing the board brings verdicts and shortlists to their tables."""
    board = ReviewState(DesignCatalog(open_store(str(where))))
    ids = board.index.ids
    say(board, verdict("a1", ids[:2]))
    say(board, Act("a2", "ann", NOON, What.LIST, (ids[3],), shortlist="Spring"))
    board.close()
    from deltalake import DeltaTable

    tables = {name: DeltaTable(str(where / name)).to_pandas() for name in ("verdicts", "shortlists")}
    assert set(tables["verdicts"]["design_id"]) == set(ids[:2])
    assert tables["shortlists"]["design_id"].tolist() == [ids[3]]


def test_refused(board: ReviewState) -> None:
    """An act of a design that is not there, and an undoing of nothing, are refused and not filed."""
    with pytest.raises(ActError, match="no design 'nobody'"):
        say(board, verdict("a1", ["nobody"]))
    with pytest.raises(ActError, match="nothing to undo"):
        say(board, Act("a2", "ann", NOON, What.UNDO, (), "a1"))
    with pytest.raises(QueryError, match="no shortlist 'Spring'"):
        board.find(Query(shortlist="Spring"))
    assert ReviewLog(board.catalog.store).catch_up() == []


def test_store_that_fails(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log cannot be written, who spoke hears it, and nothing is shown as said."""

    def fail(_acts: object) -> None:
        raise UnreachableError("s3://looks/reviews: no answer")

    with monkeypatch.context() as patch:
        patch.setattr(board._reviews, "file", fail)
        with pytest.raises(UnreachableError):
            say(board, verdict("a1", [board.index.ids[0]]))
    assert board.ratings([board.index.ids[0]]) == [("", 0)]
    assert say(board, verdict("a2", [board.index.ids[0]])).seq == 1


def test_history(board: ReviewState) -> None:
    """A design's history has what was undone, and the undoing."""
    one = board.index.ids[0]
    say(board, verdict("a1", [one]))
    say(board, Act("a2", "bob", NOON, What.UNDO, (), "a1"))
    assert [(act.who, act.what) for act in board.history(one)] == [("bob", What.UNDO), ("ann", What.VERDICT)]
    assert board.history(board.index.ids[1]) == []


class Stall:
    """A log that does not answer until it is let go."""

    def __init__(self, board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on."""
        self.reached, self.go = threading.Event(), threading.Event()
        real = board._reviews.file

        def file(acts: Sequence[Act]) -> list[Act]:
            self.reached.set()
            assert self.go.wait(30)
            return real(acts)

        monkeypatch.setattr(board._reviews, "file", file)


def test_stalled_log(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives up on a log that stalls, their act being filed or waiting, ends nothing: all else is filed."""
    ids = board.index.ids
    stall = Stall(board, monkeypatch)
    in_work = board.submit(verdict("a1", [ids[0]]))
    assert stall.reached.wait(10)
    waits, called_off = board.submit(verdict("a2", [ids[1]])), board.submit(verdict("a3", [ids[2]]))
    assert not in_work.cancel(), "what is being filed cannot be called off"
    assert called_off.cancel()
    stall.go.set()
    assert (in_work.result(10).seq, waits.result(10).seq) == (1, 2)
    assert say(board, verdict("a4", [ids[3]])).seq == 3
    assert [act.act_id for act in ReviewLog(board.catalog.store).catch_up()] == ["a1", "a2", "a4"]


class Panic(BaseException):
    """What Rust raises where it panics: no Exception."""


def test_writer_survives_a_panic(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of the Delta library is told to whoever waits, and the next act is filed."""

    def fail(_acts: object) -> None:
        raise Panic

    with monkeypatch.context() as patch:
        patch.setattr(board._reviews, "file", fail)
        with pytest.raises(Panic):
            say(board, verdict("a1", [board.index.ids[0]]))
    assert say(board, verdict("a2", [board.index.ids[0]])).seq == 1
