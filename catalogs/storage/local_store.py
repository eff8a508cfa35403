"""A folder as a store."""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from catalogs import keys
from catalogs.errors import FullError, NotAllowedError, NotAnObjectError, NotFoundError, StoreError
from catalogs.storage import addresses, delta_places
from catalogs.storage.store_contract import LARGEST, ObjectInfo, require_size

PARTIAL = ".partial-"
DELTA_PARTIAL = re.compile(rf"{keys.TABLE}/.+#\d+")
"""Files that the Delta library writes and then renames, as this store does; the library's vacuum does not see them."""

UMASK = os.umask(0o022)
"""The process's own; it can only be read by setting it, which threads must not see, so it is read once."""
os.umask(UMASK)

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""Errors of `link` where a disk knows no hard links; missing rights give EACCES."""
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Errors of `stat` where there is no file: nothing, a file as a folder, links in a circle."""
NO_FOLDER_SYNC = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF)
"""Errors of `fsync` of a folder where the disk does not have it; then a folder's entries are as safe as files."""


class LocalStore:
    """A store whose objects are files below a folder; the first write makes the folder."""

    def __init__(self, folder: Path, *, bound: bool = True) -> None:
        """`folder` need not exist yet.

        A catalog is `bound`: links that lead out of its folder are refused, as its rows may be a stranger's.
        """
        self._bound = bound
        self._folder = _resolved(folder)

    @property
    def uri(self) -> str:
        """The folder's path, as text."""
        return str(self._folder)

    @property
    def fault(self) -> str:
        """Why the folder cannot hold anything yet; empty where it can."""
        if self._folder.is_dir():
            return ""
        return "is a file, not a folder" if self._folder.exists() else "does not exist"

    def read(self, key: str) -> bytes:
        """The bytes of a file; NotFoundError where there is none, NotAnObjectError where it is not a usable file."""
        path = self._path(key)
        with _explained(f"reading {path}"):
            self._require_inside(path)
            # Without O_NONBLOCK a pipe that nobody writes to would be waited for, for ever.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                _require_readable(path, status.st_mode, status.st_size)
                # As much memory is taken at once as is asked for: the largest only of a file that grows meanwhile.
                data = file.read(status.st_size + 1)
                if len(data) > status.st_size:
                    data += file.read(LARGEST + 1 - len(data))
                _require_readable(path, status.st_mode, len(data))
                return data

    def write(self, key: str, data: bytes) -> None:
        """Create or replace a file: written beside, synced, then renamed."""
        path = self._path(key)
        with _explained(f"writing {path}"):
            self._require_inside(path.parent)
            partial = self._write_beside(path, data)
            try:
                partial.replace(path)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)

    def create(self, key: str, data: bytes) -> bool:
        """Create a file; False if it exists already. A hard link is the atomic test.

        Raises StoreError where the disk knows no hard links.
        """
        path = self._path(key)
        with _explained(f"creating {path}"):
            self._require_inside(path.parent)
            partial = self._write_beside(path, data)
            try:
                os.link(partial, path)
            except FileExistsError:
                # On NFS a request whose answer was lost is sent again, and meets its own link.
                return partial.stat().st_nlink > 1
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                raise StoreError(
                    f"creating {path}: this disk knows no hard links (exFAT, some network disks), by which designs"
                    " are filed once: choose another folder."
                ) from error
            finally:
                partial.unlink(missing_ok=True)
        return True

    def sync(self, written: Iterable[str]) -> None:
        """Have the disk keep files that another library wrote, and their folders' entries; missing files do no harm."""
        folders: dict[Path, None] = {}
        for key in written:
            path = self._path(key)
            with _explained(f"keeping {path}"), suppress(FileNotFoundError):
                _sync(path)
                folders |= dict.fromkeys((path.parent, *self._above(path.parent)))
        for folder in folders:
            with _explained(f"keeping {folder}"):
                _sync_folder(folder)

    def _above(self, folder: Path) -> Iterator[Path]:
        """Folders of the store that a folder lies in, inner ones first."""
        return (parent for parent in folder.parents if parent.is_relative_to(self._folder))

    def _write_beside(self, path: Path, data: bytes) -> Path:
        new = [parent for parent in (path.parent, *self._above(path.parent)) if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _written_partly(path.parent, data)
        for folder in new:
            _sync_folder(folder.parent)
        return partial

    def exists(self, key: str) -> bool:
        """Whether the file is there."""
        return self.stat(key) is not None

    def stat(self, key: str) -> ObjectInfo | None:
        """The key, size, ETag and time of one file; None if there is none."""
        path = self._path(key)
        with _explained(f"looking for {path}"):
            try:
                status = path.stat()
            except OSError as error:
                if error.errno not in NOT_THERE:
                    raise
                return None
            return _object_info(key, status) if stat.S_ISREG(status.st_mode) else None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every file whose key begins with `prefix`, by key; half-written files are left out."""
        return self._listed_files(prefix, halves=False)

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Files that were being written when their writer was killed."""
        return self._listed_files(prefix, halves=True)

    def _listed_files(self, prefix: str, *, halves: bool) -> Iterator[ObjectInfo]:
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
                yield _object_info(key, status)

    def delete(self, key: str) -> None:
        """Remove a file, if there is one."""
        path = self._path(key)
        with _explained(f"deleting {path}"):
            self._require_inside(path.parent)
            path.unlink(missing_ok=True)

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:
        """The table's folder; no options. StoreError where the Delta library would read another place."""
        folder = self._path(table)
        with _explained(f"looking for {folder}"):
            self._require_inside(folder)
        return delta_places.of_folder(str(self._folder), table), {}

    def _path(self, key: str) -> Path:
        return self._folder / keys.check_key(key)

    def _require_inside(self, path: Path) -> None:
        """Raise NotAnObjectError where a link on the way leads out of the catalog."""
        target = path.resolve() if self._bound else path
        if not target.is_relative_to(self._folder):
            raise NotAnObjectError(
                f"{path} is, or lies behind, a link that leads out of the catalog, to {target}: put the files"
                " themselves into the catalog's folder."
            )

    def _walk(self, prefix: str) -> Iterator[Path]:
        start = self._folder / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(start):
            for name in names:
                path = Path(folder, name)
                if path.relative_to(self._folder).as_posix().startswith(prefix):
                    yield path


def _resolved(folder: Path) -> Path:
    """The folder without links, whether it exists or not; StoreError where no folder can be there, or be seen."""
    name = addresses.readable_address(str(folder))
    try:
        home = folder.expanduser()
    except RuntimeError as error:
        raise StoreError(f"{name}: there is no user's home of this name. Write the path out.") from error
    try:
        resolved = home.resolve()
        with suppress(FileNotFoundError, NotADirectoryError):
            resolved.stat()
    except (RuntimeError, ValueError) as error:
        why = "links lead in a circle" if isinstance(error, RuntimeError) else str(error)
        raise StoreError(f"{name}: {why}. Choose another folder.") from error
    except PermissionError as error:
        raise NotAllowedError(f"{name}: permission denied. Check the folder's owner and mode.") from error
    except OSError as error:
        raise StoreError(f"{name}: {error.strerror}. Choose another folder.") from error
    return resolved


def _object_info(key: str, status: os.stat_result) -> ObjectInfo:
    # Not the time of writing: a copy may bring that of another file of the same size.
    etag = f"{status.st_ctime_ns:x}-{status.st_size:x}"
    return ObjectInfo(key, status.st_size, etag, datetime.fromtimestamp(status.st_mtime, UTC))


def _require_readable(path: Path, mode: int, size: int) -> None:
    """Raise NotAnObjectError for a device, pipe or socket, and for a file that is too large for a catalog."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise NotAnObjectError(f"{path} is a device, pipe or socket, not a file: put a file in its place.")
    require_size(str(path), size)


def _written_partly(folder: Path, data: bytes) -> Path:
    """A file with these contents, safe on the disk, under a name that is no object's."""
    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=folder)
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


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep a folder's entries: names that were made, given or taken there."""
    try:
        _sync(folder)
    except PermissionError:
        # A folder that may be written and not read; its entries go with the file system's next own sync.
        return
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Errors of the operating system as errors of catalogs; a StoreError passes unchanged."""
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
