"""A pinned package: fetched by the npm that we bring, from a registry as npm knows them."""

import base64
import hashlib
import io
import json
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import npm_package
from infra.local.ports import any_free_port
from infra.npm_package import NpmPackage, PackageError

PublishPackage = Callable[[list[tarfile.TarInfo]], NpmPackage]


def file(path: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size = 2
    return member


def link(path: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


PACKAGE_JSON = file("package/package.json")


def integrity(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublishPackage]:
    """A registry with one package, of the members given."""
    answers: dict[str, bytes] = {}

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path)
            self.send_response(200 if content else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    def with_members(members: list[tarfile.TarInfo]) -> NpmPackage:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for member in members:
                tar.addfile(member, io.BytesIO(b"{}") if member.isfile() else None)
        answers["/some.tgz"] = packed.getvalue()
        pinned = integrity(packed.getvalue())
        dist = {"tarball": f"{address}/some.tgz", "integrity": pinned}
        version = {"name": "some", "version": "1.2.3", "dist": dist}
        answers["/some"] = json.dumps({"name": "some", "versions": {"1.2.3": version}}).encode()
        return NpmPackage("some", "1.2.3", pinned)

    yield with_members
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "into" / "here"
    made.mkdir(parents=True)
    return made


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder.parent)) for path in folder.parent.rglob("*") if not path.is_dir())


def test_writes_the_files_that_are_wanted_and_leaves_nothing_else(publish: PublishPackage, folder: Path) -> None:
    package = publish([PACKAGE_JSON, file("package/dist/a.js"), file("package/dist/ort/b.js")])

    package.unpack(folder, wanted=lambda path: path.startswith("dist/") and "ort" not in path)

    assert written(folder) == ["here/dist/a.js"]
    assert (folder / "dist" / "a.js").read_bytes() == b"{}"


def test_what_is_not_what_was_pinned_is_refused_before_anything_is_written(
    publish: PublishPackage, folder: Path
) -> None:
    publish([PACKAGE_JSON])
    another = NpmPackage("some", "1.2.3", integrity(b"another"))

    with pytest.raises(PackageError, match=r"^What npm fetched as some 1\.2\.3 is not what was pinned: "):
        another.unpack(folder)
    assert written(folder) == []


@pytest.mark.parametrize(
    "member",
    [
        file("package/../../out.js"),
        file("/out.js"),
        link("package/out.js", "/etc/passwd"),
    ],
    ids=lambda member: member.name + member.linkname,
)
def test_what_is_no_file_below_the_package_is_refused(
    publish: PublishPackage, folder: Path, member: tarfile.TarInfo
) -> None:
    package = publish([PACKAGE_JSON, member])

    with pytest.raises(PackageError, match=r"^some 1\.2\.3 holds .* which is not a file of its own\.$"):
        package.unpack(folder)
    assert set(written(folder)) <= {"here/package.json"}


def test_a_registry_that_does_not_answer_is_told_in_a_sentence(
    publish: PublishPackage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = publish([PACKAGE_JSON])
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{any_free_port()}")

    with pytest.raises(
        PackageError, match=r"^npm could not fetch some 1\.2\.3 \(.*ECONNREFUSED.*\): check the network, "
    ):
        package.unpack(folder)


def test_a_version_that_is_not_there_is_told_as_that(publish: PublishPackage, folder: Path) -> None:
    publish([PACKAGE_JSON])

    with pytest.raises(PackageError, match=r"^npm could not fetch some 9\.9\.9 \(.*No matching version found"):
        NpmPackage("some", "9.9.9", integrity(b"")).unpack(folder)


@pytest.fixture
def silent_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        for name in npm_package.PATIENCE:
            monkeypatch.delenv(name, raising=False)
        yield


def test_a_registry_that_says_nothing_is_not_waited_for_as_long_as_npm_would(
    silent_registry: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert int(npm_package.PATIENCE["npm_config_fetch_timeout"]) <= 60_000
    monkeypatch.setattr(npm_package, "PATIENCE", {"npm_config_fetch_timeout": "200", "npm_config_fetch_retries": "0"})

    with pytest.raises(PackageError, match=r"^npm could not fetch some 1\.2\.3 \(network timeout at: .*\): check "):
        NpmPackage("some", "1.2.3", integrity(b"")).unpack(folder)


def test_npm_itself_is_not_waited_for_without_end(
    silent_registry: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_package, "LONGEST_SECONDS", 1.0)

    with pytest.raises(PackageError, match=r"^npm could not fetch some 1\.2\.3 \(it was not done after 1 s\): check "):
        NpmPackage("some", "1.2.3", integrity(b"")).unpack(folder)
    assert written(folder) == []
