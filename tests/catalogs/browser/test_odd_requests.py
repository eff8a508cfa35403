"""Whatever is sent, the server answers in words, and every page works afterwards, also after a restart."""

import copy
import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from catalogs.browser.search.query import FACETS, parameter_names
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.test_app import HTML, Mill, csrf, result, serve

LETTERS = [
    "", " ", "\n", "0", "-1", "1", "2", "5", "1e400", "9" * 20, "9" * 1999, "9" * 5000, "\u0663", "\u00b2", "\u00bd",
    "NaN", "inf",
    "0x10", "1_000", "\ud800", "a\ud800b", "\udfff\ud800", "\x00", "a\x00b", "\x1b[2J", "\u202eabc", "e\u0301",
    "\U0001f600" * 50,
    "a" * 61, "a" * 81, "a" * 301, "a" * 2001, "../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "null",
    "\ufffe",
    "%00", "%ff", "//evil.example", "#12345g", "#\u0663\u0663\u0663\u0663\u0663\u0663", "autumn", "pick", "csv", "=1+1",
]  # fmt: skip
NUMBERS = [None, True, False, -1, 0, 1, 2**31, 2**63, 10**400, 1.5, -0.0, float("nan"), float("inf")]
NESTED: list[Any] = [
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"a": {"b": [1, {"c": None}]}},
    [["x"] * 3] * 3,
    ["x"] * 3,
]
PATHS = ["/", "/designs/{}", "/compare", "/shortlists", "/shortlist", "/token", "/api/result", "/api/counts",
         "/api/result/{}", "/api/matrix/{}", "/api/design/{}", "/thumbnails/192/{}.webp", "/thumbnails/{}/x.webp",
         "/pictures/{}.png", "/templates/{}.webp", "/styles/{}.webp", "/recipes/{}.toml", "/static/{}",
         "/{}"]  # fmt: skip
PARAMETERS = [*FACETS, *sorted(parameter_names()), "start", "count", "id", "name", "back", "next", "kind"]
FORMS = ["/export", "/api/who", "/token"]
FIELDS = ["csrf", "kind", "target", "title", "name", "token", "who", "next"]


def odd(rng: random.Random) -> Any:
    """A value that may be anything JSON can say, and what it cannot."""
    return rng.choice(rng.choice([LETTERS, LETTERS, NUMBERS, NESTED]))


