"""EPUB, DOCX, HTML and RTF become documents a quote can be checked in; hostile ones cost one sentence."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from helpers.documents import PROSE, assert_tiles, slow_pdf
from helpers.formats import CONTAINER, p, pages, write_docx, write_epub, write_zip, xhtml

from reader import wording
from reader.documents import FORMATS, Document, load
from reader.documents.archive import MOST_MEMBERS
from reader.documents.isolation import Limits, parse_isolated
from reader.errors import DocumentError

DATA = Path(os.environ.get("BEACON_DATA", Path(__file__).parents[2] / "shared" / "data"))

LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {name} '{f'&{inner};' * 10}'>" for inner, name in zip("abcdefghi", "bcdefghij", strict=True)
)


# --- EPUB


def test_an_epub_is_read_in_spine_order_with_chapter_titles_as_labels(tmp_path: Path) -> None:
    long = "".join(f"<p>{PROSE * 5}</p>" for _ in range(12))
    document = load(
        write_epub(
            tmp_path / "a.epub",
            {
                "cover.xhtml": xhtml('<img src="cover.jpg" alt="cover"/>'),
                "z.xhtml": xhtml(f"<h1>I</h1>{long}"),
                "a%20b.xhtml": xhtml('<p>continued</p><h1 id="two">II</h1><p>Caf&eacute;&nbsp;at&#160;sea</p>'),
            },
            contents='<a href="z.xhtml">The Harbour</a><a href="a%20b.xhtml#two">The <i>Letter</i></a>',
            more={"OPS/a b.xhtml": xhtml('<p>continued</p><h1 id="two">II</h1><p>Caf&eacute;&nbsp;at&#160;sea</p>')},
        )
    )
    found = pages(document)
    count = len(found) - 1
    assert count > 3
    expected = ["The Harbour", *(f"The Harbour · {n}" for n in range(2, count + 1)), "The Letter"]
    assert [label for label, _ in found] == expected
    assert found[-2][1] == "continued"
    assert found[-1][1] == "II\n\nCafé at sea"
    assert (document.title, document.format, document.textless_pages) == ("The Lamp", "epub", 0)
    assert all(page.end - page.start <= 2500 for page in document.pages)


def test_epub_2_takes_its_titles_from_the_ncx(tmp_path: Path) -> None:
    ncx = (
        "<ncx><navMap><navPoint><navLabel><text>Part</text></navLabel><content src='c.xhtml'/>"
        "<navPoint><navLabel><text>Chapter</text></navLabel><content src='c.xhtml'/></navPoint></navPoint></navMap></ncx>"
    )
    package = (
        "<package><manifest><item id='n' href='toc.ncx' media-type='application/x-dtbncx+xml'/>"
        "<item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest>"
        "<spine toc='n'><itemref idref='c'/></spine></package>"
    )
    members = {"META-INF/container.xml": CONTAINER, "OPS/book.opf": package, "OPS/toc.ncx": ncx}
    document = load(write_zip(tmp_path / "my_book.epub", members | {"OPS/c.xhtml": xhtml("<p>text</p>")}))
    assert pages(document) == [("Chapter", "text")]
    assert document.title == "my book"


def test_a_book_without_a_contents_list_is_labelled_by_its_headings(tmp_path: Path) -> None:
    chapters = {"1.xhtml": xhtml("<h2>First</h2><p>one</p>"), "2.xhtml": xhtml("<p>two</p>")}
    assert [label for label, _ in pages(load(write_epub(tmp_path / "a.epub", chapters)))] == ["First", "First · 2"]


def test_a_missing_chapter_is_counted_and_a_repeated_one_read_once(tmp_path: Path) -> None:
    spine = "".join(f'<itemref idref="{ref}"/>' for ref in ("c0", "gone", "c1", "c0"))
    path = write_epub(
        tmp_path / "a.epub", {"1.xhtml": xhtml("<p>one</p>"), "2.xhtml": xhtml("<p>two</p>")}, spine=spine
    )
    document = load(path)
    assert document.text.split() == ["one", "two"]
    assert (len(document.pages), document.textless_pages) == (3, 1)


def test_an_empty_or_garbled_chapter_does_not_cost_the_others(tmp_path: Path) -> None:
    chapters = {f"{n}.xhtml": xhtml(f"<p>chapter{n}</p>") for n in range(3)}
    garbled = {"OPS/0.xhtml": b"", "OPS/1.xhtml": os.urandom(5000) + b"\0\0"}
    document = load(write_epub(tmp_path / "a.epub", chapters, more=garbled))
    assert (document.text.split(), document.textless_pages) == (["chapter2"], 1)


def test_a_chapter_that_is_not_well_formed_is_read_to_its_end(tmp_path: Path) -> None:
    body = "<html><head><title/></head><body><p>one <b>two<p>three &unknown; four</body>"
    assert load(write_epub(tmp_path / "a.epub", {"1.xhtml": body})).text.split() == [
        *("one", "two", "three", "&unknown;", "four")
    ]


def encryption(algorithm: str, target: str) -> dict[str, str | bytes]:
    return {
        "META-INF/encryption.xml": "<encryption><EncryptedData>"
        f'<EncryptionMethod Algorithm="{algorithm}"/><CipherData><CipherReference URI="{target}"/></CipherData>'
        "</EncryptedData></encryption>"
    }


def test_a_locked_book_is_refused_and_scrambled_fonts_are_not(tmp_path: Path) -> None:
    aes, fonts = "http://www.w3.org/2001/04/xmlenc#aes256-cbc", "http://www.idpf.org/2008/embedding"
    chapters = {"1.xhtml": xhtml("<p>one</p>")}
    with pytest.raises(DocumentError, match=r"^'a\.epub' is locked by digital rights management \(DRM\): .*\.$"):
        load(write_epub(tmp_path / "a.epub", chapters, more=encryption(aes, "OPS/1.xhtml")))
    for algorithm, target in ((fonts, "OPS/font.ttf"), (aes, "OPS/cover.jpg")):
        path = write_epub(tmp_path / "b.epub", chapters, more=encryption(algorithm, target))
        assert load(path).text.strip() == "one"


def test_names_that_climb_out_of_the_archive_reach_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text(xhtml("<p>secret</p>"))
    names = ["../../secret.xhtml", f"file://{tmp_path}/secret.xhtml", f"{tmp_path}/secret.xhtml", "1.xhtml"]
    items = "".join(f'<item id="c{n}" href="{x}" media-type="application/xhtml+xml"/>' for n, x in enumerate(names))
    refs = "".join(f'<itemref idref="c{n}"/>' for n in range(len(names)))
    inner = tmp_path / "in" / "deep"
    inner.mkdir(parents=True)
    write_zip(
        inner / "a.epub",
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{refs}</spine></package>",
            "OPS/1.xhtml": xhtml("<p>one</p>"),
            "../../../evil.txt": "evil",
        },
    )
    before = sorted(tmp_path.rglob("*"))
    document = load(inner / "a.epub")
    assert document.text.split() == ["one"]
    assert document.textless_pages == 3
    assert sorted(tmp_path.rglob("*")) == before


# --- DOCX


def test_a_docx_gives_headings_paragraphs_tables_lists_and_notes(tmp_path: Path) -> None:
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(p('a'))}{cell(p(''))}{cell(p('c'))}</w:tr><w:tr>{cell(p('d'))}{cell(p('e'))}</w:tr></w:tbl>"
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    body = (
        p("The Lamp", '<w:pStyle w:val="H1"/>')
        + p("Chapter", '<w:pStyle w:val="Mine"/>')
        + f"<w:p><w:r><w:t>Called</w:t></w:r>{note}<w:r><w:tab/><w:t>here.</w:t></w:r></w:p>"
        + table
        + p("item", "<w:numPr/>")
        + p("Next", '<w:outlineLvl w:val="2"/>')
        + p("end")
    )
    notes = '<w:footnotes xmlns:w="w"><w:footnote w:id="2"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    core = '<c xmlns:dc="dc"><dc:title>A Real Title</dc:title></c>'
    document = load(write_docx(tmp_path / "a.docx", body, {"word/footnotes.xml": notes, "docProps/core.xml": core}))
    assert pages(document) == [
        ("Chapter", "The Lamp\n\nChapter\n\nCalled[1] here.\n\n[1] The note.\n\na | | c\nd | e\n\n- item"),
        ("Next", "Next\n\nend"),
    ]
    assert document.title == "A Real Title"


def test_a_heading_that_only_a_program_could_name_begins_no_section(tmp_path: Path) -> None:
    style = '<w:pStyle w:val="H1"/>'
    named = "{D666F1F7-46CB-42BD-9A39-9A39CF2A509F}"
    body = p("Harbours", style) + p("one") + p(named, style) + p("two") + p("Fees of 2019", style) + p("three")
    assert pages(load(write_docx(tmp_path / "a.docx", body))) == [
        ("Harbours", f"Harbours\n\none\n\n{named}\n\ntwo"),
        ("Fees of 2019", "Fees of 2019\n\nthree"),
    ]


def test_a_docx_keeps_what_a_reader_sees_and_only_that(tmp_path: Path) -> None:
    run = "<w:r><w:t>{}</w:t></w:r>".format
    body = (
        f"<w:p><w:ins>{run('inserted ')}</w:ins><w:sdt><w:sdtContent>{run('control ')}</w:sdtContent></w:sdt>"
        f"<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath></w:p>"
        f"<w:p><w:del><w:r><w:delText>DELETED</w:delText></w:r></w:del><w:moveFrom>{run('MOVED')}</w:moveFrom>"
        f"<w:r><w:rPr><w:vanish/></w:rPr><w:t>HIDDEN</w:t></w:r><w:r><w:instrText>CODE</w:instrText></w:r>{run('seen')}"
        f"<mc:AlternateContent><mc:Choice>{run(' once')}</mc:Choice><mc:Fallback>{run('TWICE')}</mc:Fallback>"
        "</mc:AlternateContent></w:p>"
    )
    macro = {"word/vbaProject.bin": b"Sub AutoOpen()" * 99}
    assert load(write_docx(tmp_path / "a.docx", body, macro)).text == "inserted control x=1\n\nseen once\n\n"


# --- HTML and RTF


def test_html_leaves_out_what_the_page_marks_as_not_its_text(tmp_path: Path) -> None:
    (tmp_path / "page_one.html").write_text(
        "<html><head><title>A  Title</title><style>STYLE</style></head><body><header>BANNER</header><nav>MENU</nav>"
        "<script>SCRIPT</script><article><header><h1>Head</h1></header>intro<p>one<br>two</p><aside>margin</aside>"
        "<ul><li><p>first</p><li>second</ul><ol><li>one<li>two</ol><pre>a  b\n c</pre>"
        "<table><tr><th>k<th>v<tr><td><p>x</p><td>y</table><p hidden>HIDDEN<p style='display: none'>NONE</p>"
        "<h2>Next</h2>tail &amp; end</article><div role=navigation>ROLE</div><footer>FOOT</footer></body></html>"
    )
    document = load(tmp_path / "page_one.html")
    assert pages(document) == [
        (
            "Head",
            "Head\n\nintro\n\none\ntwo\n\nmargin\n\n- first\n- second\n\n1. one\n2. two\n\na  b\n c\n\nk | v\nx | y",
        ),
        ("Next", "Next\n\ntail & end"),
    ]
    assert (document.title, document.format) == ("A Title", "html")


def test_a_book_of_many_articles_loses_nothing(tmp_path: Path) -> None:
    chapters = [f"<article><h2>Tale {n}</h2><p>{PROSE * 30}end{n}</p></article>" for n in range(20)]
    (tmp_path / "a.html").write_text(f"<main>A short main part</main>{''.join(chapters)}")
    document = load(tmp_path / "a.html")
    assert document.text.count("The keeper lit the lamp") == 600
    assert all(f"end{n}" in document.text for n in range(20))


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "iso-8859-1"),
        ("cp1252", "ISO-8859-1"),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("cp932", "Shift_JIS"),
        ("iso2022_jp", "iso-2022-jp"),
        ("cp1251", "windows-1251"),
        ("utf-8", "base64"),
    ],
)
def test_html_is_read_in_its_encoding(tmp_path: Path, encoding: str, declared: str) -> None:
    text = {"cp932": "灯台守", "iso2022_jp": "灯台守", "cp1251": "Смотритель"}.get(encoding, "café – naïve")
    page = f"<html><head><meta charset={declared}></head>\n<body><p>{text}</p>\n</body></html>"
    (tmp_path / "a.html").write_bytes(page.encode(encoding))
    assert load(tmp_path / "a.html").text.strip() == text


def test_rtf_becomes_text(tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\ansi\ansicpg1252 {\b caf\'e9} \u8211? na\'efve\par two}")
    assert load(tmp_path / "a.rtf").text.strip() == "café – naïve\ntwo"


# --- hostile


def refusal(path: Path, limits: Limits | None = None) -> str:
    started = time.monotonic()
    with pytest.raises(DocumentError) as caught:
        parse_isolated(path, FORMATS[path.suffix], limits=limits or Limits(cpu_seconds=60, wall_seconds=60))
    assert time.monotonic() - started < 90
    message = str(caught.value)
    assert repr(path.name) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_billions_of_laughs_are_not_told(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=256 << 20, cpu_seconds=5)
    laughing = LAUGHS + "]>"
    write_docx(tmp_path / "a.docx", p("&j;"), doctype=laughing)
    assert "damaged" in refusal(tmp_path / "a.docx", limits)
    for place in ("<p>&j; text</p>", '<p title="&j;">text</p>'):
        chapter = xhtml(place).replace("<html", f"{laughing}<html")
        document = parse_isolated(write_epub(tmp_path / "a.epub", {"1.xhtml": chapter}), "epub", limits=limits)
        assert "text" in document.text
        assert "haha" not in document.text
        (tmp_path / "a.html").write_text(chapter)
        assert "haha" not in parse_isolated(tmp_path / "a.html", "html", limits=limits).text


def test_outside_files_are_not_included(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    doctype = f"<!DOCTYPE html [<!ENTITY x SYSTEM 'file://{tmp_path}/secret.txt'>]>"
    chapter = xhtml(f"<p>&x; text</p><iframe src='{tmp_path}/secret.txt'/>").replace("<html", f"{doctype}<html")
    assert "secret" not in load(write_epub(tmp_path / "a.epub", {"1.xhtml": chapter})).text
    assert "damaged" in refusal(write_docx(tmp_path / "a.docx", p("&x; text"), doctype=doctype))


def test_a_zip_bomb_is_given_up_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = b"<p>" + b" " * (300 << 20)
    epub = write_epub(tmp_path / "a.epub", {"1.xhtml": xhtml("<p>one</p>")}, more={"OPS/1.xhtml": bomb})
    assert "expands to more than 200 times" in refusal(epub, Limits(memory_bytes=256 << 20))
    docx = write_docx(tmp_path / "a.docx", "", more={"word/document.xml": bomb})
    assert "expands to more than 200 times" in refusal(docx, Limits(memory_bytes=256 << 20))


def test_the_size_that_a_bomb_states_is_not_believed(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", "", more={"word/document.xml": b" " * (64 << 20)})
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 64 << 20), struct.pack("<I", 99)))
    refusal(path, Limits(memory_bytes=128 << 20))


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.epub", {str(n): b"" for n in range(MOST_MEMBERS + 1)})
    assert "more than 20,000 files" in refusal(path)


@pytest.mark.parametrize("tag", ["<div>", "<table><tr><td>", "<b>", "<ul><li>", "<p>a</p>"])
def test_fifty_megabytes_of_tags_end_in_one_sentence(tmp_path: Path, tag: str) -> None:
    (tmp_path / "a.html").write_text(tag * ((50 << 20) // len(tag)) + "end")
    refusal(tmp_path / "a.html")


@pytest.mark.parametrize("depth", [300, 1500])
def test_text_below_many_levels_is_not_lost(tmp_path: Path, depth: int) -> None:
    (tmp_path / "a.html").write_text("<div>" * depth + "deep" + "</div>" * depth + "after")
    assert load(tmp_path / "a.html").text.split() == ["deep", "after"]


def test_a_half_written_archive_is_refused(tmp_path: Path) -> None:
    whole = write_docx(tmp_path / "whole.docx", p(PROSE * 100)).read_bytes()
    (tmp_path / "half.docx").write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in refusal(tmp_path / "half.docx")
    flipped = bytearray(whole)
    flipped[whole.index(b"word/document.xml") + 60] ^= 0xFF
    (tmp_path / "flipped.docx").write_bytes(flipped)
    assert "is damaged" in refusal(tmp_path / "flipped.docx")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_parent_takes_the_child_with_it(tmp_path: Path) -> None:
    path = slow_pdf(tmp_path / "slow.pdf")
    code = f"from pathlib import Path; from reader.documents import load; load(Path({str(path)!r}))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        deadline = time.monotonic() + 60
        while not (child := children.read_text().split()) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        assert is_running(child[0])
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while is_running(child[0]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(child[0])


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


# --- real files


def outcome(path: Path) -> tuple[Document | str, float, int]:
    """What became of a file, in how many seconds, and the peak bytes of this worker's parsers so far."""
    started = time.monotonic()
    result: Document | str
    try:
        result = parse_isolated(path, FORMATS[path.suffix], limits=Limits(cpu_seconds=60, wall_seconds=120))
    except DocumentError as exc:
        result = str(exc)
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return result, time.monotonic() - started, peak_bytes


