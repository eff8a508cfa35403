"""Settings come from the environment, and what cannot be used is named."""

from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.settings import Settings, read_settings, require_catalog


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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the command is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_env_file_in_any_encoding(encoding: str, folder: Path) -> None:
    """A .env file is read as its mark says."""
    (folder / ".env").write_bytes("# für Anna\nSTYLEMILL_BATCH=7\n".encode(encoding))
    assert read_settings().batch == 7


def test_env_file_in_latin_1(folder: Path) -> None:
    """A .env file that is no UTF-8 is named, with the line."""
    (folder / ".env").write_bytes("STYLEMILL_BATCH=7\n# für Anna\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^\.env, line 2: byte 0xfc"):
        read_settings()


def test_a_bad_value_in_the_file_names_the_file(folder: Path) -> None:
    """Where a value comes from is said: the environment, or the file."""
    (folder / ".env").write_text("STYLEMILL_BATCH=many\n")
    with pytest.raises(SettingsError, match=r"STYLEMILL_BATCH='many' in \.env: "):
        read_settings()


@pytest.mark.parametrize("name", list(Settings.model_fields))
@pytest.mark.parametrize("where", ["environment", "file"])
def test_empty_is_not_set(name: str, where: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value of any setting is as none."""
    if where == "file":
        (folder / ".env").write_text(f"STYLEMILL_{name.upper()}=\n")
    else:
        monkeypatch.setenv(f"STYLEMILL_{name.upper()}", "")
    assert read_settings() == Settings(_env_file=None)


@pytest.mark.parametrize("blank", [" ", "\r", "\t", "\n"])
def test_blanks_at_the_end(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and line ends that came with a value are not part of it."""
    monkeypatch.setenv("STYLEMILL_DESIGNS", f"s3://b/d{blank}")
    monkeypatch.setenv("STYLEMILL_BATCH", f"4{blank}")
    assert (read_settings().designs, read_settings().batch) == ("s3://b/d", 4)


@pytest.mark.parametrize("value", ['"s3://b/d"', "'s3://b/d'", '""'])
def test_quotes_are_no_part_of_a_place(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes that Docker's --env-file leaves around a value are refused, and not taken for a folder's name."""
    monkeypatch.setenv("STYLEMILL_DESIGNS", value)
    with pytest.raises(SettingsError, match="STYLEMILL_DESIGNS=.*: the quotes are part of the value"):
        read_settings()


@pytest.mark.parametrize("value", ["inf", "nan", "1,000", "-1", "0"])
def test_numbers_that_are_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that no duration can be is refused."""
    monkeypatch.setenv("STYLEMILL_SHARD_SECONDS", value)
    with pytest.raises(SettingsError, match=f"STYLEMILL_SHARD_SECONDS='{value}'"):
        read_settings()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_misspelt_name_is_told(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that nearly is a setting's is told, once; others with our prefix are somebody's own."""
    if where == "file":
        (folder / ".env").write_text("export STYLEMILL_DESIGN=d\nSTYLEMILL_REPO=r\n")
    else:
        monkeypatch.setenv("STYLEMILL_MAX_PIXEL", "5")
        monkeypatch.setenv("STYLEMILL_HOME", "/h")
    for _ in range(2):
        read_settings()
    wanted = {"file": ("DESIGN", "DESIGNS"), "environment": ("MAX_PIXEL", "MAX_PIXELS")}[where]
    said = [record.message for record in caplog.records]
    assert said == ["STYLEMILL_{} is no setting: did you mean STYLEMILL_{}?".format(*wanted)]


@pytest.mark.parametrize(
    "line",
    [
        "STYLEMILL_BATCH: 7",
        "STYLEMILL_BATCH 7",
        "set STYLEMILL_BATCH=7",
        '$env:STYLEMILL_BATCH="7"',
        '{"STYLEMILL_BATCH": 7}',
        'STYLEMILL_BATCH="7',
    ],
)
def test_lines_of_other_shells(line: str, folder: Path) -> None:
    """A line with a setting's name that gives it no value is refused, with its number; without one it is let be."""
    (folder / ".env").write_text(f"# ours\n{line}\n")
    with pytest.raises(SettingsError, match=r"^\.env, line 2: .*NAME=value"):
        read_settings()
    (folder / ".env").write_text("OTHER: 1\nSTYLEMILL_BATCH=7\n")
    assert read_settings().batch == 7


def test_a_name_given_twice(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last one counts, as everywhere, and it is said."""
    (folder / ".env").write_text("STYLEMILL_BATCH=7\nSTYLEMILL_BATCH=8\n")
    assert read_settings().batch == 8
    assert "STYLEMILL_BATCH twice" in caplog.text


def test_names_of_other_libraries(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3's and Prefect's names in .env are told to be unread, without their values, unless the environment has them."""
    monkeypatch.setenv("AWS_PROFILE", "x")
    (folder / ".env").write_text("AWS_ACCESS_KEY_ID=geheim\nPREFECT_API_URL=http://x\nAWS_PROFILE=x\n")
    read_settings()
    assert "AWS_ACCESS_KEY_ID, PREFECT_API_URL in .env is not read" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("given", [" in\n", "in\r\n", "\u00a0in"])
def test_a_catalog_with_blanks_at_its_ends(given: str) -> None:
    """Blanks of a copied option are none of the address; one of blanks alone is none."""
    assert require_catalog("garment", given, Settings(garments="set")) == "in"
    assert require_catalog("garment", " \n", Settings(garments="set")) == "set"