def spelled(text: str) -> str:
    """A text in an address, halves of surrogate pairs included."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def changed(body: Any, rng: random.Random) -> Any:
    """A body of which a value, at any depth, is another, is gone, or stands beside one that is not asked for."""
    body = copy.deepcopy(body)
    place = body
    while True:
        name = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[name], dict | list) and place[name] and rng.random() < 0.6:
            place = place[name]
        elif rng.random() < 0.1:
            del place[name]
            return body
        else:
            place[name] = odd(rng)
            if isinstance(place, dict) and rng.random() < 0.1:
                place[str(odd(rng))] = odd(rng)
            return body


def bodies(ids: list[str], token: str) -> list[tuple[str, dict[str, Any]]]:
    """Writes that mean something, for every route."""
    some = {"ids": ids[:2]}
    whole = {"result": token, "without": ids[:1], "count": 11, "notes_of": "autumn"}
    acts: list[dict[str, Any]] = [
        {"what": "verdict", "value": "pick", "target": some}, {"what": "stars", "value": "4", "target": some},
        {"what": "list", "shortlist": "autumn", "target": some},
        {"what": "move", "shortlist": "autumn", "value": "2", "target": {"ids": ids[:1]}},
        {"what": "note", "shortlist": "autumn", "value": "red", "target": some},
        {"what": "open", "shortlist": "winter"}, {"what": "undo", "value": ""},
        {"what": "stars", "value": "2", "target": whole},
    ]  # fmt: skip
    again = {"recipe": "house", "way": "styles", "target": {"query": "set=studio"}}
    return [*(("/api/acts", {"act_id": "", **act}) for act in acts), ("/api/again", again), ("/api/again/start", again),
            ("/api/exportable?kind=csv", whole)]  # fmt: skip


def odd_request(client: TestClient, rng: random.Random, ids: list[str], headers: dict[str, str]) -> Any:
    """Send something odd, to any route."""
    accept: dict[str, Any] = rng.choice([{}, HTML, {"accept": b"\xff*/*;q=nan"}, {"if-none-match": "*, W/"}])
    letters = rng.choice(LETTERS)
    kind = rng.choice(["get", "get", "json", "json", "json", "raw", "form", "file"])
    if kind == "get":
        path = rng.choice(PATHS).format(rng.choice([spelled(letters), ids[0]]))
        asked = "&".join(
            f"{spelled(rng.choice(PARAMETERS))}={spelled(rng.choice(LETTERS))}"
            for _ in range(rng.randrange(4))
        )
        return client.get(f"{path}?{asked}", headers=accept)
    if kind == "json":
        path, body = rng.choice(bodies(ids, result(client)["result"]))
        return client.post(
            path,
            content=json.dumps(changed(body, rng)),
            headers={**headers, **accept, "content-type": "application/json"},
        )
    if kind == "raw":
        path, _ = rng.choice(bodies(ids, "x"))
        body = rng.choice(["", "{", "[" * 5000, '{"what":' * 900, "NaN", "\x00", "[1,", '"\\ud800"', letters])
        media = rng.choice(
            ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", ""]
        )
        return client.post(
            path, content=body.encode("utf-8", "surrogatepass"), headers={**headers, "content-type": media}
        )
    path = rng.choice(FORMS)
    target = rng.choice([letters, json.dumps(odd(rng)), json.dumps({"ids": [odd(rng)]})])
    fields = {name: rng.choice(LETTERS) for name in rng.sample(FIELDS, rng.randrange(len(FIELDS)))}
    fields |= {"csrf": headers["x-csrf-token"], "target": target} if rng.random() < 0.5 else {}
    if kind == "file":
        files = {name: ("a.txt", value.encode("utf-8", "surrogatepass")) for name, value in fields.items()}
        return client.post(path, files=files, headers=headers)
    content = "&".join(f"{spelled(name)}={spelled(value)}" for name, value in fields.items())
    form = {"content-type": "application/x-www-form-urlencoded"}
    return client.post(path, content=content, headers={**headers, **form, **accept})


def require_pages(client: TestClient, ids: list[str]) -> None:
    """Every page works."""
    lists = [one.name for one in client.app.state.context.state.shortlists()]  # type: ignore[attr-defined]
    paths = ["/?verdict=", "/?verdict=pick", "/shortlists", f"/compare?id={ids[0]}&id={ids[1]}"]
    paths += [f"/designs/{one}" for one in ids[:2]]
    paths += [f"{start}{spelled(one)}" for one in lists for start in ("/shortlist?name=", "/?shortlist=")]
    for path in paths:
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 200, (path, answer.text[:300])


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A design catalog."""
    shop(tmp_path / "designs")
    return tmp_path / "designs"


@pytest.mark.parametrize("seed", range(4))
def test_no_request_is_too_odd(where: Path, seed: int) -> None:
    """No value of any type at any place makes a fault, refusals are sentences, and nothing filed breaks a page."""
    rng = random.Random(seed)
    for client in serve(where, mill=Mill()):
        ids, headers = [one["id"] for one in result(client)["designs"]], csrf(client)
        for number in range(300):
            answer = odd_request(client, rng, ids, headers)
            assert answer.status_code < 500, (
                number,
                answer.request.url,
                answer.request.content[:500],
                answer.text[:500],
            )
            if answer.status_code >= 400 and "json" in answer.headers.get("content-type", ""):
                assert answer.json()["error"].endswith((".", ")")) or " " in answer.json()["error"], (
                    answer.text
                )
        require_pages(client, ids)
    for client in serve(where, mill=Mill()):
        require_pages(client, ids)
    reviews = ReviewLog(open_store(str(where)))
    reviews.publish_verdicts()
    reviews.publish_shortlists()
