"""Commands over single pictures: one, sweep, reconstruct."""

from typing import Annotated

import typer

from flows.command.terminal import Device, RecipeName, report_errors

app = typer.Typer()


@app.command("one", epilog="Example: stylemill one tee.jpg batik.png out.png --mask tee_mask.png")
def one_command(
    content: Annotated[str, typer.Argument(help="The picture to paint on: a file or s3:// object.")],
    style: Annotated[str, typer.Argument(help="The picture whose style is taken.")],
    out: Annotated[str, typer.Argument(help="The PNG to write.")],
    mask: Annotated[str | None, typer.Option(help="White where the content is cloth.")] = None,
    recipe: RecipeName = None,
    device: Device = None,
    parts: Annotated[str | None, typer.Option(help="A part map of CONTENT, indexed or coloured.")] = None,
    style_parts: Annotated[str | None, typer.Option(help="A part map of STYLE; equal names match.")] = None,
    edges: Annotated[
        bool, typer.Option("--edges", help="Also write Sobel's edges before and after.")
    ] = False,
) -> None:
    """Paint one picture in one style."""
    with report_errors():
        from flows.pictures.picture_arguments import check_pictures
        from flows.settings import read_settings

        # Here too, so that a misspelt name is reported before torch and Prefect are loaded.
        check_pictures(read_settings(), content, style, out, mask)
        from flows.pictures.stylize_one import edges_of, stylize_one

        # The function under the flow: one picture needs no flow run and no server.
        made = stylize_one.fn(content, style, out, mask, recipe, device, parts, style_parts, edges)
        typer.echo(made)
        if edges:
            typer.echo(edges_of(made))


@app.command(
    "sweep",
    epilog="Example: stylemill sweep tee.jpg batik.png --axis content_weight=0.02,0.05,0.1 --out sweep",
)
def sweep_command(
    content: Annotated[str, typer.Argument(help="The picture to paint on: a file or s3:// object.")],
    style: Annotated[str, typer.Argument(help="The picture whose style is taken.")],
    axis: Annotated[list[str], typer.Option(help="FIELD=v1,v2,... of the recipe; once or twice.")],
    out: Annotated[str, typer.Option(help="Folder or s3:// prefix for sheet.png, sweep.csv, losses.png.")],
    mask: Annotated[str | None, typer.Option(help="White where the content is cloth.")] = None,
    recipe: RecipeName = None,
    device: Device = None,
) -> None:
    """Paint one pair by every value of one or two recipe fields, and lay them side by side."""
    with report_errors():
        from flows.pictures.experiments import sweep

        for uri in sweep(content, style, axis, out, mask, recipe, device):
            typer.echo(uri)


@app.command("reconstruct", epilog="Example: stylemill reconstruct style batik.png --out layers")
def reconstruct_command(
    what: Annotated[str, typer.Argument(help="content or style.")],
    picture: Annotated[str, typer.Argument(help="A file or s3:// object.")],
    out: Annotated[str, typer.Option(help="Folder or s3:// prefix for the sheet.")],
    layers: Annotated[str, typer.Option(help="Layer names with commas between.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Steps of L-BFGS for each.")] = 100,
    recipe: RecipeName = None,
    device: Device = None,
) -> None:
    """Show what the recipe's encoder keeps of a picture: content by layer, or style by growing sets of layers."""
    with report_errors():
        from flows.pictures.experiments import RECONSTRUCTED, reconstruct

        names = [name.strip() for name in layers.split(",") if name.strip()] or RECONSTRUCTED
        for uri in reconstruct(what, picture, out, names, recipe, steps, device):
            typer.echo(uri)