@pytest.mark.skipif(not (DATA / "docs").is_dir(), reason="the real documents are not here (BEACON_DATA)")
def test_every_real_and_hostile_file_ends_in_a_document_or_one_sentence() -> None:
    files = sorted(path for path in (DATA / "docs").glob("*/*") if path.suffix in FORMATS)
    # Workers of their own, because a process knows the peak of all its children only.
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as workers:
        outcomes = list(zip(files, workers.map(outcome, files), strict=True))
    books: dict[str, Document] = {}
    refusals: dict[str, str] = {}
    for path, (result, seconds, _) in outcomes:
        if isinstance(result, Document):
            assert_tiles(result)
            books[path.name] = result
            shown = (
                f"{len(result.pages):5} pages {result.textless_pages:4} without text {len(result.text):9,} characters"
            )
        else:
            assert repr(path.name) in result
            assert "\n" not in result
            assert "crashed" not in result
            refusals[path.name] = shown = result
        print(f"{path.parent.name + '/' + path.name[:38]:52} {seconds:5.2f} s  {shown}")
    peak_bytes = max(peak for _, (_, _, peak) in outcomes)
    print(f"peak {peak_bytes >> 20:,} MiB")
    assert peak_bytes < 1 << 30
    assert len(books["freeculture.pdf"].pages) == 352
    assert "Lessig" in books["freeculture.pdf"].text
    assert books["mupdf_explored.pdf"].pages[2].label == "ii — Acknowledgements"
    assert "password" in refusals["enc_r3-user-password.pdf"]
    assert "text layer" in refusals["MEDRPT-2024-PAT-3847_medical_report_scan.pdf"]
    assert "Call me Ishmael" in books["moby-dick.epub"].text
    assert "A Scandal in Bohemia" in {page.label for page in books["standardebooks_sherlock-holmes.epub"].pages}
    assert "λ" in books["equations.docx"].text


