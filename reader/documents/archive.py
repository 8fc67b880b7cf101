"""Zip containers (EPUB, DOCX) and the XML in them, read without trusting either.

Members are read into memory by name and never unpacked to disk, so a name such as `../../x` can only miss. XML is parsed
without entities, DTDs or network. Nothing here knows what the members mean.
"""

from __future__ import annotations

import functools
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from lxml import etree

from reader.errors import DocumentError

MOST_MEMBERS = 20_000
MOST_EXPANDED_BYTES = 256 << 20
"""Of all the members that are read; pictures are not."""
MOST_EXPANSION = 200
"""Times that a member may grow: text grows 3 to 20 times, a bomb 1,000 times."""
_ALWAYS_EXPANDED_BYTES = 4 << 20

_NAMES = {
    ".docx": "a Word file",
    ".epub": "an EPUB file",
    ".odp": "an OpenDocument presentation",
    ".ods": "an OpenDocument table",
    ".odt": "an OpenDocument text",
    ".pptx": "a PowerPoint file",
    ".xlsx": "an Excel file",
}
_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")


class Archive:
    """A zip file whose members are read one at a time, within limits on their number, size and expansion.

    Raises DocumentError where the file is no zip, damaged, protected or a bomb.
    """

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        """Open the file at `path`, or the archive in `data`, which is then named after it."""
        self._path = path
        self._expanded_bytes = 0
        try:
            self._zip = zipfile.ZipFile(path if data is None else BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            with path.open("rb") as file:
                if file.read(len(_OLE_MARK)) == _OLE_MARK:
                    raise DocumentError(
                        f"{path.name!r} is protected by a password or of an old kind: "
                        "save it without a password in the current format."
                    ) from error
            raise self.damaged() from error
        members = self._zip.infolist()
        if len(members) > MOST_MEMBERS:
            raise DocumentError(f"{path.name!r} holds more than {MOST_MEMBERS:,} files: split it into smaller files.")
        self._members = {member.filename: member for member in members}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        """The members' names, in the archive's order."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Return the bytes of one member.

        Raises KeyError where there is none of that name.
        """
        member = self._members[name]
        most_bytes = min(
            max(member.compress_size * MOST_EXPANSION, _ALWAYS_EXPANDED_BYTES),
            MOST_EXPANDED_BYTES - self._expanded_bytes,
        )
        if member.flag_bits & 1:
            raise DocumentError(f"{self._path.name!r} is protected by a password: save it without one.")
        try:
            with self._zip.open(member) as file:
                # The size that the archive states is a claim: what counts is what comes out.
                data = file.read(most_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
            raise self.damaged() from error
        if len(data) > most_bytes:
            raise DocumentError(
                f"{self._path.name!r} expands to more than {MOST_EXPANSION} times its size or "
                f"{MOST_EXPANDED_BYTES >> 20} MiB: it is no honest document; save a new copy."
            )
        self._expanded_bytes += len(data)
        return data

    def xml(self, name: str, *, mend: bool = False) -> etree._Element:
        """Return the root of one XML member; `mend` accepts what is not well formed.

        Raises KeyError where there is none of that name.
        """
        parser = xml_parser(mend=mend)
        try:
            root = etree.fromstring(self.read(name), parser)
        except etree.XMLSyntaxError as error:
            raise self.damaged() from error
        if root is None or gave_up(parser):
            raise self.damaged()
        return root

    def optional_xml(self, name: str) -> etree._Element | None:
        """Return the root of one XML member, mended where it is not well formed; None where there is none of that name."""
        return self.xml(name, mend=True) if name in self else None

    def damaged(self) -> DocumentError:
        """Return the error that says that this file is not what its suffix promises."""
        return DocumentError(
            f"{self._path.name!r} is damaged or not {_NAMES.get(self._path.suffix.lower(), 'of its kind')}: save a new copy."
        )


def xml_parser(*, mend: bool = False) -> etree.XMLParser:
    """Return a parser of XML for the elements and their text; `mend` accepts what is not well formed.

    Entities stay unexpanded; without `huge_tree` libxml2 bounds depth and growth in attributes as well.
    """
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, recover=mend
    )


def gave_up(parser: etree.XMLParser | etree.HTMLParser) -> bool:
    """Return whether a mending parser stopped at one of its limits: it would pass the part before as the whole."""
    return any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log)


def local_name(element: etree._Element) -> str:
    """Return an element's name in lower case, without its namespace; comments and the like have none."""
    tag = element.tag
    return _plain_name(tag) if isinstance(tag, str) else ""


@functools.lru_cache(maxsize=1024)
def _plain_name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()


def children(element: etree._Element | None, name: str) -> list[etree._Element]:
    """Return the children of a name in lower case, whatever their namespace."""
    return [] if element is None else [inner for inner in element if local_name(inner) == name]


def descendants(element: etree._Element | None, name: str) -> list[etree._Element]:
    """Return the elements of a name in lower case in a tree, its root among them, whatever their namespace."""
    return [] if element is None else [inner for inner in element.iter() if local_name(inner) == name]


def one_line(element: etree._Element) -> str:
    """Return the text in an element, on one line."""
    return " ".join("".join(element.itertext()).split())


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute by its local name in lower case; "" where there is none."""
    return next((value for key, value in element.items() if key.rpartition("}")[2].lower() == name), "")
