"""Pictures in the texts of EPUB, Word and HTML files: shown where they stand, as nothing but their pixels."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import pytest
from helpers.documents import text_file
from helpers.formats import write_docx, write_epub, xhtml
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reader.app.accounts import USER_HEADER
from reader.app.page.typeset import typeset
from reader.app.pages import Pictures
from reader.app.routes import routes
from reader.app.service import Service
from reader.app.workspace import Workspace
from reader.errors import DocumentError
from storage import LOCAL_USER, NotFound, Store, backup, original_file, verify

HIDDEN = b"<script>alert(1)</script>"
WORDS = "The keeper lit the lamp and wrote it in the book. "


def drawn(kind: str = "PNG", side: int = 8, colour: str = "red", **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", (side, side), colour).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def nobody(service: Service) -> Workspace:
    return Workspace(service)


def shown(workspace: Workspace, document_id: str, number: int = 1) -> str:
    """A page's text with [alternative words] where a picture stands."""
    html = re.sub(
        r'<img src="illustration/\w+/\d+" alt="([^"]*)">', r"[\1]", typeset(workspace.page(document_id, number))
    )
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def book(tmp_path: Path, name: str = "a.epub") -> Path:
    first = (
        '<h1>The Wheel</h1><p>It hangs on a shaft.</p><figure><img src="pictures/w%20heel.png" alt="a wheel &amp; its race"/>'
        '<figcaption>Figure 1. The wheel.</figcaption></figure><p>A sign <img src="../OPS/pictures/sign.gif" alt="of a hand"/>'
        ' points down.</p><p><img src="pictures/end.jpg" alt="the end"/></p>'
    )
    cover = '<svg xmlns="http://www.w3.org/2000/svg"><image href="pictures/cover.webp" width="9" height="9"/></svg>'
    second = (
        "<h1>The Race</h1><p>It runs below.</p><p><img src='https://example.org/x.png' alt='from elsewhere'/>"
        "<img src='pictures/drawing.svg' alt='a drawing'/><img src='../../../etc/passwd.png' alt='a path'/></p>"
    )
    pictures = {
        "OPS/pictures/w heel.png": drawn(),
        "OPS/pictures/sign.gif": drawn("GIF"),
        "OPS/pictures/end.jpg": drawn("JPEG", 3000, comment=HIDDEN),
        "OPS/pictures/cover.webp": drawn("WEBP"),
        "OPS/pictures/drawing.svg": b"<svg/>",
    }
    contents = '<ol><li><a href="one.xhtml">The Wheel</a></li><li><a href="two.xhtml">The Race</a></li></ol>'
    chapters = {"cover.xhtml": xhtml(cover), "one.xhtml": xhtml(first), "two.xhtml": xhtml(second)}
    return write_epub(tmp_path / name, chapters, contents=contents, more=pictures)


def test_the_pictures_of_a_book_stand_at_their_places_and_those_of_the_web_do_not(
    nobody: Workspace, tmp_path: Path
) -> None:
    document_id = nobody.add(book(tmp_path)).id
    said = "The Wheel It hangs on a shaft. Figure 1. The wheel. A sign points down. The Race It runs below."
    assert " ".join(nobody.text(document_id).split()) == said
    assert shown(nobody, document_id) == (
        "[] The Wheel It hangs on a shaft. [a wheel &amp; its race] Figure 1. The wheel. "
        "A sign [of a hand] points down. [the end]"
    )
    assert shown(nobody, document_id, 2) == "The Race It runs below."


def test_a_quote_is_marked_across_a_picture(nobody: Workspace, tmp_path: Path) -> None:
    document_id = nobody.add(book(tmp_path)).id
    start = nobody.text(document_id).index("sign points")
    html = typeset(nobody.page(document_id, 1, start, start + len("sign points")))
    assert len(re.findall("<img", html)) == 4
    assert re.findall("<mark>(.*?)</mark>", html) == ["sign", "points"]


def test_the_pictures_of_a_word_file_stand_at_their_places(nobody: Workspace, tmp_path: Path) -> None:
    relations = "".join(
        f'<Relationship Id="{key}" Target="{target}"{more}/>'
        for key, target, more in (
            ("p1", "media/image1.png", ""),
            ("p2", "https://example.org/x.png", ' TargetMode="External"'),
            ("p3", "media/image2.emf", ""),
        )
    )

    def drawing(key: str) -> str:
        return (
            f'<w:r><w:drawing><wp:docPr xmlns:wp="wp" descr="picture {key}"/><a:blip xmlns:a="a" xmlns:r="r" r:embed="{key}"/>'
            "</w:drawing></w:r>"
        )

    body = (
        f"<w:p><w:r><w:t>Before.</w:t></w:r></w:p><w:p>{drawing('p1')}{drawing('p2')}{drawing('p3')}</w:p>"
        "<w:p><w:r><w:t>Behind.</w:t></w:r></w:p>"
    )
    more: dict[str, str | bytes] = {
        "word/_rels/document.xml.rels": f"<r>{relations}</r>",
        "word/media/image1.png": drawn(),
        "word/media/image2.emf": b"\1\0\0\0",
    }
    document_id = nobody.add(write_docx(tmp_path / "a.docx", body, more)).id
    assert shown(nobody, document_id) == "Before. [picture p1] Behind."
    assert nobody.illustration(document_id, 0)[0] == "image/png"


