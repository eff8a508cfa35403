"""The command: help with examples, what it says, and with which code it ends."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.main import get_command
from typer.testing import CliRunner

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.design_columns import SCHEMA
from catalogs.images.codec import decode
from catalogs.samples import catalog as sample_catalog
from catalogs.storage.stores import open_store
from flows.command import design_commands
from flows.command.cli import app
from tests.conftest import ROOT, TINY_RECIPE, Run

COMMANDS = tuple(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    """The help of every command shows how it is called."""
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert f"Example: stylemill {command} " in shown


def test_exit_codes_are_documented() -> None:
    """The help says what every exit code means."""
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    for code in ("0 done", "1 could not go on", "2 wrong use", "3 done, but", "130 interrupted"):
        assert code in shown


def test_version() -> None:
    """`stylemill --version` says which is installed."""
    assert CliRunner().invoke(app, ["--version"]).output == f"stylemill {version('stylemill')}\n"


def test_places_are_explained_where_they_are_asked_for() -> None:
    """The help of `list` says what a design catalog's place looks like, without pointing to another option."""
    shown = " ".join(CliRunner().invoke(app, ["list", "--help"], env={"COLUMNS": "200"}).output.split())
    assert "Design catalog: a folder or s3://bucket/prefix" in shown
    assert "likewise" not in shown


@pytest.fixture
def one_design(tmp_path: Path) -> Path:
    """A design catalog with one design, of the style set `set`."""
    row = {
        "design_id": "a", "garment_id": "g", "style_id": "s", "style_set": "set", "recipe": "house",
        "loss_style": 0.25, "image": "images/aa/a.png", "created_at": datetime(2026, 11, 21, tzinfo=UTC),
    }  # fmt: skip
    write_deltalake(tmp_path / "filed" / "table", pa.Table.from_pylist([row], SCHEMA))
    return tmp_path / "filed"


def test_one_is_singular(catalog: Path, tmp_path: Path, one_design: Path, stylemill: Run) -> None:
    """One design, garment, style or problem is counted without an s."""
    (catalog / "garments" / "catalog.csv").write_text("garment_id,image\ng0,g0.png\ng1,gone.png\n")
    planned = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--style-set", "set-1",
        "--designs", tmp_path / "designs", "--recipe", catalog / "tiny.toml", "--dry-run",
    )  # fmt: skip
    assert planned.stderr.startswith("Starting: ")
    assert "1 design (1 garment, 1 style)" in planned.stderr
    assert "1 problem " in planned.stderr
    assert "1 design in" in stylemill("list", "--designs", one_design).stdout
    checked = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert "1 garment can be used" in checked.stdout


