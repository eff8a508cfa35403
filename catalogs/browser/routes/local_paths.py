"""Paths of this server in addresses that anybody may have written."""


def local_path(path: str) -> str:
    """The path, where it leads to a page of this server; "/" for every other address."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"
