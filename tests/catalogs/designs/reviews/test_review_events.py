"""What a log of acts amounts to."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from catalogs.designs.reviews.opinions import Opinions
from catalogs.designs.reviews.review_events import Act, What, check_act, require_foldable
from catalogs.errors import ActError, InvalidKeyError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def opinions(*acts: tuple[str, What, str, str]) -> Opinions:
    """Of acts `(who, what, designs, value)`, whose ids are a1, a2, ...; those on shortlists are about 'Spring'."""
    found = Opinions()
    for n, (who, what, designs, value) in enumerate(acts, 1):
        on_list = what in (What.LIST, What.UNLIST, What.MOVE, What.NOTE, What.OPEN, What.CLOSE)
        when = NOON + timedelta(seconds=n)
        name = "Spring" if on_list else ""
        found.take(Act(f"a{n}", who, when, what, tuple(designs.split()), value, name, n))
    return found


def entries(found: Opinions) -> list[str]:
    """Designs of the shortlist 'Spring'."""
    shortlist = found.shortlist("Spring")
    assert shortlist is not None
    return [entry.design_id for entry in shortlist.entries]


class TestVerdicts:
    """Verdicts and stars."""

    def test_nothing_said(self) -> None:
        """A design of which nothing was said is unreviewed and has no stars."""
        assert (Opinions().verdict("d"), Opinions().stars("d")) == ("", 0)

    def test_last_word_holds(self) -> None:
        """The last verdict holds, and stars are another matter."""
        found = opinions(
            ("ann", What.VERDICT, "d e", "pick"),
            ("bob", What.VERDICT, "d", "reject"),
            ("ann", What.STARS, "d", "4"),
        )
        assert (found.verdict("d"), found.stars("d"), found.verdict("e")) == ("reject", 4, "pick")

    def test_undone(self) -> None:
        """Undoing an act of many designs brings each back to what was said of it before."""
        found = opinions(
            ("ann", What.VERDICT, "d", "pick"),
            ("ann", What.VERDICT, "d e", "reject"),
            ("ann", What.UNDO, "", "a2"),
        )
        assert (found.verdict("d"), found.verdict("e")) == ("pick", "")

    def test_undoing_leaves_what_others_said_since(self) -> None:
        """Who undoes an act does not undo what another said of the design after it."""
        found = opinions(
            ("ann", What.VERDICT, "d", "pick"),
            ("bob", What.VERDICT, "d", "reject"),
            ("ann", What.UNDO, "", "a1"),
        )
        assert found.verdict("d") == "reject"

    def test_undone_twice(self) -> None:
        """Two who undo one act at once undo it once; undoing one of the two changes nothing."""
        acts = [
            ("ann", What.VERDICT, "d", "pick"),
            ("ann", What.UNDO, "", "a1"),
            ("bob", What.UNDO, "", "a1"),
        ]
        assert opinions(*acts).verdict("d") == ""
        assert opinions(*acts, ("ann", What.UNDO, "", "a2")).verdict("d") == ""

    def test_done_again(self) -> None:
        """An undoing that is undone leaves the act as it was."""
        found = opinions(
            ("ann", What.VERDICT, "d", "pick"), ("ann", What.UNDO, "", "a1"), ("ann", What.UNDO, "", "a2")
        )
        assert found.verdict("d") == "pick"

    def test_long_chain_of_undoings(self) -> None:
        """Undoings of undoings, however many, only turn what holds."""
        chain = [("ann", What.UNDO, "", f"a{n}") for n in range(1, 3000)]
        assert opinions(("ann", What.VERDICT, "d", "pick"), *chain).verdict("d") == ""
        assert opinions(("ann", What.VERDICT, "d", "pick"), *chain[:-1]).verdict("d") == "pick"

    def test_chains_cost_what_they_are_long(self) -> None:
        """A chain of undoings loads, and is told as a history, in time that grows as its length."""
        chain = [("ann", What.UNDO, "", f"a{n}") for n in range(1, 20_000)]
        began = time.process_time()
        found = opinions(("ann", What.VERDICT, "d", "pick"), *chain)
        assert found.verdict("d") == ""
        assert [act.seq for act in found.history("d")] == list(range(20_000, 0, -1))
        # Quadratic, this was above a minute; now it is 0.1 s.
        assert time.process_time() - began < 5

    def test_undoing_of_itself(self) -> None:
        """A log in which acts undo themselves or each other, which no page can file, is read to its end."""
        found = opinions(
            ("ann", What.VERDICT, "d", "pick"), ("eve", What.UNDO, "", "a2"), ("eve", What.UNDO, "", "a4"),
            ("eve", What.UNDO, "", "a3"), ("ann", What.STARS, "d", "3"),
        )  # fmt: skip
        assert (found.verdict("d"), found.stars("d")) == ("pick", 3)

    def test_history(self) -> None:
        """A design's history has its verdicts, stars, places on shortlists and their undoings, and nobody else's."""
        found = opinions(
            ("ann", What.VERDICT, "d e", "pick"), ("ann", What.LIST, "d", ""), ("bob", What.STARS, "e", "2"),
            ("bob", What.UNDO, "", "a1"), ("ann", What.UNDO, "", "a4"), ("ann", What.UNDO, "", "a2"),
            ("ann", What.OPEN, "", ""),
        )  # fmt: skip
        assert [act.act_id for act in found.history("d")] == ["a6", "a5", "a4", "a2", "a1"]
        assert [act.act_id for act in found.history("e")] == ["a5", "a4", "a3", "a1"]
        assert found.history("f") == []

    def test_changed_designs_are_told(self) -> None:
        """Taking an act tells the designs it changed, an undoing those of the act that it undoes."""
        found = Opinions()
        act = Act("a1", "ann", NOON, What.VERDICT, ("d", "e"), "pick", seq=1)
        assert found.take(act) == ("d", "e")
        assert found.take(act) == (), "a second time"
        assert found.take(Act("a2", "ann", NOON, What.UNDO, (), "a1", seq=2)) == ("d", "e")
        assert found.take(Act("a3", "ann", NOON, What.UNDO, (), "a2", seq=3)) == ("d", "e")

    def test_own_last_act(self) -> None:
        """What a person would undo next is their own last act that holds."""
        found = opinions(
            ("ann", What.VERDICT, "d", "pick"),
            ("ann", What.STARS, "d", "2"),
            ("bob", What.STARS, "d", "3"),
            ("ann", What.UNDO, "", "a2"),
        )
        last = found.last_of("ann")
        assert last is not None
        assert last.act_id == "a1"
        assert found.last_of("eve") is None


class TestShortlists:
    """Named, ordered choices."""

    def test_added_in_order_once(self) -> None:
        """Designs come behind those that are there, each once."""
        found = opinions(("ann", What.LIST, "d e", ""), ("bob", What.LIST, "f d", ""))
        assert entries(found) == ["d", "e", "f"]
        shortlist = found.shortlist("Spring")
        assert shortlist is not None
        assert [entry.added_by for entry in shortlist.entries] == ["ann", "ann", "bob"]

    @pytest.mark.parametrize(
        ("place", "order"),
        [("1", "fde"), ("2", "dfe"), ("3", "def"), ("99", "def"), ("9" * 6, "def"), ("9" * 20, "def"),
         ("9" * 1999, "def")],
    )  # fmt: skip
    def test_moved(self, place: str, order: str) -> None:
        """A design goes to its place, or to the end where there are fewer; the others keep their order."""
        found = opinions(("ann", What.LIST, "d e f", ""), ("bob", What.MOVE, "f", place))
        assert entries(found) == list(order)

    def test_moved_while_another_takes_it_off(self) -> None:
        """Moving what is no longer on the list puts nothing on it."""
        found = opinions(
            ("ann", What.LIST, "d e", ""), ("bob", What.UNLIST, "d", ""), ("ann", What.MOVE, "d", "2")
        )
        assert entries(found) == ["e"]

    def test_undone_move(self) -> None:
        """A move that is undone leaves the order as it was."""
        found = opinions(("ann", What.LIST, "d e", ""), ("ann", What.MOVE, "e", "1"))
        assert entries(found) == ["e", "d"]
        found.take(Act("u", "ann", NOON, What.UNDO, (), "a2", seq=3))
        assert entries(found) == ["d", "e"]

    def test_taken_off_and_noted(self) -> None:
        """A note stays with its design; a design that is taken off loses it."""
        found = opinions(
            ("ann", What.LIST, "d e", ""),
            ("bob", What.NOTE, "e", "larger print"),
            ("ann", What.UNLIST, "d", ""),
        )
        shortlist = found.shortlist("Spring")
        assert shortlist is not None
        assert [(entry.design_id, entry.note) for entry in shortlist.entries] == [("e", "larger print")]

    def test_closed_and_back(self) -> None:
        """A closed shortlist is not shown, and undoing that brings it back as it was."""
        acts = [("ann", What.LIST, "d e", ""), ("ann", What.CLOSE, "", "")]
        assert opinions(*acts).shortlists() == []
        assert entries(opinions(*acts, ("ann", What.UNDO, "", "a2"))) == ["d", "e"]

    @pytest.mark.parametrize("asked", [False, True])
    def test_folded_step_by_step(self, asked: bool) -> None:
        """A shortlist is the same whether it is looked at after every act or once at the end."""
        acts = [
            ("ann", What.LIST, "d e f", ""), ("bob", What.MOVE, "f", "1"), ("ann", What.NOTE, "d e", "red"),
            ("ann", What.CLOSE, "", ""), ("ann", What.LIST, "g", ""), ("ann", What.UNDO, "", "a4"),
            ("bob", What.UNLIST, "e", ""), ("ann", What.LIST, "e h", ""), ("ann", What.MOVE, "g", "2"),
        ]  # fmt: skip
        found = Opinions()
        for n, (who, what, designs, value) in enumerate(acts, 1):
            name = "" if what is What.UNDO else "Spring"
            found.take(Act(f"a{n}", who, NOON, what, tuple(designs.split()), value, name, n))
            if asked:
                found.shortlist("Spring")
        assert entries(found) == ["f", "g", "d", "e", "h"]
        shortlist = found.shortlist("Spring")
        assert shortlist is not None
        assert [entry.note for entry in shortlist.entries] == ["", "", "red", "", ""]

    def test_names_that_are_none_are_not_remembered(self) -> None:
        """Asking for shortlists that are not there keeps nothing, however many are asked for."""
        found = opinions(("ann", What.LIST, "d", ""))
        for number in range(1000):
            assert found.shortlist(f"no such list {number}") is None
        assert len(found._folded) <= 1
        assert len(found._on_lists) == 1

    def test_begun_empty(self) -> None:
        """A shortlist can be opened before anything is on it."""
        assert entries(opinions(("ann", What.OPEN, "", ""))) == []


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (Act("a", "ann", NOON, What.VERDICT, ("d",), "maybe"), ActError, "no verdict"),
        (Act("a", "ann", NOON, What.STARS, ("d",), "6"), ActError, "0 to 5"),
        (Act("a", "ann", NOON, What.VERDICT, (), "pick"), ActError, "no design"),
        (Act("a", "ann", NOON, What.MOVE, ("d",), "0", "Spring"), ActError, "number from 1"),
        (Act("a", "ann", NOON, What.MOVE, ("d", "e"), "1", "Spring"), ActError, "one design"),
        *(
            (Act("a", "ann", NOON, What.MOVE, ("d",), place, "Spring"), ActError, "1 to 999999")
            for place in (
                "1000000",
                "9" * 1999,
                "9" * 5000,
                "-1",
                "01",
                "1.0",
                " 1",
                "\u0663",
                "\u00b2",
                "1_0",
                "",
            )
        ),
        (Act("a", "ann", NOON, What.LIST, ("d",)), ActError, "name of a shortlist"),
        (Act("a", "ann", NOON, What.VERDICT, ("d",), "pick", "Spring"), ActError, "takes no name"),
        (Act("a", "ann", NOON, What.NOTE, ("d",), "n" * 2001, "Spring"), ActError, "2001 letters"),
        (Act("a", "ann", NOON, What.VERDICT, ("../../etc",), "pick"), InvalidKeyError, "cannot be an id"),
        (Act("a' OR 1=1", "ann", NOON, What.VERDICT, ("d",), "pick"), InvalidKeyError, "cannot be an id"),
    ],
)
def test_refused(act: Act, error: type[Exception], message: str) -> None:
    """An act that means nothing, or bears what is no id, is refused with what is wrong."""
    with pytest.raises(error, match=message):
        check_act(act)


@pytest.mark.parametrize(
    ("what", "value", "designs", "name"),
    [(What.VERDICT, "maybe", ("d",), ""), (What.STARS, "many", ("d",), ""), (What.STARS, "6", ("d",), ""),
     (What.MOVE, "first", ("d",), "Spring"), (What.MOVE, "0", ("d",), "Spring"),
     (What.MOVE, "9" * 5000, ("d",), "Spring"),
     (What.MOVE, "1", (), "Spring"), (What.LIST, "", ("d",), "")],
)  # fmt: skip
def test_not_foldable(what: What, value: str, designs: tuple[str, ...], name: str) -> None:
    """An act of a log that would end a page's making is named as that."""
    with pytest.raises(ActError, match=f"'{what}'"):
        require_foldable(Act("a", "ann", NOON, what, designs, value, name))


def test_once_each() -> None:
    """A design that is named twice is meant once."""
    assert check_act(Act("a", "ann", NOON, What.VERDICT, ("d", "e", "d"), "pick")).designs == ("d", "e")


def test_cleaned() -> None:
    """Control characters do not enter the log."""
    act = check_act(
        Act("a", " ann\x00\x85 ", NOON, What.NOTE, ("d",), " a\x1b[2Jb\uffff\x7f ", "Spring\x07\ud800\ufffe")
    )
    assert (act.who, act.value, act.shortlist) == ("ann", "a[2Jb", "Spring")