@pytest.mark.parametrize(
    ("core", "title"), [("", "Lease of 12 Quay Street"), ("<c><title>The lease</title></c>", "The lease")]
)
def test_a_word_file_is_called_by_its_title(tmp_path: Path, core: str, title: str) -> None:
    styles = '<w:styles xmlns:w="w"><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style></w:styles>'
    body = p("A draft.") + p("Lease of 12 Quay Street", '<w:pStyle w:val="Titel"/>') + p("The rent is due.")
    more: dict[str, str | bytes] = {"word/styles.xml": styles} | ({"docProps/core.xml": core} if core else {})
    assert load(write_docx(tmp_path / "scan_0042.docx", body, more)).title == title
    assert load(write_docx(tmp_path / "scan_0043.docx", p("No title."))).title == "scan 0043"


SUBTITLES = """WEBVTT
Kind: captions

STYLE
::cue { color: red }

NOTE
made by hand

1
00:00.000 --> 00:02.500 align:start position:0%
<v Nadia Holt>Good evening. The balance is <b>4,120</b> pounds &amp; some pence.

2
00:02.500 --> 00:05.000
<v Nadia Holt>We spent 300 on the pier.

3
00:05.000 --> 00:07.000
<v Tom Reed>And who pays for the new boat?

01:02:03.000 --> 01:02:05.000
The members
do, all of them

01:02:05.000 --> 01:02:07.000
do, all of them
by<01:02:05.500><c> the end of May.</c>
"""
SPOKEN = (
    "Nadia Holt: Good evening. The balance is 4,120 pounds & some pence. We spent 300 on the pier.\n\n"
    "Tom Reed: And who pays for the new boat?\n\n",
    "The members do, all of them by the end of May.\n\n",
)


