"""What the server answers, and what it refuses."""

import io
import json
import re
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from catalogs.browser import app as browser_app
from catalogs.browser import responses, thumbnails
from catalogs.browser.app import create_app
from catalogs.browser.auth import origins, request_guard, sessions
from catalogs.browser.auth.sessions import Sessions
from catalogs.browser.context import BrowserContext
from catalogs.browser.orders import Estimate, Order, Repetition
from catalogs.browser.routes import act_routes, result_routes
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs import marked_pictures
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import QueryError
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.state.test_review_state import Stall
from tests.conftest import ROOT, write_catalog

TOKEN = "a-token-of-some-length"


class Mill:
    """A mill that notes what it is asked for."""

    can_start = True

    def __init__(self) -> None:
        """Nothing yet."""
        self.started: list[Order] = []

    def recipes(self) -> list[str]:
        """Two."""
        return ["house", "draft"]

    def plan(self, order: Order) -> Estimate:
        """Something, or nothing by a recipe that is not there."""
        if order.recipe == "none":
            raise QueryError("There is no recipe 'none'.")
        return Estimate(3, 1, 12.0, ("A remark.",))

    def command(self, order: Order) -> str:
        """As the command line."""
        return f"stylemill run --recipe {order.recipe}"

    def repetition(self, order: Order, recipe_json: str) -> Repetition:
        """By a file, but for designs without a record of their recipe."""
        if not recipe_json:
            raise QueryError("The record cannot be read.")
        return Repetition(self.command(order), "loud.toml", f"# {recipe_json}")

    def start(self, order: Order) -> str:
        """Note it."""
        self.started.append(order)
        return "nightly-1"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A design catalog."""
    shop(tmp_path / "designs")
    return tmp_path / "designs"


def serve(where: Path, token: str | None = None, mill: Mill | None = None) -> Iterator[TestClient]:
    """A client of a server over a catalog."""
    store = open_store(str(where))
    state = ReviewState(DesignCatalog(store))
    place = BrowserContext(state, Pictures(store, None, None), Sessions(token, "ann"), "a catalog", mill)
    app = create_app(place, names=request_guard.LOOPBACK if token is None else ())
    with TestClient(app, base_url="http://127.0.0.1:8420", follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(where: Path) -> Iterator[TestClient]:
    """A client at the server's own machine."""
    yield from serve(where, mill=Mill())


@pytest.fixture
def away(where: Path) -> Iterator[TestClient]:
    """A client of a server that asks for a token."""
    yield from serve(where, TOKEN)


def with_sources(where: Path, places: Path) -> Iterator[TestClient]:
    """A client of a server that knows the catalogs of garments and styles."""
    store, *sources = (open_store(str(place)) for place in (where, places / "garments", places / "styles"))
    place = BrowserContext(
        ReviewState(DesignCatalog(store)), Pictures(store, *sources), Sessions(None, "ann"), "c"
    )
    with TestClient(create_app(place), base_url="http://127.0.0.1:8420") as client:
        yield client


HTML = {"accept": "text/html"}


def csrf(client: TestClient) -> dict[str, str]:
    """The header that a page of ours sends with a write."""
    page = client.get("/?verdict=unreviewed", headers=HTML).text
    return {request_guard.CSRF_HEADER: page.partition('name="csrf" content="')[2].partition('"')[0]}


