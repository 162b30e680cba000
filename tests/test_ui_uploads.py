"""Uploads are hostile until checked, and what the page's server answers to requests that no page sends."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import released
from PIL import Image
from starlette.testclient import TestClient
from zoo_ui import uploads
from zoo_ui.app import application
from zoo_ui.requests import for_page
from zoo_ui.uploads import Uploads

from zoo.errors import DataError

Fill = Callable[[zipfile.ZipFile], None]


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    return file.getvalue()


def zipped(tmp_path: Path, fill: Fill) -> Path:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("bomb.png", b"\0" * 50_000_000)


def compressed_otherwise(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.png", png(), zipfile.ZIP_LZMA)


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.png", png())
    archive.writestr("a.png", png())


def file_and_folder(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.png", png())
    archive.writestr("a.png/b.png", png())


def named(name: str) -> Fill:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("first.png", png())
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, png())

    return fill


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (named("../outside.png"), "not the name of a file"),
        (named("a/../../outside.png"), "not the name of a file"),
        (named("/etc/outside.png"), "not the name of a file"),
        (named("C:/outside.png"), "not the name of a file"),
        (named("a\\..\\outside.png"), "not the name of a file"),
        (named("a//b.png"), "not the name of a file"),
        (named("a/b\n.png"), "not the name of a file"),
        (named("/".join("abcdefghijk") + "/b.png"), "not the name of a file"),
        (named("x" * 200 + ".png"), "not the name of a file"),
        (link, "is a link"),
        (bomb, "more than a thousand times"),
        (compressed_otherwise, "another way than deflate"),
        (twice, "uploaded twice"),
        (file_and_folder, "uploaded twice, or is a folder too"),
        (lambda archive: archive.writestr("notes.txt", "x"), "has no pictures"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_is_refused_and_leaves_nothing(fill: Fill, said: str, tmp_path: Path) -> None:
    root = tmp_path / "runs" / "images"
    with pytest.raises(DataError, match=said):
        Uploads(root).unpack(zipped(tmp_path, fill), "images.zip")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "images.zip"]
    assert not any(root.iterdir())


def test_sizes_that_a_zip_states_wrongly_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, lambda archive: archive.writestr("a.png", png() * 20))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (7).to_bytes(4, "little")  # the size in the directory
    path.write_bytes(data)
    with pytest.raises(DataError, match="cannot be unpacked"):
        Uploads(tmp_path / "images").unpack(path, "x")
    path.write_bytes(bytes(data[: len(data) // 2]))
    with pytest.raises(DataError, match="cannot be unpacked"):
        Uploads(tmp_path / "images").unpack(path, "x")


def test_too_many_and_too_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(archive: zipfile.ZipFile) -> None:
        for name in "ab":
            archive.writestr(f"{name}.png", png())

    path = zipped(tmp_path, two)
    for limit, value, said in (
        ("_MOST_MEMBERS", 1, "has 2 files"),
        ("_MOST_FILES", 1, "unpacks to 2 pictures"),
        ("_MOST_UNPACKED", 50, "unpacks to 2 pictures"),
        ("MOST_FILE_BYTES", 50, "unpacks to 0 MB"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(uploads, limit, value)
            with pytest.raises(DataError, match=said):
                Uploads(tmp_path / "images").unpack(path, "x")
    assert Uploads(tmp_path / "images").unpack(path, "x").images == 2


def test_folders_of_a_zip_become_folders_and_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("cats/1.PNG", png())
        archive.writestr("dogs/1.jpeg", png())
        archive.writestr("__MACOSX/cats/._1.png", b"x")
        archive.writestr("recipe.toml", "x")

    made = Uploads(tmp_path / "images").unpack(zipped(tmp_path, fill), "../../My Pets!.zip")
    assert made.folder == tmp_path / "images" / "my-pets"
    assert {str(path.relative_to(made.folder)) for path in made.folder.rglob("*.*")} == {"cats/1.PNG", "dogs/1.jpeg"}
    assert (made.images, made.skipped) == (2, 2)


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    folder = released(tmp_path / "release")
    app, _ = application(tmp_path / "runs", first=str(folder), folders=(tmp_path,))
    return TestClient(app)


def test_a_folder_is_uploaded_file_by_file(page: TestClient, tmp_path: Path) -> None:
    begun = page.post("/api/uploads", json={"name": "holidays"}).json()
    at = f"/api/uploads/{begun['name']}"
    assert page.put(at, params={"path": "sea/1.png"}, content=png()).json() == {"written": True}
    assert page.put(at, params={"path": "sea/notes.txt"}, content=b"x").json() == {"written": False}
    for path in ("sea/1.png", "../x.png", "/x.png", "sea\\..\\x.png", ""):
        assert page.put(at, params={"path": path}, content=png()).status_code == 400, path
    for upload in ("..", "nothing", "%2e%2e"):
        assert page.put(f"/api/uploads/{upload}", params={"path": "x.png"}, content=png()).status_code >= 400
    assert [path.name for path in tmp_path.rglob("*.png") if "release" not in path.parts] == ["1.png"]
    assert page.get("/api/images").json()["images"][0]["name"] == "holidays"


def test_bodies_and_pictures_have_limits(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.post("/api/runs/start", content=b"x" * 70_000).status_code == 413
    assert page.post("/api/runs/start", content=b"[1]").status_code == 400
    monkeypatch.setattr("zoo_ui.image_endpoints.MOST_FILE_BYTES", 10)
    begun = page.post("/api/uploads", json={"name": "x"}).json()
    refused = page.put(f"/api/uploads/{begun['name']}", params={"path": "a.png"}, content=png())
    assert refused.status_code == 413
    answer = page.post("/reconstruct.png", params={"model": page.get("/api/models").json()["first"]}, content=b"GIF89a")
    assert answer.status_code == 400
    assert "no picture that can be read" in answer.json()["error"]


ODD = ("seed=-1", "seed=1e9", "seed=x", "seed=99999999999999999999", "scale=99", "truncation=nan", "truncation=inf")
ODD_MODELS = ("model=", "model=../../etc", "model=https://example.org/x", "model=%00")


@pytest.mark.parametrize("query", [*ODD, "class=nobody", *ODD_MODELS])
def test_odd_values_get_a_clear_error(query: str, page: TestClient) -> None:
    first = page.get("/api/models").json()["first"]
    address = f"/picture.png?{query}" if query.startswith("model") else f"/picture.png?model={first}&{query}"
    answer = page.get(address)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_lists_have_limits(page: TestClient) -> None:
    model = {"model": page.get("/api/models").json()["first"]}
    for path, values in (
        ("/sheet.png", {"seeds": "0-99999999"}),
        ("/sheet.png", {"seeds": "5-2"}),
        ("/walk.gif", {"stops": "1"}),
        ("/walk.gif", {"stops": "1,2,3,4,5,6,7,8", "steps": "60"}),
        ("/map.png", {"corners": "1,2,3"}),
        ("/map.png", {"x": "2", "y": "0"}),
        ("/edited.png", {"moves": "components:1:99"}),
        ("/edited.png", {"moves": "nothing:1:1"}),
    ):
        assert page.get(path, params=model | values).status_code == 400, (path, values)


def test_a_page_of_one_model_trains_nothing_and_takes_no_images(tmp_path: Path) -> None:
    folder = released(tmp_path / "release")
    app, _ = application(tmp_path / "runs", first=str(folder), space="dcgan.blobs")
    page = TestClient(app)
    for method, path in (
        ("POST", "/api/runs/start"),
        ("POST", "/api/run/release"),
        ("POST", "/api/uploads"),
        ("POST", "/api/uploads/zip"),
        ("GET", "/images.png?source=mnist5k"),
        ("GET", "/api/runs"),
    ):
        assert page.request(method, path).status_code == 404, path
    assert page.get("/picture.png", params={"model": str(folder)}).status_code == 200
    assert page.get("/picture.png", params={"model": "dcgan.mnist5k"}).status_code == 400
    assert not (tmp_path / "runs").exists()


def test_the_pages_files_ask_for_nothing_and_others_are_not_served(page: TestClient) -> None:
    answer = page.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for file in ("main.js", "style.css", "icon.svg"):
        body = page.get(f"/{file}")
        assert body.status_code == 200
        assert "https://" not in body.text
        assert "http://" not in body.text.replace("http://www.w3.org/2000/svg", "")
    for path in ("/app.py", "/..%2fapp.py", "/%2e%2e/app.py", "/page", "/nothing.js", "/..\\app.py"):
        assert page.get(path).status_code == 404, path


def test_hints_that_name_commands_stay_in_the_terminal() -> None:
    assert for_page("Give one with --data.") == ""
    assert for_page("Continue it: zoo resume runs/x") == ""
    assert for_page("Known: dcgan.mnist5k, mlp.mnist5k.") == "Known: dcgan.mnist5k, mlp.mnist5k."
