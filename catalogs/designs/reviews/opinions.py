"""What a log of acts amounts to: verdicts, stars and shortlists as they are now. Pure: no store, no clock.

The last act that is not undone decides. So undoing an act leaves later acts of other people as they are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalogs.designs.reviews.review_events import ON_SHORTLISTS, Act, Verdict, What


@dataclass(frozen=True)
class Entry:
    """A design on a shortlist."""

    design_id: str
    added_by: str
    added_at: datetime
    note: str = ""


@dataclass(frozen=True)
class Shortlist:
    """A named, ordered choice of designs, as it is now."""

    name: str
    opened_by: str
    opened_at: datetime
    entries: tuple[Entry, ...] = ()


@dataclass
class Opinions:
    """What a log of acts amounts to. Give it every act once, in the log's order."""

    seq: int = 0
    acts: dict[str, Act] = field(default_factory=dict)
    _roots: dict[str, str] = field(default_factory=dict)
    """For every undoing the act that it reverts in the end, through other undoings."""
    _undoings: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    """For every act that was ever undone its undoings, and the undoings of these, in the log's order."""
    _undone: dict[str, frozenset[str]] = field(default_factory=dict)
    """For every act that was ever undone: which of it and its undoings do not hold. The next undoing drops the entry."""
    _said: dict[What, dict[str, list[Act]]] = field(
        default_factory=lambda: {What.VERDICT: defaultdict(list), What.STARS: defaultdict(list)}
    )
    _listed: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    """For every design the acts that changed its place or note on shortlists."""
    _on_lists: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    _folded: dict[str, Shortlist | None] = field(default_factory=dict)
    """Shortlists as they are, until an act about them is undone."""

    def take(self, act: Act) -> tuple[str, ...]:
        """Take the next act; returns the designs whose verdict or stars it may have changed."""
        self.seq = act.seq
        if act.act_id in self.acts:
            return ()
        self.acts[act.act_id] = act
        if act.what is What.UNDO:
            return self._undo(act)
        if act.what in ON_SHORTLISTS:
            self._take_on_list(act)
            return ()
        for design_id in act.designs:
            self._said[act.what][design_id].append(act)
        return act.designs

    def _take_on_list(self, act: Act) -> None:
        self._on_lists[act.shortlist].append(act)
        for design_id in act.designs:
            self._listed[design_id].append(act)
        if act.shortlist in self._folded and self.holds(act.act_id):
            self._folded[act.shortlist] = _changed(self._folded[act.shortlist], act)

    def _undo(self, act: Act) -> tuple[str, ...]:
        """Note an undoing; returns the designs whose verdict or stars it may have changed."""
        root = self._roots[act.act_id] = self._roots.get(act.value, act.value)
        self._undoings[root].append(act)
        self._undone.pop(root, None)
        undone = self.undone_by(act)
        if undone and undone.what in ON_SHORTLISTS:
            self._folded.pop(undone.shortlist, None)
        return undone.designs if undone and undone.what in self._said else ()

    def undone_by(self, act: Act) -> Act | None:
        """The act that an undoing reverts in the end, through other undoings; None where the log does not have it.

        For any other act it is the act itself.
        """
        if act.what is not What.UNDO:
            return act
        reverted = self.acts.get(self._roots.get(act.act_id, act.value))
        return reverted if reverted and reverted.what is not What.UNDO else None

    def history(self, design_id: str) -> list[Act]:
        """Acts about a design, the last first: those that were undone, and the undoings, included."""
        every = (self._said[What.VERDICT], self._said[What.STARS], self._listed)
        about = {act.act_id: act for acts in every for act in acts.get(design_id, ())}
        undoings = [undoing for act_id in about for undoing in self._undoings.get(act_id, ())]
        return sorted((*about.values(), *undoings), key=lambda act: act.seq, reverse=True)

    def holds(self, act_id: str) -> bool:
        """Whether an act was filed and is not undone. Two people who undo one act at once undo it once."""
        root = self._roots.get(act_id, act_id)
        if root not in self._undone:
            if root not in self._undoings:
                return act_id in self.acts
            self._undone[root] = _not_holding(self._undoings[root])
        return act_id in self.acts and act_id not in self._undone[root]

    def deciding_act(self, what: What, design_id: str) -> Act | None:
        """The act that decides a design's verdict or stars (`what`); None where there is none."""
        acts = self._said[what].get(design_id, [])
        return next((act for act in reversed(acts) if self.holds(act.act_id)), None)

    def verdict(self, design_id: str) -> str:
        """A design's verdict: "", "pick" or "reject"."""
        act = self.deciding_act(What.VERDICT, design_id)
        return act.value if act else Verdict.UNREVIEWED

    def stars(self, design_id: str) -> int:
        """A design's stars; 0 where nobody gave any."""
        act = self.deciding_act(What.STARS, design_id)
        return int(act.value) if act else 0

    def reviewed(self) -> Iterator[str]:
        """Designs about which there was ever a verdict or stars."""
        yield from dict.fromkeys([*self._said[What.VERDICT], *self._said[What.STARS]])

    def shortlists(self) -> list[Shortlist]:
        """The open shortlists, the one that was begun last first."""
        shortlists = [folded for name in self._on_lists if (folded := self.shortlist(name))]
        return sorted(shortlists, key=lambda shortlist: shortlist.opened_at, reverse=True)

    def shortlist(self, name: str) -> Shortlist | None:
        """The open shortlist of a name; None where there is none, or it is closed."""
        if name not in self._on_lists:
            # Not remembered: requests for unknown names would fill the memory.
            return None
        if name not in self._folded:
            self._folded[name] = self._fold(self._on_lists[name])
        return self._folded[name]

    def last_of(self, who: str) -> Act | None:
        """The last act of a person that can still be undone: it holds, and is not an undoing."""
        acts = (act for act in reversed(self.acts.values()) if act.who == who and act.what is not What.UNDO)
        return next((act for act in acts if self.holds(act.act_id)), None)

    def _fold(self, acts: Iterable[Act]) -> Shortlist | None:
        current: Shortlist | None = None
        for act in acts:
            if self.holds(act.act_id):
                current = _changed(current, act)
        return current