def result(client: TestClient, address: str = "") -> dict[str, Any]:
    """What an address finds."""
    answer = client.get(f"/api/result?{address}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def say(client: TestClient, headers: dict[str, str] | None = None, **act: Any) -> Any:
    """Send an act."""
    return client.post("/api/acts", json=act, headers=csrf(client) if headers is None else headers)


class TestPages:
    """Every page is there, and says what it is about."""

    def test_opens_on_the_unreviewed(self, client: TestClient) -> None:
        """The start page is the queue of designs that nobody looked at."""
        answer = client.get("/", headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?verdict=unreviewed")

    def test_first_designs_come_along(self, client: TestClient) -> None:
        """The page brings its first designs, so that it paints without asking again."""
        page = client.get("/?garment=tee", headers=HTML).text
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        assert (data["total"], data["all"], len(data["designs"])) == (4, 12, 4)

    @pytest.mark.parametrize(
        "path", ["/designs/{0}", "/compare?id={0}&id={1}", "/shortlists", "/shortlist?name=Spring"]
    )
    def test_others(self, client: TestClient, path: str) -> None:
        """The other pages answer."""
        first, second = (one["id"] for one in result(client)["designs"][:2])
        say(client, what="list", shortlist="Spring", target={"ids": [first]})
        answer = client.get(path.format(first, second), headers=HTML)
        assert answer.status_code == 200, answer.text

    def test_not_there(self, client: TestClient) -> None:
        """What is not there is a page that says so, and JSON for scripts."""
        answer = client.get("/designs/nobody", headers=HTML)
        assert answer.status_code == 404
        assert "There is no design" in answer.text
        assert client.get("/api/design/nobody").json()["error"].startswith("There is no design")


class TestResults:
    """Results and their pages."""

    def test_turned(self, client: TestClient) -> None:
        """Pages of a result follow each other, and one beyond the end is empty."""
        found = result(client)
        ids = [one["id"] for one in found["designs"]]
        turned = client.get(f"/api/result/{found['result']}?start=5&count=3").json()["designs"]
        assert [one["id"] for one in turned] == ids[5:8]
        assert client.get(f"/api/result/{found['result']}?start=500&count=3").json()["designs"] == []

    def test_a_page_is_bounded(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many designs a page asks for, it gets PAGE_ROWS at most; the first answer has FIRST_ROWS."""
        monkeypatch.setattr(result_routes, "PAGE_ROWS", 5)
        monkeypatch.setattr(responses, "FIRST_ROWS", 4)
        found = result(client)
        assert len(found["designs"]) == 4
        assert len(client.get(f"/api/result/{found['result']}?start=0&count=9").json()["designs"]) == 5

    def test_the_grid_asks_for_no_more_than_it_gets(self) -> None:
        """The page of the grid's script is one that the server gives whole."""
        (page,) = re.findall(
            r"^const PAGE = (\d+);$", (ROOT / "catalogs/browser/static/wall.js").read_text(), re.M
        )
        assert int(page) <= result_routes.PAGE_ROWS

    def test_ended(self, client: TestClient) -> None:
        """A result that is kept no longer says so, for the page to ask anew."""
        assert client.get("/api/result/unknown?start=0&count=1").status_code == 410

    def test_matrix(self, client: TestClient) -> None:
        """The matrix has every garment and style of the result."""
        found = client.get(f"/api/matrix/{result(client, 'set=heritage')['result']}").json()
        assert (len(found["garments"]), len(found["styles"]), len(found["cells"])) == (3, 2, 6)


class TestSaying:
    """Verdicts, stars, undoing, shortlists."""

    def test_verdict_and_undo(self, client: TestClient) -> None:
        """A verdict holds until it is undone."""
        one = result(client)["designs"][0]["id"]
        filed = say(client, what="verdict", value="pick", target={"ids": [one]}).json()
        assert filed["ratings"] == {one: ["pick", 0]}
        assert result(client, "verdict=pick")["total"] == 1
        undone = say(client, what="undo", value=filed["act"]).json()
        assert undone["ratings"] == {one: ["", 0]}

    def test_one_word_for_each_verdict(self, client: TestClient) -> None:
        """Filters, addresses, pages and the log say one word for a verdict."""
        one, other, *_ = (design["id"] for design in result(client)["designs"])
        say(client, what="verdict", value="pick", target={"ids": [one]})
        say(client, what="verdict", value="reject", target={"ids": [other]})
        words = [["unreviewed", "Unreviewed", 10], ["pick", "Pick", 1], ["reject", "Reject", 1]]
        assert result(client)["facets"]["verdict"] == words
        assert [result(client, f"verdict={name}")["total"] for name, _, _ in words] == [10, 1, 1]
        page = client.get(f"/designs/{other}").text
        assert "said “Reject”" in page
        assert '"verdicts": {"": "Unreviewed", "pick": "Pick", "reject": "Reject"}' in page

    def test_no_other_word_for_a_verdict(self) -> None:
        """No page and no script has another form of these words."""
        folder = Path(browser_app.__file__).parent
        texts = [one.read_text() for kind in ("pages", "static") for one in (folder / kind).iterdir()]
        assert not [text for text in texts if re.search(r"\b([Pp]icked|[Rr]ejected)\b", text)]

    def test_undo_of_ones_own(self, client: TestClient) -> None:
        """Without an act named, the last own one is undone; with none left, that is said."""
        one = result(client)["designs"][0]["id"]
        say(client, what="stars", value="4", target={"ids": [one]})
        assert say(client, what="undo").json()["ratings"] == {one: ["", 0]}
        answer = say(client, what="undo")
        assert (answer.status_code, answer.json()["error"]) == (400, "There is nothing to undo.")

    def test_whole_result(self, client: TestClient) -> None:
        """Select all means the whole result, less what was taken out, however little of it was loaded."""
        found = result(client, "garment=tee")
        out = found["designs"][0]["id"]
        target = {"result": found["result"], "without": [out], "count": 3}
        assert say(client, what="verdict", value="reject", target=target).json()["count"] == 3
        assert result(client, "verdict=reject&garment=tee")["total"] == 3

    def test_chosen_of_a_shortlist(self, client: TestClient) -> None:
        """What is chosen on a shortlist is what leaves, with its note, and not the others."""
        ids = [one["id"] for one in result(client)["designs"][:5]]
        say(client, what="list", shortlist="Five", target={"ids": ids})
        say(client, what="note", value="this one", shortlist="Five", target={"ids": [ids[2]]})
        target = {"ids": [ids[2]], "count": 1, "notes_of": "Five"}
        table = pd.read_csv(io.BytesIO(TestExports().download(client, "csv-all", target).content))
        assert table["design_id"].tolist() == [ids[2]]
        assert table["note"].tolist() == ["this one"]

    @pytest.mark.parametrize("target", [{"ids": ["a"], "query": ""}, {"result": "x", "query": ""}, {}])
    def test_said_twice_or_not_at_all(self, client: TestClient, target: dict[str, Any]) -> None:
        """A target that says two things, or nothing, is refused."""
        answer = say(client, what="verdict", value="pick", target=target)
        assert answer.status_code == 400
        assert "Say which designs" in answer.json()["error"]

    def test_other_number(self, client: TestClient) -> None:
        """A bulk act of another number of designs than the person was told does nothing."""
        answer = say(client, what="verdict", value="reject", target={"query": "garment=tee", "count": 3})
        assert answer.status_code == 409
        assert "There are 4 designs now, not 3" in answer.json()["error"]
        assert result(client, "verdict=reject")["total"] == 0

    def test_sent_twice(self, client: TestClient) -> None:
        """An act that is sent again, because its answer was lost, is done once."""
        one = result(client)["designs"][0]["id"]
        acts = [
            say(client, what="stars", value="2", act_id="x1", target={"ids": [one]}).json() for _ in range(2)
        ]
        assert [act["seq"] for act in acts] == [1, 1]
        undone = [say(client, what="undo", value="x1", act_id="x2").json() for _ in range(2)]
        assert [act["seq"] for act in undone] == [2, 2]

    def test_shortlist(self, client: TestClient) -> None:
        """A shortlist keeps its order and notes, and narrows the grid."""
        ids = [one["id"] for one in result(client)["designs"][:3]]
        say(client, what="list", shortlist="Spring / 27", target={"ids": ids})
        say(client, what="move", value="1", shortlist="Spring / 27", target={"ids": [ids[2]]})
        say(client, what="move", value="2", shortlist="Spring / 27", target={"ids": [ids[1]]})
        say(client, what="note", value="larger", shortlist="Spring / 27", target={"ids": [ids[0]]})
        found = result(client, "shortlist=Spring+%2F+27")
        assert [one["id"] for one in found["designs"]] == ids[::-1]
        page = client.get("/shortlist?name=Spring+%2F+27", headers=HTML).text
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        assert [entry["note"] for entry in data["entries"]] == ["", "", "larger"]

    @pytest.mark.parametrize(
        ("act", "status"),
        [
            ({"what": "verdict", "value": "maybe"}, 400),
            ({"what": "delete", "value": ""}, 422),
            ({"what": "verdict", "value": "pick", "more": 1}, 422),
            ({"what": "stars", "value": "9"}, 400),
        ],
    )
    def test_refused(self, client: TestClient, act: dict[str, Any], status: int) -> None:
        """What means nothing is refused."""
        one = result(client)["designs"][0]["id"]
        assert say(client, target={"ids": [one]}, **act).status_code == status

    def test_stalled_log(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """Acts that a log stalls over are told as not known, are filed when it answers again, and so is the next."""
        monkeypatch.setattr(act_routes, "PATIENCE", 0.3)
        ids = [one["id"] for one in result(client)["designs"]]
        state: ReviewState = client.app.state.context.state  # type: ignore[attr-defined]
        stall = Stall(state, monkeypatch)
        for one in ids[:3]:
            answer = say(client, what="verdict", value="pick", target={"ids": [one]})
            assert (answer.status_code, "not known" in answer.json()["error"]) == (503, True)
        stall.go.set()
        monkeypatch.setattr(act_routes, "PATIENCE", 30.0)
        assert say(client, what="verdict", value="pick", target={"ids": [ids[3]]}).json()["seq"] == 4
        assert result(client, "verdict=pick")["total"] == 4

    @pytest.mark.parametrize("place", ["9" * 1999, "9" * 5000, "1000000", "0", "-1", "\u0663", "1e3"])
    def test_no_place_breaks_a_page(self, client: TestClient, place: str) -> None:
        """A place that no shortlist has is refused, and every page works."""
        one = result(client)["designs"][0]["id"]
        say(client, what="list", shortlist="autumn", target={"ids": [one]})
        answer = say(client, what="move", shortlist="autumn", value=place, target={"ids": [one]})
        assert (answer.status_code, "1 to 999999" in answer.json()["error"]) == (400, True)
        for path in ("/?verdict=", "/shortlists", "/shortlist?name=autumn", f"/designs/{one}"):
            assert client.get(path, headers=HTML).status_code == 200, path

    @pytest.mark.parametrize(
        "body", ['{"what": NaN}', '{"what": "\\ud800"}', '{"\\ud800": 1}', "[", "7", '{"what": {}}']
    )
    def test_refusals_are_words(self, client: TestClient, body: str) -> None:
        """What cannot be understood is said so, whatever was sent."""
        headers = {**csrf(client), "content-type": "application/json"}
        answer = client.post("/api/acts", content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("What was sent cannot be understood")

    @pytest.mark.parametrize(
        ("method", "path", "status", "words"),
        [("GET", "/nowhere", 404, "no such page"), ("DELETE", "/api/acts", 405, "Nothing can be done"),
         ("GET", "/shortlist", 422, "name: Field required"), ("GET", "/api/result/x?start=a&count=1", 422, "start")],
    )  # fmt: skip
    def test_refusals_of_addresses(
        self, client: TestClient, method: str, path: str, status: int, words: str
    ) -> None:
        """What is not there, or not asked like that, is said so, on a page where a page was asked for."""
        assert words in client.request(method, path).json()["error"]
        page = client.request(method, path, headers=HTML)
        assert page.status_code == status
        assert path.startswith("/api/") or words in page.text


class TestPictures:
    """Thumbnails and whole pictures."""

    def test_thumbnail(self, client: TestClient, where: Path) -> None:
        """A thumbnail is a small WebP with profile and AI mark, made once and kept in the catalog."""
        one = result(client)["designs"][0]["id"]
        answer = client.get(f"/thumbnails/192/{one}.webp")
        image = Image.open(io.BytesIO(answer.content))
        assert (image.format, max(image.size)) == ("WEBP", 120)
        assert image.info["icc_profile"]
        assert b"compositeWithTrainedAlgorithmicMedia" in (marked_pictures.read_xmp(answer.content) or b"")
        (kept,) = (where / "cache" / "thumbnails" / "192").rglob("*.webp")
        assert kept.read_bytes() == answer.content

    def test_etag(self, client: TestClient) -> None:
        """A browser that has a picture is not sent it again."""
        one = result(client)["designs"][0]["id"]
        for path in (f"/thumbnails/384/{one}.webp", f"/pictures/{one}.png"):
            etag = client.get(path).headers["etag"]
            assert client.get(path, headers={"if-none-match": etag}).status_code == 304

    def test_corrected_credit(self, where: Path) -> None:
        """A corrected rights holder is in thumbnail and whole picture, under names that no cache has."""
        catalog = DesignCatalog(open_store(str(where)))
        addresses = ("/thumbnails/192/{id}.webp?v={version}", "/pictures/{id}.png?v={version}")
        old: list[Any] = []
        for holder in ("Ann Archer", "Bea Bauer"):
            facts = pa.table({"style_id": ["ikat"], "rights_holder": [holder]})
            catalog.update(["style_id"], facts)
            for client in serve(where):
                one = result(client, "style=ikat&sort=old")["designs"][0]
                asked = [client.get(address.format(**one)) for address in addresses]
                for answer in asked:
                    packet = marked_pictures.read_xmp(answer.content) or b""
                    assert holder.encode() in packet
                    assert answer.headers["cache-control"].endswith("immutable")
                for before, now in zip(old, asked, strict=bool(old)):
                    assert before.url != now.url
                    assert before.headers["etag"] != now.headers["etag"]
                    known = {"if-none-match": before.headers["etag"]}
                    late = client.get(str(before.url), headers=known)
                    assert late.status_code == 200
                    assert late.headers["cache-control"] == "private, no-cache"
                old = asked

    def test_whole_picture(self, client: TestClient, where: Path) -> None:
        """The whole picture has the pixels that were filed, and the mark."""
        record = DesignCatalog(open_store(str(where))).read(["design_id", "image"]).to_pylist()[0]
        answer = client.get(f"/pictures/{record['design_id']}.png")
        filed = Image.open(where / record["image"])
        assert Image.open(io.BytesIO(answer.content)).tobytes() == filed.tobytes()
        assert marked_pictures.read_xmp(answer.content)

    @pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\nbroken", None])
    def test_broken(self, client: TestClient, where: Path, damage: bytes | None) -> None:
        """A picture that is missing or broken is told as that, and the others are shown."""
        first, second = DesignCatalog(open_store(str(where))).read(["design_id", "image"]).to_pylist()[:2]
        if damage is None:
            (where / first["image"]).unlink()
        else:
            (where / first["image"]).write_bytes(damage)
        assert client.get(f"/thumbnails/192/{first['design_id']}.webp").status_code == 404
        assert client.get(f"/thumbnails/192/{second['design_id']}.webp").status_code == 200

    def test_sources(self, where: Path, tmp_path: Path) -> None:
        """Templates and styles are shown where their catalogs are known, and else it is said what to do."""
        for client in with_sources(where, write_catalog(tmp_path / "made")):
            assert client.get("/templates/g0.webp").headers["content-type"] == "image/webp"
            assert client.get("/styles/s1.webp").status_code == 200
            assert client.get("/styles/nobody.webp").status_code == 404

    def test_replaced_source(self, where: Path, tmp_path: Path) -> None:
        """A template that is replaced is shown as it is now; red and blue are never one, however alike in size."""
        places = write_catalog(tmp_path / "made")
        image = places / "garments" / pd.read_csv(places / "garments" / "catalog.csv")["image"][0]
        for client in with_sources(where, places):
            seen = {}
            for color in ("red", "blue", "red"):
                Image.new("RGB", (96, 120), color).save(image)
                answer = client.get("/templates/g0.webp", headers={"if-none-match": ", ".join(seen)})
                assert answer.status_code == 200
                assert answer.headers["cache-control"] == "private, no-cache"
                pixel = Image.open(io.BytesIO(answer.content)).convert("RGB").getpixel((5, 5))
                assert pixel == pytest.approx({"red": (254, 0, 0), "blue": (0, 0, 254)}[color], abs=3)
                seen[answer.headers["etag"]] = color
            assert len(seen) == 3
            etag = answer.headers["etag"]
            assert client.get("/templates/g0.webp", headers={"if-none-match": etag}).status_code == 304

    def test_sources_of_one_size(self, where: Path, tmp_path: Path) -> None:
        """Two styles whose pictures are equally large have names of their own, each under its own address."""
        places = write_catalog(tmp_path / "made")
        images = pd.read_csv(places / "styles" / "catalog.csv").set_index("style_id")["image"]
        for name, color in (("s0", "red"), ("s1", "blue")):
            Image.new("RGB", (96, 120), color).save(places / "styles" / images[name])
        for client in with_sources(where, places):
            found = [client.get(f"/styles/{name}.webp") for name in ("s0", "s1")]
            assert found[0].content != found[1].content
            assert found[0].headers["etag"] != found[1].headers["etag"]

    def test_sources_cost_one_at_a_time(
        self, where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Templates and styles that many ask for at once are made one after the other, each once."""
        at_once, most, made = [0], [0], []

        def shown(data: bytes) -> bytes:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            time.sleep(0.1)
            at_once[0] -= 1
            made.append(data)
            return b"picture"

        monkeypatch.setattr(thumbnails, "_shown_bytes", shown)
        for client in with_sources(where, write_catalog(tmp_path / "made")):
            paths = [f"/styles/s{n}.webp" for n in range(3)] * 4 + ["/templates/g0.webp"] * 4
            with ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(client.get, paths))
            assert {answer.status_code for answer in answers} == {200}
        assert (most[0], len(made)) == (1, 4)

    def test_too_large_a_source(self, where: Path, tmp_path: Path) -> None:
        """A style of very many pixels is not unpacked for a page; it says so, and costs no memory."""
        places = write_catalog(tmp_path / "made")
        image = places / "styles" / pd.read_csv(places / "styles" / "catalog.csv")["image"][0]
        Image.new("CMYK", (7400, 7400)).save(image, "TIFF", compression="tiff_adobe_deflate")
        for client in with_sources(where, places):
            tracemalloc.start()
            answer = client.get("/styles/s0.webp")
            assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
            tracemalloc.stop()
        assert (answer.status_code, "7400x7400" in answer.json()["error"]) == (404, True)

    def test_sources_unknown(self, client: TestClient) -> None:
        """Without the catalogs the reason is told."""
        answer = client.get("/templates/tee.webp")
        assert answer.status_code == 404
        assert "--garments" in answer.json()["error"]


class TestExports:
    """What leaves."""

    def download(self, client: TestClient, kind: str, target: dict[str, Any]) -> Any:
        """An export's answer."""
        form = {
            "csrf": csrf(client)[request_guard.CSRF_HEADER],
            "kind": kind,
            "target": json.dumps(target),
            "title": "Spring <27>",
        }
        return client.post("/export", data=form)

    def test_csv_of_a_result(self, client: TestClient) -> None:
        """The spreadsheet has a row for every design of the result, with its verdict."""
        one = result(client, "garment=tee")["designs"][0]["id"]
        say(client, what="verdict", value="pick", target={"ids": [one]})
        answer = self.download(client, "csv-all", {"query": "garment=tee", "count": 4})
        assert 'filename="spring-27-' in answer.headers["content-disposition"]
        table = pd.read_csv(io.BytesIO(answer.content))
        assert len(table) == 4
        assert table.set_index("design_id").loc[one, "verdict"] == "pick"

    def test_zip(self, client: TestClient) -> None:
        """The ZIP has the chosen pictures."""
        ids = [one["id"] for one in result(client)["designs"][:2]]
        answer = self.download(client, "zip", {"ids": ids})
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert sum(name.endswith(".png") for name in names) == 2

    @pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("shopify", b""), ("pack", b"PK")])
    def test_others(self, client: TestClient, kind: str, start: bytes) -> None:
        """The other formats are what they say."""
        answer = self.download(client, kind, {"query": "set=studio", "count": 6})
        assert answer.status_code == 200
        assert answer.content.startswith(start)
        assert len(answer.content) == int(answer.headers["content-length"])

    def test_notes_of_a_shortlist(self, client: TestClient) -> None:
        """A shortlist leaves in its order, with its notes."""
        ids = [one["id"] for one in result(client)["designs"][:2]]
        say(client, what="list", shortlist="Spring", target={"ids": ids[::-1]})
        say(client, what="note", value="for May", shortlist="Spring", target={"ids": [ids[0]]})
        table = pd.read_csv(
            io.BytesIO(
                self.download(client, "csv-all", {"query": "shortlist=Spring", "notes_of": "Spring"}).content
            )
        )
        assert table["design_id"].tolist() == ids[::-1]
        assert table["note"].fillna("").tolist() == ["", "for May"]

    def test_nothing(self, client: TestClient) -> None:
        """There is no export of nothing, nor in a format that is not known."""
        assert self.download(client, "csv-all", {"ids": []}).status_code == 400
        assert self.download(client, "exe", {"ids": []}).status_code == 400

    def test_as_many_ids_as_a_target_may_have(self, client: TestClient) -> None:
        """What can be asked for can be exported: 100,000 ids are beyond the usual length of a form's field."""
        ids = [one["id"] for one in result(client)["designs"]]
        target = {"ids": [ids[number % len(ids)] for number in range(100_000)]}
        told = client.post("/api/exportable?kind=csv", json=target, headers=csrf(client))
        assert told.json() == {"count": 100_000}
        answer = self.download(client, "csv", target)
        assert answer.status_code == 200 and answer.content.count(b"\n") == 100_001

    @pytest.mark.parametrize("field", ["kind", "title", "pictures", "vendor", "price", "product"])
    def test_long_fields(self, client: TestClient, field: str) -> None:
        """A field that is longer than any of its kind is refused."""
        form = {
            "csrf": csrf(client)[request_guard.CSRF_HEADER],
            "kind": "csv",
            "target": '{"query": ""}',
            field: "x" * 1001,
        }
        assert client.post("/export", data=form).status_code == 422

    def test_without_token(self, client: TestClient) -> None:
        """A form of another site gets nothing."""
        target = json.dumps({"query": ""})
        answer = client.post("/export", data={"csrf": "guessed", "kind": "csv", "target": target})
        assert answer.status_code == 403


class TestAgain:
    """More like these."""

    def test_planned_and_started(self, where: Path) -> None:
        """The plan comes with the command; the run is started as it was shown."""
        mill = Mill()
        for client in serve(where, mill=mill):
            order = {"recipe": "draft", "way": "styles", "target": {"query": "garment=tee&set=studio"}}
            plan = client.post("/api/again", json=order, headers=csrf(client)).json()
            assert (plan["to_make"], plan["there"], plan["command"]) == (3, 1, "stylemill run --recipe draft")
            begun = client.post("/api/again/start", json=order, headers=csrf(client)).json()
            assert begun == {"where": "nightly-1"}
        assert mill.started == [Order("draft", ("tee",), (), ("studio",))]

    def test_recipe_as_a_file(self, client: TestClient) -> None:
        """A design by a recipe without a name offers its file, and the command beside it."""
        one = result(client)["designs"][0]["id"]
        page = client.get(f"/designs/{one}", headers=HTML).text
        assert f'href="/recipes/{one}.toml"' in page
        answer = client.get(f"/recipes/{one}.toml")
        assert "loud.toml" in answer.headers["content-disposition"]
        assert answer.text.startswith('# {"name": "house"')

    def test_recipe_that_cannot_be_read(self, tmp_path: Path) -> None:
        """A design whose recipe this version cannot read is shown, without a command that would make another."""
        shop(tmp_path, recipe_json="")
        for client in serve(tmp_path, mill=Mill()):
            one = result(client)["designs"][0]["id"]
            page = client.get(f"/designs/{one}", headers=HTML)
            assert page.status_code == 200
            assert "Run this again" not in page.text
            assert client.get(f"/recipes/{one}.toml").status_code == 404

    def test_cannot_be_planned(self, client: TestClient) -> None:
        """What cannot be made is told."""
        answer = client.post(
            "/api/again",
            json={"recipe": "none", "way": "recipe", "target": {"query": ""}},
            headers=csrf(client),
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "There is no recipe 'none'.")

    def test_no_mill(self, away: TestClient) -> None:
        """A browser without catalogs says so."""
        away.post("/token", data={"token": TOKEN, "who": "bob"})
        answer = away.post(
            "/api/again",
            json={"recipe": "house", "way": "recipe", "target": {"query": ""}},
            headers=csrf(away),
        )
        assert "without catalogs" in answer.json()["error"]


class TestSafety:
    """What must not happen."""

    @pytest.mark.parametrize("path", ["/api/result", "/"])
    def test_headers_that_are_none(self, client: TestClient, path: str) -> None:
        """Broken headers are refused, with the headers of every answer."""
        answer = client.get(path, headers={"host": "[::1"})
        assert answer.status_code == 421
        assert "script-src" in answer.headers["content-security-policy"]

    @pytest.mark.parametrize(
        "path",
        [
            "/designs/..%2f..%2fetc%2fpasswd", "/pictures/..%2f..%2ftable%2f_delta_log%2fx.png",
            "/thumbnails/192/..%2f..%2f..%2fetc%2fpasswd.webp", "/static/..%2fapp.py", "/static/%2e%2e/app.py",
            "/templates/..%2f..%2fetc%2fpasswd.webp", "/thumbnails/99999/x.webp",
        ],
    )  # fmt: skip
    def test_path_traversal(self, client: TestClient, path: str) -> None:
        """A path that leads elsewhere finds nothing."""
        answer = client.get(path)
        assert answer.status_code in (404, 405), answer.status_code
        assert "root:" not in answer.text
        assert "create_app" not in answer.text

    def test_token_wanted(self, away: TestClient) -> None:
        """Without a token nothing is shown: pages lead to the question, the rest is refused."""
        page = away.get("/?garment=tee", headers=HTML)
        assert (page.status_code, page.headers["location"]) == (303, "/token?next=%2F%3Fgarment%3Dtee")
        for path in ("/api/result", "/pictures/x.png", "/thumbnails/192/x.webp", "/shortlists"):
            assert away.get(path).status_code == 401, path
        assert away.post("/api/acts", json={}).status_code == 401
        assert away.get("/static/app.css").status_code == 200

    def test_token_opens(self, away: TestClient) -> None:
        """The token opens, once and for the session, by a cookie that scripts cannot read."""
        assert away.get("/token", headers=HTML).status_code == 200
        answer = away.post("/token", data={"token": TOKEN, "who": "bob", "next": "/shortlists"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/shortlists")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        page = away.get("/shortlists", headers=HTML)
        assert page.status_code == 200
        assert 'name="who" content="bob"' in page.text

    @pytest.mark.parametrize(
        "next_", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
    )
    def test_next_stays_inside(self, away: TestClient, next_: str) -> None:
        """Nobody is led to another site after the token."""
        answer = away.post("/token", data={"token": TOKEN, "who": "b", "next": next_})
        assert answer.headers["location"] == "/"

    def test_tries_are_counted(self, away: TestClient) -> None:
        """After five wrong tokens even the right one has to wait."""
        for _ in range(5):
            assert away.post("/token", data={"token": "wrong", "who": "b"}).status_code == 403
        answer = away.post("/token", data={"token": TOKEN, "who": "b"})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 30

    def test_tries_of_others_do_not_count(self, away: TestClient) -> None:
        """However many wrong tokens come from other addresses, the right one from a fresh address opens."""
        sessions: Sessions = away.app.state.context.sessions  # type: ignore[attr-defined]
        for number in range(500):
            sessions.was_wrong(f"10.0.{number // 250}.{number % 250}")
        assert away.post("/token", data={"token": TOKEN, "who": "b"}).status_code == 303

    def test_addresses_of_one_network(self) -> None:
        """Of IPv6 the network counts, which one visitor has whole; another's network does not."""
        sessions = Sessions(TOKEN, "ann")
        for number in range(5):
            sessions.was_wrong(f"2001:db8:0:1::{number:x}")
        assert sessions.must_wait("2001:db8:0:1::ffff") > 30
        assert sessions.must_wait("2001:db8:0:2::1") == 0

    @pytest.mark.parametrize("form", ["{}", "::ffff:{}", "0:0:0:0:0:ffff:{}", "64:ff9b::{}"])
    def test_one_address_of_ipv4_locks_out_no_other(self, form: str) -> None:
        """Where IPv4 is told as IPv6 (`--host ::`, a translator) each address counts for itself, however written."""
        sessions = Sessions(TOKEN, "ann")
        for _ in range(5):
            sessions.was_wrong(form.format("192.0.2.7"))
        assert sessions.must_wait(form.format("192.0.2.7")) > 30
        assert sessions.must_wait("192.0.2.7") > 30
        assert sessions.must_wait(form.format("192.0.2.8")) == 0
        assert sessions.must_wait("203.0.113.9") == 0

    @pytest.mark.parametrize("address", ["fe80::1%eth0", "testclient", "?", "::1", "::ffff:0:1.2.3.4"])
    def test_addresses_of_any_form(self, address: str) -> None:
        """An address with a zone, or what is none, is counted too."""
        sessions = Sessions(TOKEN, "ann")
        for _ in range(5):
            sessions.was_wrong(address)
        assert sessions.must_wait(address) > 30

    def test_tries_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Addresses that tried are remembered up to a number."""
        monkeypatch.setattr(sessions, "ADDRESSES", 10)
        counting = Sessions(TOKEN, "ann")
        for number in range(100):
            counting.was_wrong(f"10.0.0.{number}")
        assert len(counting._wrong) == 10

    @pytest.mark.parametrize("headers", [{}, HTML])
    def test_nobody_ends_another_session(self, client: TestClient, headers: dict[str, str]) -> None:
        """However many come without a cookie, to pages too, a person's page stays valid and their name is theirs."""
        token = csrf(client)
        client.post("/api/who", data={"name": "Berta Ö"}, headers=token)
        mine = dict(client.cookies)
        # More than any table of sessions held; that is what takes the three seconds.
        for path in ("/static/icon.svg", "/shortlists", "/api/result") * 400:
            client.cookies.clear()
            client.get(path, headers=headers)
        client.cookies.clear()
        client.cookies.update(mine)
        one = result(client)["designs"][0]["id"]
        assert say(client, token, what="verdict", value="pick", target={"ids": [one]}).status_code == 200
        state: ReviewState = client.app.state.context.state  # type: ignore[attr-defined]
        assert [act.who for act in state.history(one)] == ["Berta Ö"]

    @pytest.mark.parametrize(
        "path", ["/static/icon.svg", "/api/result", "/thumbnails/192/x.webp", "/styles/x.webp"]
    )
    def test_only_pages_begin_sessions(self, client: TestClient, path: str) -> None:
        """What is no page sets no cookie, which would overwrite that of a page on its way."""
        assert "set-cookie" not in client.get(path, headers=HTML).headers
        assert "set-cookie" in client.get("/shortlists", headers=HTML).headers

    @pytest.mark.parametrize("cookie", ["", ".", "x", "x.y", "x." + "0" * 64, "é.\xff"])
    def test_forged_sessions(self, away: TestClient, cookie: str) -> None:
        """A cookie that this server did not sign opens nothing."""
        header = {"cookie": f"{sessions.COOKIE}_8420={cookie}".encode("latin-1")}
        assert away.get("/api/result", headers=header).status_code == 401

    def test_name_outlives_the_server(self, where: Path) -> None:
        """After a restart a person is asked for nothing, and their name is theirs still."""
        kept = {}
        for client in serve(where):
            client.post("/api/who", data={"name": "Berta"}, headers=csrf(client))
            kept = dict(client.cookies)
        for client in serve(where):
            client.cookies.update(kept)
            assert 'name="who" content="Berta"' in client.get("/shortlists", headers=HTML).text

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    @pytest.mark.parametrize(
        ("path", "method", "mode", "dest", "status"),
        [("/styles/x.webp", "GET", "no-cors", "image", 403), ("/api/result", "GET", "cors", "empty", 403),
         ("/shortlists", "GET", "navigate", "iframe", 403), ("/token", "POST", "navigate", "document", 403),
         ("/shortlists", "GET", "navigate", "document", 200)],
    )  # fmt: skip
    def test_other_sites_load_nothing(
        self, client: TestClient, site: str, path: str, method: str, mode: str, dest: str, status: int
    ) -> None:
        """A page of another site may lead a person here, and load nothing."""
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest, **HTML}
        assert client.request(method, path, headers=headers).status_code == status

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_own_pages_load(self, client: TestClient, site: str) -> None:
        """What pages of ours load, and what a person types, is answered."""
        assert client.get("/api/result", headers={"sec-fetch-site": site}).status_code == 200

    @pytest.mark.parametrize(
        "headers", [{}, {request_guard.CSRF_HEADER: "guessed"}, {request_guard.CSRF_HEADER: ""}]
    )
    def test_csrf(self, client: TestClient, headers: dict[str, str]) -> None:
        """A write without the session's own token is refused."""
        one = result(client)["designs"][0]["id"]
        answer = say(client, headers, what="verdict", value="reject", target={"ids": [one]})
        assert answer.status_code == 403
        assert result(client, "verdict=reject")["total"] == 0

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "https://127.0.0.1:8420", "http://127.0.0.1:8421", "http://127.0.0.1", "null", "",
         "ftp://127.0.0.1:8420"],
    )  # fmt: skip
    def test_other_origin(self, client: TestClient, origin: str) -> None:
        """A write that a page of another site, port or scheme sends is refused even with the token."""
        one = result(client)["designs"][0]["id"]
        act = {"what": "verdict", "value": "pick", "target": {"ids": [one]}}
        assert say(client, {**csrf(client), "origin": origin}, **act).status_code == 403
        assert say(client, {**csrf(client), "origin": "http://127.0.0.1:8420"}, **act).status_code == 200

    @pytest.mark.parametrize(("secure", "scheme"), [(True, "https"), (False, "http")])
    def test_own_scheme(self, where: Path, secure: bool, scheme: str) -> None:
        """Behind a proxy with TLS pages are of https, though the proxy asks by http; else as they were asked."""
        store = open_store(str(where))
        place = BrowserContext(
            ReviewState(DesignCatalog(store)), Pictures(store, None, None), Sessions(None, "ann"), "a catalog"
        )
        with TestClient(create_app(place, secure=secure), base_url="http://looks.example") as client:
            page = client.get("/?verdict=", headers=HTML)
            cookies = "; ".join(one.partition(";")[0] for one in page.headers.get_list("set-cookie"))
            token = page.text.partition('name="csrf" content="')[2].partition('"')[0]
            for sent in ("http", "https"):
                headers = {
                    request_guard.CSRF_HEADER: token,
                    "origin": f"{sent}://looks.example",
                    "cookie": cookies,
                }
                answer = client.post("/api/who", data={"name": "b"}, headers=headers)
                assert answer.status_code == (200 if sent == scheme else 403), answer.text

    @pytest.mark.parametrize(
        ("origin", "own", "host", "scheme"),
        [("https://looks.example", "http://looks.example", False, "with --secure"),
         ("https://looks.example:8443", "http://looks.example:8443", False, "with --secure"),
         ("https://looks.example", "https://127.0.0.1:8420", True, ""),
         ("https://looks.example:8443", "https://looks.example", True, ""),
         ("http://looks.example", "http://127.0.0.1:8420", True, ""),
         ("https://looks.example", "http://127.0.0.1:8420", True, "with --secure"),
         ("http://looks.example", "https://looks.example", False, "leave --secure out"),
         ("null", "https://looks.example", True, "")],
    )  # fmt: skip
    def test_what_to_do_behind_a_proxy(self, origin: str, own: str, host: bool, scheme: str) -> None:
        """A refused write names the one remedy that helps: the Host header, --secure, or both."""
        said = origins.refuse_foreign_origin(origin, own)
        assert f"page of {origin}, not of {own}: nothing was done" in said
        assert ("proxy_set_header Host $host" in said) == host
        assert ("--secure" in said) == bool(scheme)
        assert scheme in said

    @pytest.mark.parametrize(
        ("origin", "own"),
        [("https://looks.example", "https://looks.example:443"), ("http://looks.example", "http://Looks.Example:80"),
         ("https://[2001:db8::1]:8443", "https://[2001:DB8::1]:8443")],
    )  # fmt: skip
    def test_one_origin_written_twice(self, origin: str, own: str) -> None:
        """A proxy that passes the scheme's own port on, or another case, names the same place."""
        assert origins.refuse_foreign_origin(origin, own) == ""

    @pytest.mark.parametrize(
        "origin",
        [
            "https://ann@looks.example",
            "https://looks.example/x",
            "https://looks.example:x",
            "https://[",
            "//",
            "",
        ],
    )
    def test_what_is_no_origin(self, origin: str) -> None:
        """What no browser sends as an origin is not ours, whatever host is in it."""
        assert origins.refuse_foreign_origin(origin, "https://looks.example")
        assert origins.refuse_foreign_origin("https://", "https://")

    def test_proxy_without_the_host(self, where: Path) -> None:
        """Behind a proxy with TLS that keeps the Host header to itself a write is told to have it passed on."""
        store = open_store(str(where))
        place = BrowserContext(
            ReviewState(DesignCatalog(store)), Pictures(store, None, None), Sessions(None, "ann"), "a catalog"
        )
        with TestClient(create_app(place, secure=True), base_url="http://127.0.0.1:8420") as client:
            page = client.get("/?verdict=", headers=HTML)
            cookies = "; ".join(one.partition(";")[0] for one in page.headers.get_list("set-cookie"))
            token = page.text.partition('name="csrf" content="')[2].partition('"')[0]
            headers = {request_guard.CSRF_HEADER: token, "origin": "https://looks.example", "cookie": cookies}
            answer = client.post("/api/who", data={"name": "b"}, headers=headers)
        assert answer.status_code == 403
        assert "proxy_set_header Host $host" in answer.text
        assert "--secure" not in answer.text

    def test_other_host(self, client: TestClient) -> None:
        """A name of another site that was made to point at this machine is not answered."""
        answer = client.get("/api/result", headers={"host": "evil.example"})
        assert answer.status_code == 421
        assert "--host 0.0.0.0" in answer.text

    @pytest.mark.parametrize(
        "host",
        ["evil.com@127.0.0.1", "127.0.0.1/x", "127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:80:80", "127.0.0.1#x",
         "127.0.0.1?x", "[127.0.0.1]", "[::1", "::1", "", "127.0.0.1\\x", "127.0.0.1 x", "127.0.0.1.", "0", "127.1"],
    )  # fmt: skip
    def test_odd_hosts(self, client: TestClient, host: str) -> None:
        """What a reader of addresses would take for this machine, and is no Host, is not answered."""
        assert client.get("/api/result", headers={"host": host}).status_code == 421

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8420", "LOCALHOST:1", "[::1]", "[::1]:65535"])
    def test_own_hosts(self, client: TestClient, host: str) -> None:
        """Every spelling of this machine's names is."""
        assert client.get("/api/result", headers={"host": host}).status_code == 200

    def test_script_in_a_title(self, tmp_path: Path) -> None:
        """A title that is a script is text on every page."""
        shop(
            tmp_path,
            garment_title="</script><script>alert(1)</script>",
            style_title="<img src=x onerror=alert(1)>",
        )
        for client in serve(tmp_path):
            first, second = (one["id"] for one in result(client)["designs"][:2])
            for path in ("/?q=script", f"/designs/{first}", f"/compare?id={first}&id={second}"):
                page = client.get(path, headers=HTML).text
                assert "<script>alert" not in page, path
                assert "<img src=x" not in page, path

    def test_policy(self, client: TestClient) -> None:
        """Every answer forbids inline and foreign scripts, and says what type it is."""
        for path in ("/?garment=tee", "/api/result", "/static/app.css", "/nowhere"):
            headers = client.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("headers", [{}, HTML])
    def test_fault_of_ours(
        self, client: TestClient, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fault is told as one, with the headers of every answer and without its inside."""

        def fail(_query: object) -> None:
            raise RuntimeError("inside")

        monkeypatch.setattr(client.app.state.context.state, "find", fail)  # type: ignore[attr-defined]
        with TestClient(client.app, base_url="http://127.0.0.1:8420", raise_server_exceptions=False) as other:
            answer = other.get("/?verdict=", headers=headers)
        assert answer.status_code == 500
        assert "a fault of Stylemill" in answer.text
        assert "inside" not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]

    def test_formula_in_a_tag(self, tmp_path: Path) -> None:
        """A tag that a spreadsheet would run leaves as text."""
        shop(tmp_path, garment_tags=('=HYPERLINK("http://evil.example")',), rights_holder="@SUM(1)")
        for client in serve(tmp_path):
            text = TestExports().download(client, "csv-all", {"query": ""}).text
            assert "=HYPERLINK" in text
            assert not any(
                line.startswith("=") or ',"=' in line or ",=" in line or ",@" in line
                for line in text.splitlines()
            )

    def test_oversized(self, client: TestClient) -> None:
        """Addresses and bodies that are too large are refused before they are read."""
        assert client.get("/api/result?q=" + "a" * 9000).status_code == 414
        headers = {**csrf(client), "content-type": "application/json"}
        assert (
            client.post(
                "/api/acts", content=b"{" + b" " * (request_guard.LARGEST_BODY + 1), headers=headers
            ).status_code
            == 413
        )

    def test_hostile_query(self, client: TestClient) -> None:
        """Queries that try to be something else are text, or refused."""
        for address in (
            "q=%27%3B+DROP+TABLE+asked",
            "sort=%27",
            "like=%27+OR+1=1",
            "shortlist=%00",
            "set=%F0%9F%98%80",
        ):
            assert client.get(f"/api/result?{address}").status_code in (200, 400), address
