"""Settings come from the environment, and what cannot be used is named."""

import pytest

from flows.errors import SettingsError
from flows.settings import Settings, read_settings


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables with the prefix set their fields."""
    monkeypatch.setenv("STYLEMILL_GARMENTS", "s3://b/g")
    monkeypatch.setenv("STYLEMILL_COMMIT_SECONDS", "5")
    settings = read_settings()
    assert (settings.garments, settings.commit_seconds) == ("s3://b/g", 5)


def test_every_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables that cannot be used are both in the message, with their values."""
    monkeypatch.setenv("STYLEMILL_BATCH", "many")
    monkeypatch.setenv("STYLEMILL_PRECISION", "float16")
    with pytest.raises(
        SettingsError, match="STYLEMILL_PRECISION='float16'.*STYLEMILL_BATCH='many'"
    ) as caught:
        read_settings()
    assert "bfloat16" in str(caught.value)


def test_s3_options() -> None:
    """The S3 settings become the store's options."""
    assert Settings(s3_endpoint_url="http://x", s3_path_style=False).s3.endpoint_url == "http://x"
