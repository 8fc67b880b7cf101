"""What the models of the API are called: `beacon/<title>` for a document, `beacon/tag:<tag>` for all documents with a tag.

A document whose title is not its own is listed by its id, which always works; so does the web address that it was fetched from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reader.app.openai_api.errors import ApiError
from reader.app.talks import TAG
from reader.app.workspace import Workspace
from reader.documents import is_address
from storage import UserDocument

PREFIX = "beacon/"
FILE = "file-"
"""Before a document's id in the id of its file."""
_ID_CHARS = 8
"""The fewest characters that a start of an id may have."""


@dataclass(frozen=True)
class ApiModel:
    """A document, or the documents with one tag."""

    name: str
    holdings: tuple[UserDocument, ...]

    @property
    def document_ids(self) -> tuple[str, ...]:
        """The documents that answer."""
        return tuple(holding.document.id for holding in self.holdings)

    @property
    def is_shelf(self) -> bool:
        """Whether several documents answer together."""
        return len(self.holdings) > 1

    @property
    def titles(self) -> dict[str, str]:
        """What the documents are called, by id."""
        return {holding.document.id: holding.document.title for holding in self.holdings}

    @property
    def fields(self) -> dict[str, Any]:
        """OpenAI's model object."""
        created = int(min(holding.held_at for holding in self.holdings))
        return {"id": self.name, "object": "model", "created": created, "owned_by": "library"}


def models(workspace: Workspace) -> list[ApiModel]:
    """All that can be asked: the documents of which something was read, and their tags."""
    held = workspace.held()
    titles = _own_titles(held)
    readable = [holding for holding in held if holding.document.state != "unread"]
    tags = sorted({tag for holding in readable for tag in holding.tags})
    return [
        *(ApiModel(PREFIX + titles.get(holding.document.id, holding.document.id), (holding,)) for holding in readable),
        *(ApiModel(f"{PREFIX}{TAG}{tag}", tuple(one for one in readable if one.has_tag(tag))) for tag in tags),
    ]


def find(workspace: Workspace, name: Any) -> ApiModel:
    """The model of a name, with `beacon/` before it or without.

    Raises:
        ApiError: there is none.
    """
    if not isinstance(name, str) or not name.strip():
        raise ApiError("`model` is missing, or no text; name one that /v1/models lists.", param="model")
    short, held = name.removeprefix(PREFIX), workspace.held()
    titles = _own_titles(held)
    if short.startswith(TAG):
        found = [holding for holding in held if holding.has_tag(short.removeprefix(TAG))]
    else:
        found = [holding for holding in held if short in (holding.document.id, titles.get(holding.document.id))]
    if not found and len(short) >= _ID_CHARS:  # as the shell shows ids, or as its file is called
        begun = [holding for holding in held if holding.document.id.startswith(short.removeprefix(FILE))]
        found = begun if len(begun) == 1 else []
    said = f"The model {name[:100]!r} does not exist; /v1/models lists those that do."
    if not found and is_address(short):  # of several, what came from there last
        found = [holding for holding in held if holding.document.file_name == short][:1]
        said = f"The library has nothing from {name[:100]!r}; POST it to /v1/files as `file_url` first."
    if not found:
        raise ApiError(said, 404, param="model", code="model_not_found")
    return ApiModel(name, tuple(found))


def _own_titles(held: Sequence[UserDocument]) -> dict[str, str]:
    """The titles that only one document has, by its id."""
    count = Counter(holding.document.title for holding in held)
    return {
        holding.document.id: holding.document.title
        for holding in held
        if count[holding.document.title] == 1 and not holding.document.title.startswith(TAG)
    }