def _not_holding(undoings: list[Act]) -> frozenset[str]:
    """Ids of acts that do not hold, undoings included. An undoing comes after the act that it reverts."""
    undone: set[str] = set()
    for undoing in reversed(undoings):
        if undoing.act_id not in undone:
            undone.add(undoing.value)
    return frozenset(undone)


def _changed(shortlist: Shortlist | None, act: Act) -> Shortlist | None:
    """A shortlist after an act; the first act begins it, and closing leaves None."""
    if act.what is What.CLOSE:
        return None
    now = shortlist or Shortlist(act.shortlist, act.who, act.at)
    entries = {entry.design_id: entry for entry in now.entries}
    chosen = [design_id for design_id in act.designs if design_id in entries]
    if act.what is What.LIST:
        new = dict.fromkeys(d for d in act.designs if d not in entries)
        entries |= {design_id: Entry(design_id, act.who, act.at) for design_id in new}
    elif act.what is What.UNLIST:
        for design_id in chosen:
            entries.pop(design_id, None)
    elif act.what is What.MOVE and chosen:
        entries = _moved(entries, chosen[0], act.value)
    elif act.what is What.NOTE:
        entries |= {design_id: replace(entries[design_id], note=act.value) for design_id in chosen}
    return replace(now, entries=tuple(entries.values()))


def _moved(entries: dict[str, Entry], chosen: str, place: str) -> dict[str, Entry]:
    """Entries with one design moved to a place, from 1; to the end where there are fewer entries."""
    order = [design_id for design_id in entries if design_id != chosen]
    order.insert(min(int(place) - 1, len(order)), chosen)
    return {design_id: entries[design_id] for design_id in order}
