"""The log of acts keeps every act once and in one order, whoever writes, and other tools can read it."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import LOG, ReviewLog
from catalogs.errors import UnreachableError
from catalogs.storage.stores import open_store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def verdict(act_id: str, designs: str, value: str = "pick", who: str = "ann") -> Act:
    """A verdict on designs."""
    return Act(act_id, who, NOON, What.VERDICT, tuple(designs.split()), value)


def listed(act_id: str, designs: str, who: str = "ann") -> Act:
    """Designs put on the shortlist 'Spring'."""
    return Act(act_id, who, NOON, What.LIST, tuple(designs.split()), shortlist="Spring")


def frame(where: str, table: str) -> pd.DataFrame:
    """A table as pandas reads it."""
    uri, options = open_store(where).delta_location(table)
    return DeltaTable(uri, storage_options=options).to_pandas()


class Contract:
    """The same on a folder and on S3."""

    def test_nothing_yet(self, where: str) -> None:
        """A catalog of which nothing was said has no log, and asking makes none."""
        reviews = ReviewLog(open_store(where))
        assert reviews.catch_up() == []
        assert list(open_store(where).list()) == []

    def test_read_back(self, where: str) -> None:
        """Another reader finds acts as they were filed, those without designs included."""
        acts = [
            verdict("a1", "d e"),
            Act("a2", "bob", NOON, What.OPEN, shortlist="Frühling / 'Spring'"),
            Act("a3", "bob", NOON, What.NOTE, ("e", "d"), 'größer, "bitte"\n;', "Spring"),
        ]
        ReviewLog(open_store(where)).file(acts)
        other = ReviewLog(open_store(where))
        assert len(other.catch_up()) == 3
        assert [(a.act_id, a.designs, a.value, a.shortlist, a.at) for a in other.opinions.acts.values()] == [
            (a.act_id, a.designs, a.value, a.shortlist, a.at) for a in acts
        ]

    def test_behind_others(self, where: str) -> None:
        """Two writers that do not know of each other file in one order, and both end with all of it."""
        one, other = ReviewLog(open_store(where)), ReviewLog(open_store(where))
        one.file([verdict("a1", "d")])
        assert [a.act_id for a in other.file([verdict("a2", "d", "reject", "bob")])] == ["a1", "a2"]
        assert other.opinions.seq == 2
        assert [a.act_id for a in one.file([verdict("a3", "e")])] == ["a2", "a3"]
        assert one.opinions.verdict("d") == "reject"

    def test_filed_once(self, where: str) -> None:
        """An act that is filed again, because its answer was lost, is there once."""
        ReviewLog(open_store(where)).file([verdict("a1", "d")])
        ReviewLog(open_store(where)).file([verdict("a1", "d"), verdict("a2", "e")])
        assert frame(where, "reviews")["act_id"].tolist() in (["a1", "a2"], ["a2", "a1"])

    def test_twice_in_one_batch(self, where: str) -> None:
        """An act that comes twice at once is filed once."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d"), verdict("a1", "d"), verdict("a2", "e")])
        assert sorted(frame(where, "reviews")["act_id"]) == ["a1", "a2"]

    def test_everything_is_heard_once(self, where: str) -> None:
        """Whoever listens hears every act once, in order: own ones, others', and those read while publishing."""
        heard: list[str] = []
        one = ReviewLog(open_store(where), lambda acts: heard.extend(act.act_id for act in acts))
        other = ReviewLog(open_store(where))
        one.file([verdict("a1", "d")])
        other.file([verdict("b1", "d", "reject", "bob")])
        one.publish_verdicts()
        other.file([verdict("b2", "e", "reject", "bob")])
        one.file([verdict("a2", "e")])
        assert heard == ["a1", "b1", "b2", "a2"]

    def test_acts_of_a_newer_version(self, where: str) -> None:
        """An act that this version does not know is passed over, and the others hold."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d")])
        uri, options = open_store(where).delta_location("reviews")
        row = {
            "seq": 2,
            "act_id": "n1",
            "who": "eve",
            "at": NOON,
            "what": "sing",
            "design_id": "d",
            "position": 0,
        }
        write_deltalake(uri, pa.Table.from_pylist([row], LOG), mode="append", storage_options=options)
        reviews.file([verdict("a2", "e")])
        other = ReviewLog(open_store(where))
        assert [act.act_id for act in other.catch_up()] == ["a1", "a2"]

    @pytest.mark.parametrize(
        "micros", [2**63 - 1, -(2**63) + 1, 253_402_300_800 * 10**6, -62_135_596_801 * 10**6]
    )
    def test_times_that_nobody_can_tell(
        self, where: str, micros: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An act at a time outside the years 1 to 9999 is passed over and named; the others hold."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d")])
        self.append(where, seq=2, at=micros)
        reviews.file([verdict("a2", "e")])
        other = ReviewLog(open_store(where))
        assert [act.act_id for act in other.catch_up()] == ["a1", "a2"]
        assert [line for line in caplog.messages if "number 2" in line and "years 1 and 9999" in line]

    @pytest.mark.parametrize("seq", [2**63 - 1, 2**62 + 1, -1, -(2**63), None])
    def test_numbers_that_leave_no_room(self, where: str, seq: int | None) -> None:
        """A number that nothing could come behind, or that is none, is passed over; acts are filed behind the others."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d")])
        self.append(where, seq=seq, at=0)
        assert [act.seq for act in ReviewLog(open_store(where)).file([verdict("a2", "e")])] == [1, 2]
        assert [act.act_id for act in ReviewLog(open_store(where)).catch_up()] == ["a1", "a2"]

    def append(self, where: str, *, seq: int | None, at: int) -> None:
        """A row as no version of this files it."""
        uri, options = open_store(where).delta_location("reviews")
        row = {
            "seq": seq,
            "act_id": "n1",
            "who": "eve",
            "at": at,
            "what": "verdict",
            "value": "pick",
            "design_id": "d",
        }
        content = pa.Table.from_pylist([row | {"position": 0, "shortlist": None}], LOG)
        write_deltalake(uri, content, mode="append", storage_options=options)

    @pytest.mark.parametrize(
        "damage",
        [{"what": "move", "value": "9" * 5000, "shortlist": "Spring"},
         {"what": "move", "value": "last", "shortlist": "Spring"},
         {"what": "stars", "value": "many"}, {"what": "stars", "value": None}, {"what": "verdict", "value": "maybe"},
         {"what": "list", "shortlist": None}, {"what": "verdict", "value": "pick", "at": None},
         {"what": "verdict", "value": "pick", "act_id": None}, {"what": None}],
    )  # fmt: skip
    def test_acts_that_cannot_count(
        self, where: str, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """An act that another program or version filed wrongly is passed over and named, and the others hold."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d"), listed("a2", "d e")])
        uri, options = open_store(where).delta_location("reviews")
        row = {"seq": 3, "act_id": "n1", "who": "eve", "at": NOON, "design_id": "e", "position": 0, **damage}
        write_deltalake(uri, pa.Table.from_pylist([row], LOG), mode="append", storage_options=options)
        reviews.file([verdict("a3", "e", "reject")])
        other = ReviewLog(open_store(where))
        other.catch_up()
        assert [line for line in caplog.messages if "number 3" in line and "passed over" in line]
        assert (other.opinions.verdict("d"), other.opinions.verdict("e")) == ("pick", "reject")
        shortlist = other.opinions.shortlist("Spring")
        assert shortlist is not None
        assert [entry.design_id for entry in shortlist.entries] == ["d", "e"]
        other.publish_verdicts()
        other.publish_shortlists()

    def test_places_of_earlier_versions(self, where: str) -> None:
        """A place beyond every list, as earlier versions took it, is the list's end: the log loads, and is published."""
        reviews = ReviewLog(open_store(where))
        move = Act("a2", "ann", NOON, What.MOVE, ("d",), "9" * 1999, "Spring")
        reviews.file([listed("a1", "d e"), move])
        reviews.publish_shortlists()
        other = ReviewLog(open_store(where))
        other.catch_up()
        shortlist = other.opinions.shortlist("Spring")
        assert shortlist is not None
        assert [entry.design_id for entry in shortlist.entries] == ["e", "d"]

    def test_published(self, where: str) -> None:
        """Verdicts and shortlists can be read as tables, and follow the log."""
        reviews = ReviewLog(open_store(where))
        reviews.file([verdict("a1", "d e"), verdict("a2", "e", "reject", "bob"), listed("a3", "e d")])
        reviews.file([Act("a4", "ann", NOON, What.STARS, ("d",), "5"), listed("a5", "f", "bob")])
        reviews.publish_verdicts()
        reviews.publish_shortlists()
        verdicts = frame(where, "verdicts").set_index("design_id")
        assert verdicts["verdict"].to_dict() == {"d": "pick", "e": "reject"}
        assert verdicts.loc["d", "stars"] == 5
        assert verdicts.loc["e", "verdict_by"] == "bob"
        shortlists = frame(where, "shortlists").sort_values("position")
        assert shortlists["design_id"].tolist() == ["e", "d", "f"]
        reviews.file([Act("a6", "bob", NOON, What.UNDO, (), "a5")])
        reviews.publish_shortlists()
        assert frame(where, "shortlists").sort_values("position")["design_id"].tolist() == ["e", "d"]

    def test_published_by_two(self, where: str) -> None:
        """Of two that publish in turn, the one that knew less does not undo what the other published."""
        one, other = ReviewLog(open_store(where)), ReviewLog(open_store(where))
        one.file([listed("a1", "d")])
        other.file([listed("a2", "e", "bob")])
        other.publish_shortlists()
        one.publish_shortlists()
        assert set(frame(where, "shortlists")["design_id"]) == {"d", "e"}

    def test_tidied(self, where: str) -> None:
        """Merging the log's files loses no act and no order."""
        reviews = ReviewLog(open_store(where))
        for number in range(5):
            reviews.file([verdict(f"a{number}", "d", ("pick", "reject")[number % 2])])
        merged, _ = reviews.tidy(timedelta(days=7))
        assert merged >= 5
        other = ReviewLog(open_store(where))
        other.catch_up()
        assert list(other.opinions.acts) == [f"a{number}" for number in range(5)]
        assert other.opinions.verdict("d") == "pick"


class TestFolder(Contract):
    """A folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """A folder that is not there yet."""
        return str(tmp_path / "designs")

    def test_processes(self, where: str) -> None:
        """Four processes that file at once lose no act, and number them without a gap."""
        with multiprocessing.get_context("spawn").Pool(4) as pool:
            pool.map(_file_some, [(where, number) for number in range(4)])
        found = frame(where, "reviews").sort_values("seq")
        assert found["seq"].tolist() == list(range(1, 41))
        assert sorted(found["act_id"]) == sorted(f"w{w}-{n}" for w in range(4) for n in range(10))

    def test_answer_lost(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A commit whose answer is lost, though it was done, is not done twice."""
        import catalogs.designs.reviews.review_log

        reviews, real, lost = (
            ReviewLog(open_store(where)),
            catalogs.designs.reviews.review_log.write_deltalake,
            [],
        )

        def once(*arguments: object, **options: object) -> None:
            real(*arguments, **options)
            if not lost:
                lost.append(1)
                raise OSError("Generic S3 error: error sending request")

        monkeypatch.setattr(catalogs.designs.reviews.review_log, "write_deltalake", once)
        reviews.file([verdict("a1", "d")])
        assert frame(where, "reviews")["act_id"].tolist() == ["a1"]

    def test_nothing_filed_by_a_dead_store(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the store does not answer, filing says so, and the acts do not count as filed."""
        import catalogs.designs.reviews.review_log
        import catalogs.storage.delta_tables

        def dead(*_arguments: object, **_options: object) -> None:
            raise OSError("Generic S3 error: error sending request")

        monkeypatch.setattr(catalogs.designs.reviews.review_log, "write_deltalake", dead)
        monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
        reviews = ReviewLog(open_store(where))
        with pytest.raises(UnreachableError, match="reviews"):
            reviews.file([verdict("a1", "d")])
        assert reviews.opinions.verdict("d") == ""


class TestS3(Contract):
    """A real S3 server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A fresh bucket."""
        return f"s3://{s3}/designs"


def _file_some(work: tuple[str, int]) -> None:
    where, writer = work
    reviews = ReviewLog(open_store(where))
    for number in range(10):
        reviews.file([verdict(f"w{writer}-{number}", "d")])
