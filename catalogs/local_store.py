"""A folder as a store."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from catalogs import keys
from catalogs.errors import FullError, NotAllowedError, NotFoundError, StoreError
from catalogs.store_contract import ObjectInfo

PARTIAL = ".partial-"
DELTA_PARTIAL = re.compile(rf"{keys.TABLE}/.+#\d+")
"""What the Delta library writes beside and renames, as we do; its own vacuum does not see these."""

UMASK = os.umask(0o022)
"""The process's own; it can only be read by setting it, which threads must not see, so it is read once."""
os.umask(UMASK)


class LocalStore:
    """Objects are files below a folder, which is made by the first write."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist yet."""
        try:
            self._folder = folder.expanduser().resolve()
        except RuntimeError as error:
            raise StoreError(f"{folder}: {error} Write the path out.") from error

    @property
    def uri(self) -> str:
        """The folder's path."""
        return str(self._folder)

    @property
    def fault(self) -> str:
        """What keeps the folder from holding anything yet; empty where nothing does."""
        if self._folder.is_dir():
            return ""
        return "is a file, not a folder" if self._folder.exists() else "does not exist"

    def read(self, key: str) -> bytes:
        """Contents of a file."""
        path = self._path(key)
        with _explained(f"reading {path}"):
            return path.read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Create or replace a file: written beside, synced, then renamed."""
        path = self._path(key)
        with _explained(f"writing {path}"):
            partial = _write_beside(path, data)
            try:
                partial.replace(path)
            except OSError:
                partial.unlink(missing_ok=True)
                raise

    def create(self, key: str, data: bytes) -> bool:
        """Create a file; False if it is there already. A hard link is the atomic test."""
        path = self._path(key)
        with _explained(f"creating {path}"):
            partial = _write_beside(path, data)
            try:
                os.link(partial, path)
            except FileExistsError:
                # On NFS a request whose answer was lost is sent again, and meets its own link.
                return partial.stat().st_nlink > 1
            finally:
                partial.unlink(missing_ok=True)
        return True

    def exists(self, key: str) -> bool:
        """Whether the file is there."""
        path = self._path(key)
        with _explained(f"looking for {path}"):
            return path.is_file()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every file whose key begins with `prefix`, by key; half-written ones are not shown."""
        return self._shown(prefix, halves=False)

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Files that were being written when their writer was killed."""
        return self._shown(prefix, halves=True)

    def _shown(self, prefix: str, *, halves: bool) -> Iterator[ObjectInfo]:
        with _explained(f"listing {self._folder}"):
            for path in sorted(self._walk(prefix)):
                key = path.relative_to(self._folder).as_posix()
                if (path.name.startswith(PARTIAL) or bool(DELTA_PARTIAL.fullmatch(key))) != halves:
                    continue
                try:
                    status = path.stat()
                except FileNotFoundError:
                    # Removed since the walk, or a link to nowhere (an editor's lock): no object.
                    continue
                yield ObjectInfo(
                    key,
                    status.st_size,
                    # Not the time of writing: a copy may bring that of another file of the same size.
                    f"{status.st_ctime_ns:x}-{status.st_size:x}",
                    datetime.fromtimestamp(status.st_mtime, UTC),
                )

    def delete(self, key: str) -> None:
        """Remove a file, if there is one."""
        path = self._path(key)
        with _explained(f"deleting {path}"):
            path.unlink(missing_ok=True)

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:
        """The table's folder; no options."""
        return str(self._path(table)), {}

    def _path(self, key: str) -> Path:
        return self._folder / keys.check_key(key)

    def _walk(self, prefix: str) -> Iterator[Path]:
        start = self._folder / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(start):
            for name in names:
                path = Path(folder, name)
                if path.relative_to(self._folder).as_posix().startswith(prefix):
                    yield path


def _write_beside(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~UMASK)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return partial


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{what}: there is no such file. Check the path.") from error
    except IsADirectoryError as error:
        raise NotFoundError(f"{what}: that is a folder, not a file. Check the path.") from error
    except NotADirectoryError as error:
        raise NotFoundError(f"{what}: a part of the path is a file, not a folder. Check the path.") from error
    except PermissionError as error:
        raise NotAllowedError(f"{what}: permission denied. Check the folder's owner and mode.") from error
    except OSError as error:
        if error.errno == errno.EROFS:
            raise NotAllowedError(f"{what}: the file system is read-only. Choose another folder.") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FullError(
                f"{what}: the disk is full. Make room, then run the same command again."
            ) from error
        raise StoreError(f"{what}: {error.strerror or error}.") from error
