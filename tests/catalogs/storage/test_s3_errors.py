"""Refusals of S3, from a stand-in that answers as AWS, proxies and other programs do: the message says what to do."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from catalogs.errors import NotAllowedError, StoreError
from catalogs.storage import s3_store
from catalogs.storage.s3_store import S3Store
from catalogs.storage.store_contract import S3Options

XML = "<Error><Code>{}</Code><Message>{}</Message>{}</Error>"
PAGE = "<html><body>Sign in to the WiFi</body></html>"
ANSWERS: dict[str, tuple[int, str, dict[str, str], str]] = {
    "moved": (
        301, XML.format("PermanentRedirect", "use the specified endpoint", ""),
        {"x-amz-bucket-region": "eu-central-1"}, "AWS_REGION=eu-central-1"
    ),
    "moved-unsaid": (301, XML.format("PermanentRedirect", "use the specified endpoint", ""), {}, "AWS_REGION"),
    "sent-on": (
        307, XML.format("TemporaryRedirect", "re-send", ""),
        {"Location": "http://127.0.0.1:9/"}, "AWS_ENDPOINT_URL"
    ),
    "login": (302, "", {"Location": "/login"}, "AWS_ENDPOINT_URL"),
    "signed": (
        400, XML.format("AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-3'", ""),
        {}, "AWS_REGION=eu-west-3"
    ),
    "located": (
        400, XML.format("IllegalLocationConstraintException", "The me-south-1 location constraint is incompatible", ""),
        {}, "AWS_REGION=me-south-1"
    ),
    "skewed": (403, XML.format("RequestTimeTooSkewed", "too large", ""), {}, "clock"),
    "expired": (400, XML.format("ExpiredToken", "The provided token has expired.", ""), {}, "Fetch new credentials"),
    "unknown-key": (403, XML.format("InvalidAccessKeyId", "does not exist in our records", ""), {}, "AWS_ACCESS_KEY_ID"),
    "signature": (403, XML.format("SignatureDoesNotMatch", "does not match", ""), {}, "AWS_SECRET_ACCESS_KEY"),
    "archived": (403, XML.format("InvalidObjectState", "storage class", ""), {}, "restore"),
    "denied": (403, XML.format("AccessDenied", "no policy allows kms:Decrypt", ""), {}, "kms:Decrypt.*s3:ListBucket"),
    "bare": (403, "", {}, "proxy"),
    "blocked": (403, PAGE, {"Content-Type": "text/html"}, "proxy"),
    "bad": (400, "no XML", {}, "proxy"),
    "password": (407, PAGE, {"Content-Type": "text/html"}, "407.*proxy"),
    "page": (200, PAGE, {"Content-Type": "text/html"}, "proxy"),
}  # fmt: skip
"""Status, body and headers by bucket, and what the message must say."""


class _StandIn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        status, body, headers, _ = ANSWERS.get(self.path.split("/")[1].partition("?")[0], (404, "", {}, ""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    do_GET = do_HEAD = _answer

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback, and nobody's credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(s3_store, "ATTEMPTS", 1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _StandIn)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def store(bucket: str, endpoint: str) -> S3Store:
    """The stand-in's bucket."""
    return S3Store(f"s3://{bucket}/a", S3Options(endpoint, "us-east-1", path_style=True))


@pytest.mark.parametrize("bucket", ANSWERS)
@pytest.mark.parametrize("ask", ["read", "stat", "list"])
def test_every_question_is_told_the_same(bucket: str, ask: str, endpoint: str) -> None:
    """A refusal of HEAD has no words: they are fetched. One line, with what to do, whatever was asked."""
    if ask != "read" and bucket in ("moved-unsaid", "sent-on", "login"):
        pytest.skip("boto3 takes a second and more to follow redirections without an end; once is enough")
    one = store(bucket, endpoint)
    with pytest.raises(StoreError, match=ANSWERS[bucket][3]) as told:
        list(one.list()) if ask == "list" else getattr(one, ask)("x")
    assert "\n" not in str(told.value)
    assert "()" not in str(told.value)
    assert f"{ANSWERS[bucket][0]} {ANSWERS[bucket][0]}" not in str(told.value)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "key"}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nobodys"}, "nobodys"),
        ({"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}, "/nowhere/token"),
        ({"config": "[default\nregion"}, "config"),
        ({"config": "[default]\ncredential_process = /nowhere/program\n"}, "/nowhere/program"),
        ({"config": "[default]\ncredential_process = /bin/echo hello\n"}, "credential_process"),
        ({"config": "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobodys\n"}, "nobodys"),
        ({"config": "[default]\nsso_start_url = https://x.invalid\nsso_region = eu-central-1\n"
         "sso_account_id = 1\nsso_role_name = r\n"}, "aws sso login"),
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_had(
    environment: dict[str, str], words: str, tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a pair, a profile, program or token file that is not there, a broken file: each is named."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    if "config" in environment:
        (tmp_path / "config").write_text(environment["config"])
        environment = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=words) as told:
        store("denied", endpoint).read("x")
    assert "\n" not in str(told.value)


def test_no_credentials_at_all(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the ways to give some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NotAllowedError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE"):
        store("denied", endpoint).read("x")


def test_no_tls_where_the_endpoint_says_so(endpoint: str) -> None:
    """An https:// endpoint that speaks plain HTTP is told as that, at once."""
    with pytest.raises(StoreError, match="http:// in AWS_ENDPOINT_URL"):
        store("denied", endpoint.replace("http", "https")).read("x")
