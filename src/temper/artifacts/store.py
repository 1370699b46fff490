"""The store: content-addressed folders that are whole or not there, in a local folder or behind any fsspec URL.

    KIND/HEX/...     the files of one artifact; HEX is its digest
    KIND/HEX.json    its manifest, written last: without it the artifact does not exist
    results/KEY.json what a stage made, by cache key

Where an artifact lies follows from its kind and digest alone. The uri of a reference is for people: whatever it names,
nothing but this store (and copies of a remote one under TEMPER_HOME) is read, written or deleted.

Local files are read-only and carry one fixed modification time, so a quick look finds whatever was written since. A bit
that changed without a trace is found by reading, which `open` and `verify` do.
"""

import os
import re
import shutil
import uuid
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any

from temper.artifacts.contents import Contents, contents, file_sha256, stream_sha256
from temper.artifacts.disk import alone, beside, doubt, explained, place, sync, sync_folders, untouched
from temper.artifacts.refs import KINDS, Ref, StageResult
from temper.errors import StoreError
from temper.home import home

UNSAFE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
"""Weight formats that run code when they are read."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Store:
    """Artifacts and results under one URL."""

    def __init__(self, url: str | Path | None = None) -> None:
        """`url`: a local folder or an fsspec URL; `store` under TEMPER_HOME by default."""
        self.url = str(url or home() / "store").removeprefix("file://").rstrip("/")
        self.local = "://" not in self.url
        self._tree: Any = _tree(self.url)

    def publish(self, folder: Path, kind: str) -> Ref:
        """Put `folder` into the store whole and return its reference; equal contents are kept once.

        Local files are linked where that is safe, so `folder` is read-only from now on. Raises StoreError.
        """
        with explained(self.url):
            held = contents(folder)
            _check(folder, kind, held)
            ref = KINDS[kind](kind=kind, uri=self._path(kind, held.digest), digest=held.digest)
            with self._alone():
                if not self.whole(ref):
                    self._discard(ref)
                    self._write_folder(folder, ref.uri, held)
                    self._write_text(ref.uri + ".json", held.to_json())
            return ref

    def open(self, ref: Ref) -> Path:
        """A local folder with the verified contents of `ref`. Raises StoreError naming the file that is wrong.

        A damaged artifact is dropped, so that the next run makes it anew.
        """
        held = self.manifest(ref)
        folder = Path(self._place(ref)) if self.local else self._fetched(ref, held)
        wrong = _wrong(folder, held)
        if wrong and not self.local:  # perhaps our copy alone is damaged
            shutil.rmtree(folder)
            folder = self._fetched(ref, held)
            wrong = _wrong(folder, held)
        if wrong:
            self._discard(ref)
            if not self.local:
                shutil.rmtree(folder, ignore_errors=True)
            raise StoreError(f"{ref.kind} {ref.digest[:19]}: {wrong}; run again to make it anew")
        return folder

    def verify(self, ref: Ref) -> None:
        """Read all of `ref` where it lies. Raises StoreError naming the file that is wrong, and deletes nothing.

        A local file that is wrong loses its stamp: from then on `whole` sees what it is, and a run makes it anew.
        """
        held, base = self.manifest(ref), self._place(ref)
        for entry in held.entries:
            path = f"{base}/{entry.name}"
            try:
                with self._tree.open(self._inner(path), "rb") as file:
                    wrong = None if stream_sha256(file) == entry.sha256 else "is damaged"
            except FileNotFoundError:
                wrong = "is missing"
            if wrong:
                if self.local:
                    doubt(Path(path))
                again = "run again" if self.local else f"delete {base}.json and run again"
                raise StoreError(
                    f"{ref.kind} {ref.digest[:19]}: {path} {wrong}; put it back from a copy, or {again} to make it anew"
                )

    def whole(self, ref: Ref) -> bool:
        """Whether `ref` is there with all its files and sizes; files touched since publishing are read again."""
        try:
            held = self.manifest(ref)
        except StoreError:
            return False
        base = self._place(ref)
        if self.local:
            return all(untouched(Path(base) / entry.name, entry) for entry in held.entries)
        there = {name: info["size"] for name, info in self._tree.find(self._inner(base), detail=True).items()}
        return all(there.get(f"{self._inner(base)}/{entry.name}") == entry.size for entry in held.entries)

    def size(self, ref: Ref) -> int:
        """Bytes of `ref`. Raises StoreError when it is not there."""
        return self.manifest(ref).size

    def manifest(self, ref: Ref) -> Contents:
        """Files of `ref` with their digests. Raises StoreError when it is not there."""
        base = self._place(ref)
        text = self._read_text(base + ".json")
        if text is None:
            elsewhere = "" if ref.uri == base else f", and nothing is read from elsewhere ({ref.uri})"
            raise StoreError(
                f"{ref.kind} {ref.digest[:19]} is not in the store {self.url}{elsewhere}; run again to make it anew"
            )
        try:
            held = Contents.from_json(text)
        except (ValueError, KeyError, TypeError):
            held = None
        if held is None or held.digest != ref.digest:
            raise StoreError(f"{base}.json is damaged: it is not the manifest of {ref.digest[:19]}; run again")
        return held

    def put_result(self, result: StageResult) -> None:
        """Remember what `result.key` made. Raises StoreError."""
        with explained(self.url):
            self._write_text(self._path("results", result.key) + ".json", result.model_dump_json(indent=1))

    def result(self, key: str) -> StageResult | None:
        """What `key` made, if it was made and all of it is still whole."""
        text = self._read_text(self._path("results", key) + ".json")
        if text is None:
            return None
        try:
            result = StageResult.model_validate_json(text)
        except ValueError:
            return None
        return result if all(self.whole(ref) for ref in result.artifacts.values()) else None

    def forget(self, key: str) -> None:
        """Forget what `key` made; its artifacts stay."""
        self._remove(self._path("results", key) + ".json")

    def _alone(self) -> AbstractContextManager[None]:
        """One publisher at a time in a local store."""
        return alone(Path(self.url) / ".lock") if self.local else nullcontext()

    def _path(self, *parts: str) -> str:
        return "/".join((self.url, *(part.removeprefix("sha256:") for part in parts)))

    def _place(self, ref: Ref) -> str:
        """Where this store keeps `ref`, whatever its uri says. Raises StoreError."""
        if ref.kind not in KINDS or not DIGEST.fullmatch(ref.digest):
            raise StoreError(
                f"{ref.kind} {ref.digest} ({ref.uri}) names nothing in a store: kind or digest is malformed"
            )
        return self._path(ref.kind, ref.digest)

    def _inner(self, path: str) -> str:
        return str(self._tree._strip_protocol(path))

    def _write_folder(self, folder: Path, uri: str, held: Contents) -> None:
        if not self.local:
            self._tree.put(str(folder) + "/", self._inner(uri) + "/", recursive=True)
            return
        target = Path(uri)
        with beside(target) as part:
            for entry in held.entries:
                place(folder / entry.name, part / entry.name, entry.sha256)
            sync_folders(part)
            part.rename(target)
        sync(target.parent)

    def _fetched(self, ref: Ref, held: Contents) -> Path:
        """Copy a remote artifact below TEMPER_HOME, once."""
        base = self._place(ref)
        target = home() / "cache" / ref.kind / PurePosixPath(base).name
        if all((target / entry.name).is_file() for entry in held.entries):
            return target
        shutil.rmtree(target, ignore_errors=True)
        with explained(str(target)), beside(target) as part:
            for entry in held.entries:
                (part / entry.name).parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._tree.get_file(f"{self._inner(base)}/{entry.name}", str(part / entry.name))
                except FileNotFoundError:
                    self._discard(ref)
                    raise StoreError(f"{base}/{entry.name} is missing; run again to make it anew") from None
            part.rename(target)
        return target

    def _write_text(self, path: str, text: str) -> None:
        if not self.local:
            self._tree.pipe_file(self._inner(path), text.encode())
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        sync(target.parent)

    def _read_text(self, path: str) -> str | None:
        try:
            return bytes(self._tree.cat_file(self._inner(path))).decode()
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def _remove(self, path: str) -> None:
        if self._tree.exists(self._inner(path)):
            self._tree.rm(self._inner(path), recursive=True)

    def _discard(self, ref: Ref) -> None:
        base = self._place(ref)
        self._remove(base + ".json")  # the manifest first: without it the artifact does not exist
        self._remove(base)


def _tree(url: str) -> Any:
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)[0]
    except (ImportError, ValueError) as error:
        raise StoreError(
            f"cannot use the store {url}: {error}; set runtime.store to a folder or an fsspec URL"
        ) from error


def _wrong(folder: Path, held: Contents) -> str | None:
    """The first file of a local folder that is not as it was published, in words."""
    for entry in held.entries:
        path = folder / entry.name
        if not path.is_file():
            return f"{path} is missing"
        if file_sha256(path) != entry.sha256:
            return f"{path} is damaged"
    return None


def _check(folder: Path, kind: str, held: Contents) -> None:
    if not held.entries:
        raise StoreError(f"{folder} is empty: there is nothing to publish as {kind}")
    for entry in held.entries:
        if kind == "model" and PurePosixPath(entry.name).suffix.lower() in UNSAFE:
            raise StoreError(
                f"{folder / entry.name}: weights in this format can run code when read; save them as safetensors"
            )