def test_the_pictures_that_a_web_page_holds_itself_are_shown(nobody: Workspace, tmp_path: Path) -> None:
    def held(kind: str, data: bytes) -> str:
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    pictures = (
        ("https://example.org/x.png", "from elsewhere"),
        (held("image/svg+xml", b"<svg onload='alert(1)'/>"), "a drawing"),
        (held("image/png", drawn()), "red"),
        (held("text/html", HIDDEN), "a page"),
        (held("image/jpeg", drawn("JPEG", colour="blue")), "blue"),
    )
    file = tmp_path / "a.html"
    file.write_text(f"<p>{WORDS}</p>" + "".join(f'<p><img src="{at}" alt="{alt}"></p>' for at, alt in pictures))
    document_id = nobody.add(file).id
    assert shown(nobody, document_id) == f"{WORDS}[red] [blue]"
    assert Image.open(BytesIO(nobody.illustration(document_id, 1)[1])).getpixel((4, 4))[2] > 200  # type: ignore[index]


def test_a_picture_is_sent_as_its_pixels_and_no_larger_than_a_window(
    service: Service, nobody: Workspace, tmp_path: Path
) -> None:
    document_id = nobody.add(book(tmp_path)).id
    client = TestClient(Starlette(routes=list(routes(service, Pictures()))), headers={USER_HEADER.decode(): LOCAL_USER})
    kinds = []
    for number in range(4):
        sent = client.get(f"/illustration/{document_id}/{number}")
        assert sent.status_code == 200
        assert HIDDEN not in sent.content
        kinds.append(sent.headers["content-type"])
        with Image.open(BytesIO(sent.content)) as image:
            assert max(image.size) <= 1200
    assert kinds == ["image/png", "image/png", "image/png", "image/jpeg"]
    for wrong in (f"{document_id}/4", f"{document_id}/-1", f"{'0' * 64}/0"):
        assert client.get(f"/illustration/{wrong}").status_code == 404


@pytest.mark.parametrize(
    "data",
    [HIDDEN, b"\x89PNG\r\n\x1a\n torn", b"", drawn()[:40], drawn("PNG", 8000)],
    ids=["a script", "torn", "empty", "cut off", "too many pixels"],
)
def test_what_is_no_picture_or_too_large_a_one_is_refused(nobody: Workspace, tmp_path: Path, data: bytes) -> None:
    chapter = xhtml(f"<p>{WORDS}</p><p><img src='a.png' alt='a'/></p>")
    document_id = nobody.add(write_epub(tmp_path / "a.epub", {"one.xhtml": chapter}, more={"OPS/a.png": data})).id
    assert shown(nobody, document_id) == f"{WORDS}[a]"
    with pytest.raises(DocumentError, match=r"cannot be shown|damaged"):
        nobody.illustration(document_id, 0)


def test_the_file_is_the_users_own_and_is_verified_backed_up_and_removed(
    nobody: Workspace, service: Service, store: Store, tmp_path: Path
) -> None:
    ann = Workspace(service, "ann")
    file = book(tmp_path)
    document_id = nobody.add(file).id
    with pytest.raises(NotFound):
        ann.illustration(document_id, 0)
    ann.add(text_file(tmp_path, nobody.text(document_id)))
    original = nobody.get(document_id).original
    assert original is not None
    kept = original_file(store.folder, original)
    assert (kept.suffix, kept.read_bytes()) == (".epub", file.read_bytes())
    assert verify(store).faults == ()
    backup(store, tmp_path / "copy")
    assert original_file(tmp_path / "copy", original).read_bytes() == file.read_bytes()
    kept.write_bytes(b"torn")
    assert [fault.file for fault in verify(store).faults] == [f"originals/{kept.name}"]
    kept.unlink()
    assert [fault.file for fault in verify(store).faults] == [f"originals/{kept.name}"]
    with pytest.raises(NotFound, match="add the file again"):
        nobody.illustration(document_id, 0)
    assert shown(nobody, document_id, 2) == "The Race It runs below."
    nobody.add(file)
    nobody.remove(document_id)
    assert list((store.folder / "originals").iterdir()) == []


def test_where_the_text_is_another_one_no_picture_is_put_at_a_wrong_place(
    nobody: Workspace, store: Store, tmp_path: Path
) -> None:
    document_id = nobody.add(book(tmp_path)).id
    original = nobody.get(document_id).original
    assert original is not None
    chapter = xhtml("<p>Another.</p><p><img src='a.png' alt='a'/></p>")
    other = write_epub(tmp_path / "b.epub", {"one.xhtml": chapter}, more={"OPS/a.png": drawn()})
    original_file(store.folder, original).write_bytes(other.read_bytes())
    assert "[" not in shown(nobody, document_id)