def test_subtitles_are_read_as_what_is_said_by_whom_and_when(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").write_text(SUBTITLES)
    (tmp_path / "talk.srt").write_text(
        "1\r\n00:00:01,000 --> 00:00:04,000\r\n{\\an8}<i>The lamp</i> was lit\r\n\r\n"
        "2\r\n00:00:04,500 --> 00:00:08,000\r\nat dusk.\r\n3\r\n00:00:08,000 --> 00:00:09,000\r\n- By whom?\r\n"
    )
    document, other = load(tmp_path / "talk.vtt"), load(tmp_path / "talk.srt")
    assert [(page.label, document.text[page.start : page.end]) for page in document.pages] == [
        ("0:00", SPOKEN[0]),
        ("1:02:03", SPOKEN[1]),
    ]
    assert other.text == "The lamp was lit at dusk.\n\n- By whom?\n\n"
    assert wording.places(wording.place(page.label) for page in document.pages) == "times 0:00 and 1:02:03"


def test_long_subtitles_have_a_page_for_each_minute_or_so(tmp_path: Path) -> None:
    times = [f"00:{n // 20:02}:{n % 20 * 3:02}" for n in range(1001)]
    cues = (f"{n}\n{times[n]},000 --> {times[n]},900\nThe keeper said word {n} of it.\n" for n in range(1, 1000))
    (tmp_path / "long.srt").write_text("\n".join(cues))
    document = load(tmp_path / "long.srt")
    starts = [
        int(minutes) * 60 + int(seconds) for minutes, seconds in (page.label.split(":") for page in document.pages)
    ]
    assert all(45 <= after - before <= 120 for before, after in itertools.pairwise(starts))
    for page, start in zip(document.pages, starts, strict=True):
        assert document.text[page.start : page.end].startswith(f"The keeper said word {start // 3} ")


@pytest.mark.parametrize(
    "text", ["1\n00:00:01 - 00:00:02\nNo times.\n", "00:00:01,000 --> 00:00:02,000\n\n", "-->" * 50_000, "<v " * 50_000]
)
def test_a_file_without_times_is_read_as_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.srt").write_text(text)
    assert load(tmp_path / "a.srt").text.strip() == text.strip()