def test_names_are_no_markup(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A recipe's name in brackets is shown as it is, and stops nothing."""
    (catalog / "odd.toml").write_text(f'name = "loud [v2] [/x] :cat:"\n{TINY_RECIPE}')
    places = [
        "--garments",
        catalog / "garments",
        "--styles",
        catalog / "styles",
        "--designs",
        tmp_path / "designs",
    ]
    planned = stylemill("run", *places, "--recipe", catalog / "odd.toml", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "Plan with recipe loud [v2] [/x] :cat: on" in " ".join(planned.stderr.split())


def test_run_says_where_everything_is(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A run shows its plan, ends with counts and places, and a second run has nothing to make."""
    arguments = [
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles",
        "--designs", tmp_path / "designs", "--recipe", catalog / "tiny.toml",
    ]  # fmt: skip
    dry = stylemill(*arguments, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "9 designs (3 garments, 3 styles)" in dry.stderr
    assert not (tmp_path / "designs").exists(), "a dry run writes nothing"
    done = stylemill(*arguments)
    assert done.returncode == 0, done.stderr
    assert "9 new designs, 0 already there, 0 rejected" in done.stdout
    for line in done.stdout.splitlines()[1:]:
        assert Path(line.split(":", 1)[1].strip()).exists(), line
    assert "report.html" in done.stdout, "the page is named, which a person can read"
    again = stylemill(*arguments)
    assert "Nothing to make: all 9 designs are there." in again.stdout
    places = [line for line in done.stdout.splitlines() if line.startswith(("Designs:", "Contact sheet:"))]
    assert len(places) == 2
    assert again.stdout.splitlines()[1:] == places, "a run that has nothing to make says where they are, too"
    listed = stylemill("list", "--designs", tmp_path / "designs", "--style-set", "set-1", "--limit", 2)
    assert "3 designs in" in listed.stdout
    assert listed.stdout.count("images/") == 2


def test_places_are_told_whole(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """Where things are is told as a whole path, also where the command was given a part of one."""
    relative = os.path.relpath(tmp_path / "designs", ROOT)
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", relative,
        "--recipe", catalog / "tiny.toml", "--limit", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places = [line.split(":", 1)[1].strip() for line in done.stdout.splitlines()[1:]]
    assert len(places) == 3
    assert all(Path(place).is_absolute() for place in places), places


def test_settings_stand_in_for_options(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """Catalogs and recipe may come from the environment."""
    done = stylemill(
        "run",
        "--dry-run",
        STYLEMILL_GARMENTS=str(catalog / "garments"),
        STYLEMILL_STYLES=str(catalog / "styles"),
        STYLEMILL_DESIGNS=str(tmp_path / "designs"),
        STYLEMILL_RECIPE=str(catalog / "tiny.toml"),
    )
    assert done.returncode == 0, done.stderr
    assert "recipe tiny" in done.stderr


def test_one_writes_a_picture_of_the_same_size(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """`stylemill one` writes a PNG as large as its content, making the folder."""
    out = tmp_path / "new" / "design.png"
    done = stylemill(
        "one",
        catalog / "garments" / "g0.png",
        catalog / "styles" / "s0.png",
        out,
        "--recipe",
        catalog / "tiny.toml",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert decode(out.read_bytes()).size == (120, 96)


def test_one_names_the_edges_too(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """With --edges both files are named."""
    pictures = (catalog / "garments" / "g0.png", catalog / "styles" / "s0.png")
    done = stylemill("one", *pictures, tmp_path / "o.png", "--recipe", catalog / "tiny.toml", "--edges")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "o.png"), str(tmp_path / "o.edges.png")]
    assert (tmp_path / "o.edges.png").exists()


def test_check_counts_garments_without_a_mask(catalog: Path, stylemill: Run) -> None:
    """`check` says how many garments are painted whole, backdrop and all."""
    table = catalog / "garments" / "catalog.csv"
    table.write_text(table.read_text().replace("g1_mask.png", ""))
    done = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert done.returncode == 0, done.stderr
    assert "note: 1 garment without a mask" in done.stdout


@pytest.mark.parametrize("noun", ["garment", "style"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_catalog_that_is_not_named(
    command: str, noun: str, catalog: Path, tmp_path: Path, stylemill: Run
) -> None:
    """Every command says in the same words that a catalog is not named."""
    named = {"STYLEMILL_GARMENTS": f"{catalog}/garments", "STYLEMILL_STYLES": f"{catalog}/styles"}
    del named[f"STYLEMILL_{noun.upper()}S"]
    done = stylemill(command, STYLEMILL_DESIGNS=str(tmp_path), **named)
    assert done.returncode == 2
    assert f"No {noun} catalog: give --{noun}s URI or set STYLEMILL_{noun.upper()}S." in done.stderr


def test_an_unknown_set_has_one_colon(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A style set unlike all others is answered with what is there, in a sentence."""
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", tmp_path / "d",
        "--recipe", catalog / "tiny.toml", "--style-set", "zzz",
    )  # fmt: skip
    assert done.returncode == 2
    assert "no usable style in a set 'zzz': valid are set-0, set-1." in done.stderr


def test_one_writes_only_png(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A name that promises another format is refused before any work."""
    content, style = catalog / "garments" / "g0.png", catalog / "styles" / "s0.png"
    done = stylemill("one", content, style, tmp_path / "o.jpg")
    assert done.returncode == 2
    assert "ends in .png" in done.stderr


class TestOneRefuses:
    """`stylemill one` refuses what cannot go well at once, and names the argument."""

    @pytest.fixture
    def pictures(self, catalog: Path) -> dict[str, Path]:
        """A garment, its mask and a style."""
        garments = catalog / "garments"
        return {
            "CONTENT": garments / "g0.png",
            "STYLE": catalog / "styles" / "s0.png",
            "--mask": garments / "g0_mask.png",
        }

    def one(self, stylemill: Run, pictures: dict[str, Path], out: object) -> "CompletedProcess[str]":
        """The command with its three pictures."""
        done = stylemill("one", pictures["CONTENT"], pictures["STYLE"], out, "--mask", pictures["--mask"])
        assert "Traceback" not in done.stderr
        return done

    @pytest.mark.parametrize("name", ["CONTENT", "STYLE", "--mask"])
    def test_to_write_over_what_it_reads(self, name: str, pictures: dict[str, Path], stylemill: Run) -> None:
        """OUT cannot be one of the pictures that it is made from, however it is spelled."""
        before = pictures[name].read_bytes()
        spelled = pictures[name].parent / ".." / pictures[name].parent.name / pictures[name].name
        done = self.one(stylemill, pictures, spelled)
        assert done.returncode == 2, done.stderr
        assert f"would write over {name}" in done.stderr
        assert pictures[name].read_bytes() == before

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_a_folder_to_write(
        self, slash: str, pictures: dict[str, Path], tmp_path: Path, stylemill: Run
    ) -> None:
        """OUT that is a folder is told to give a file name, with an example."""
        done = self.one(stylemill, pictures, f"{tmp_path}{slash}")
        assert done.returncode == 2, done.stderr
        assert f"give a file name, as {tmp_path}/design.png" in done.stderr

    def test_no_name_to_write(self, pictures: dict[str, Path], stylemill: Run) -> None:
        """An empty OUT is told to give a file name."""
        done = self.one(stylemill, pictures, "")
        assert done.returncode == 2, done.stderr
        assert "give a file name, as design.png" in done.stderr

    def test_to_write_below_a_file(self, pictures: dict[str, Path], stylemill: Run) -> None:
        """OUT in a folder that is a file is refused before any work."""
        done = self.one(stylemill, pictures, pictures["STYLE"] / "o.png")
        assert done.returncode == 2, done.stderr
        assert "s0.png is a file, not a folder" in done.stderr

    @pytest.mark.parametrize("name", ["CONTENT", "STYLE", "--mask"])
    def test_a_folder_to_read(
        self, name: str, pictures: dict[str, Path], tmp_path: Path, stylemill: Run
    ) -> None:
        """A folder in a picture's place is called a folder."""
        done = self.one(stylemill, {**pictures, name: tmp_path}, tmp_path / "o.png")
        assert done.returncode == 2, done.stderr
        assert f"{name} '{tmp_path}' is a folder" in done.stderr

    @pytest.mark.parametrize("name", ["CONTENT", "STYLE", "--mask"])
    def test_a_picture_that_is_not_there(
        self, name: str, pictures: dict[str, Path], tmp_path: Path, stylemill: Run
    ) -> None:
        """A picture that is not there is named."""
        done = self.one(stylemill, {**pictures, name: tmp_path / "nosuch.png"}, tmp_path / "o.png")
        assert done.returncode == 1, done.stderr
        assert f"{tmp_path}/nosuch.png: there is no such file" in done.stderr

    @pytest.mark.parametrize("name", ["CONTENT", "STYLE", "--mask"])
    def test_a_picture_that_cannot_be_read(
        self, name: str, pictures: dict[str, Path], tmp_path: Path, stylemill: Run
    ) -> None:
        """Of three files, the one that is no picture is named."""
        text = tmp_path / "text.png"
        text.write_text("hello, I am text\n" * 20)
        done = self.one(stylemill, {**pictures, name: text}, tmp_path / "o.png")
        assert done.returncode == 1, done.stderr
        what = "the mask cannot be read: " if name == "--mask" else ""
        assert f"{name} '{text}': {what}the file is text" in done.stderr

    def test_before_anything_heavy_is_loaded(self, pictures: dict[str, Path], tmp_path: Path) -> None:
        """A picture that is not there is told without torch or Prefect."""
        program = (
            "import sys\nfrom typer.testing import CliRunner\nfrom flows.command.cli import app\n"
            "done = CliRunner().invoke(app, ['one', 'nosuch.png', *sys.argv[1:]])\n"
            "print(done.exit_code, sorted({'torch', 'prefect'} & set(sys.modules)))"
        )
        command = [sys.executable, "-c", program, str(pictures["STYLE"]), str(tmp_path / "o.png")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "1 []", done.stderr


def test_a_silent_prefect_server_is_named(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A run with a server configured that is not there says which, and what to do."""
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", tmp_path / "d",
        "--recipe", catalog / "tiny.toml", PREFECT_API_URL="http://127.0.0.1:9/api",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "http://127.0.0.1:9/api does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_sample_into_a_file(tmp_path: Path, stylemill: Run) -> None:
    """A file as the sample's target is refused before anything is drawn."""
    (tmp_path / "README.md").write_text("mine")
    done = stylemill("sample", tmp_path / "README.md")
    assert done.returncode == 2, done.stderr
    assert "README.md is a file: give a folder to draw into" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


class TestSampleOverASample:
    """`stylemill sample` where a sample is already."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The tables, and something in the pictures' places, which is all that is looked at."""
        from catalogs.samples.catalog import PARTED, STYLES, _tables
        from catalogs.samples.garments import GARMENTS

        store = open_store(str(tmp_path))
        names = [f"garments/{name}{end}" for name in GARMENTS for end in ("", "_mask")]
        names += [f"garments/{name}_parts" for name in PARTED]
        names += [f"styles/{each[2].__name__.replace('_', '-')}" for each in STYLES]
        for name in names:
            store.write(f"{name}.png", b"mine")
        for key, rows in _tables().items():
            store.write(key, rows)
        return tmp_path

    @pytest.mark.parametrize("table", ["garments/catalog.csv", "styles/catalog.csv"])
    def test_an_edited_table_is_kept(self, table: str, folder: Path, stylemill: Run) -> None:
        """A table that was edited is not written over: exit code 2, its name, and what to do."""
        with (folder / table).open("a") as rows:
            rows.write("mine,mine.png\n")
        before = (folder / table).read_bytes()
        done = stylemill("sample", folder)
        assert done.returncode == 2, done.stdout
        assert f"{folder}/{table} was edited" in done.stderr
        assert "another folder, or --force" in done.stderr
        assert (folder / table).read_bytes() == before

    def test_nothing_is_drawn_twice(self, folder: Path, stylemill: Run) -> None:
        """Where all is there, nothing is written, and the command says so."""
        done = stylemill("sample", folder)
        assert done.returncode == 0, done.stderr
        assert "is there already: 4 garments in" in done.stdout
        assert (folder / "garments" / "tee.png").read_bytes() == b"mine"

    def test_only_what_is_missing_is_drawn(self, folder: Path, stylemill: Run) -> None:
        """A picture that is not there is drawn, and the others stay."""
        (folder / "styles" / "deckchair.png").unlink()
        done = stylemill("sample", folder)
        assert done.returncode == 0, done.stderr
        assert decode((folder / "styles" / "deckchair.png").read_bytes()).size
        assert (folder / "styles" / "tartan.png").read_bytes() == b"mine"

    def test_force_draws_all_anew(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With --force the sample (here a garment and a style of it) is drawn over what was edited."""
        monkeypatch.setattr(sample_catalog, "STYLES", sample_catalog.STYLES[:1])
        monkeypatch.setattr(sample_catalog, "GARMENTS", {"tote": sample_catalog.GARMENTS["tote"]})
        (folder / "styles" / "catalog.csv").write_text("style_id,style_set,image\nmine,a,mine.png\n")
        done = CliRunner().invoke(app, ["sample", str(folder), "--force"])
        assert done.exit_code == 0, done.output
        assert "brushwork" in (folder / "styles" / "catalog.csv").read_text()
        assert decode((folder / "garments" / "tote.png").read_bytes()).size


def test_list_where_no_designs_are(catalog: Path, tmp_path: Path, s3: str, stylemill: Run) -> None:
    """A place without a design catalog is said to be one: a folder, no folder, a prefix."""
    for place in (catalog / "garments", tmp_path / "nosuch", f"s3://{s3}/designs"):
        done = stylemill("list", "--designs", place)
        assert done.returncode == 1
        assert f"{place} holds no design catalog" in done.stderr
        assert not done.stdout


def test_list_of_an_unknown_style_set(one_design: Path, stylemill: Run) -> None:
    """A style set of which there is no design is told the nearest and all of them, as `run` does."""
    done = stylemill("list", "--designs", one_design, "--style-set", "sett")
    assert done.returncode == 2
    assert "did you mean 'set'? Valid: set." in done.stderr


def test_recipes_are_listed(stylemill: Run) -> None:
    """Every named recipe is listed with a sentence."""
    shown = stylemill("recipes").stdout
    for name in ("house", "studio", "gatys2016"):
        assert any(line.startswith(name) and len(line) > 40 for line in shown.splitlines())


def test_landed_without_a_server(stylemill_unserved: Run) -> None:
    """Without a server nobody would hear the event: that is said, with what to do."""
    done = stylemill_unserved("landed", "autumn")
    assert done.returncode == 2
    assert "PREFECT_API_URL" in done.stderr


def test_landed_with_a_silent_server(stylemill: Run) -> None:
    """A server that does not answer is named."""
    done = stylemill("landed", "autumn", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 2
    assert "http://127.0.0.1:9/api" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "words"), [("zzz", "There is no style set 'zzz' in"), ("set-1", "http://127.0.0.1:9/api")]
)
def test_landed_looks_where_it_can(name: str, words: str, catalog: Path, stylemill: Run) -> None:
    """Where the style catalog is known, a set of which there is nothing is refused, and a set in it is told of."""
    told = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "STYLEMILL_STYLES": f"{catalog}/styles"}
    done = stylemill("landed", name, **told)
    assert done.returncode == 2
    assert words in done.stderr


def test_landed_refuses_a_set_that_cannot_be(stylemill: Run) -> None:
    """A style set that is no id is refused before anything is told."""
    assert stylemill("landed", "autumn 26").returncode == 2


@pytest.mark.parametrize(
    ("noun", "rows"),
    [("garments", "garment_id,image\nx,gone.png\n"), ("styles", "style_id,style_set,image\nx,,\n")],
)
def test_check_of_nothing_usable(noun: str, rows: str, catalog: Path, stylemill: Run) -> None:
    """Where a catalog has no record that can be used, nothing can be made: check fails, and names it."""
    (catalog / noun / "catalog.csv").write_text(rows)
    done = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert done.returncode == 1
    assert f"{catalog / noun} has nothing that can be used" in done.stderr


@pytest.mark.parametrize("dash", ["\u2013", "\u2014", "\u2212"])
def test_a_dash_of_a_word_processor(dash: str, stylemill: Run) -> None:
    """An option that was copied from a formatted text is told with the hyphens it wants."""
    done = stylemill("run", f"{dash}garments", "x")
    assert done.returncode == 2
    assert "type two hyphens, --garments" in done.stderr


def test_sample_says_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much there is to draw is told before the first picture, and each when it is filed; then nothing more."""
    heard: list[str] = []
    store = open_store(str(tmp_path))
    monkeypatch.setattr(sample_catalog, "STYLES", sample_catalog.STYLES[5:6])
    monkeypatch.setattr(sample_catalog, "GARMENTS", {"tote": sample_catalog.GARMENTS["tote"]})
    sample_catalog.write_sample(store, told=heard.append)
    assert heard[0] == "drawing 1 of the garments and 1 of the styles, some 2 s each"
    assert sorted(heard[1:]) == ["garments/tote.png", "styles/block-print.png"]
    heard.clear()
    sample_catalog.write_sample(store, told=heard.append)
    assert heard == []


@pytest.mark.parametrize("columns", [40, 80, 169])
def test_pictures_in_a_narrow_terminal(
    columns: int, one_design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the table has no room for a picture's key, the key stands whole on a line of its own."""
    monkeypatch.setattr(design_commands, "PIPED", columns)
    shown = CliRunner().invoke(app, ["list", "--designs", str(one_design)]).stdout.splitlines()
    table = DesignCatalog(open_store(str(one_design))).read(["image"])
    assert shown[-2:] == ["pictures, in the same order:", table["image"][0].as_py()]
