"""What every route of a server needs: the state, the pictures, the sessions, and the mill if there is one."""

from dataclasses import dataclass

from catalogs.browser.auth.sessions import Sessions
from catalogs.browser.orders import Mill
from catalogs.browser.runs import Runs
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures


@dataclass(frozen=True)
class BrowserContext:
    """What the pages of a server are about; `name` is how people know the catalog.

    `mill` makes more designs; None where the server was started without catalogs to make them from. `runs` lists
    the newest runs of the catalog.
    """

    state: ReviewState
    pictures: Pictures
    sessions: Sessions
    name: str
    mill: Mill | None = None
    runs: Runs = tuple
