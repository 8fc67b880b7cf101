"""The shell's `mcp`, by the protocol's own client, as an assistant starts it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
from helpers import ROOT
from helpers.documents import make_document
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from reader.models import load_model
from reader.reading import add_document, read
from storage import Store


def test_an_assistant_that_starts_the_program_lists_asks_and_is_told_what_is_wrong(
    tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    name = str(tiny_folder())
    document = make_document(40, "Tale")
    with Store(tmp_path / "library") as store:
        add_document(document, store)
        read(document, load_model(name, cache_folder=tmp_path / "cache", device="cpu"), store)

    async def use() -> None:
        arguments = ["-m", "reader", "mcp", "--library", str(tmp_path / "library"), "--model", name]
        environment = os.environ | {"READER_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
        program = StdioServerParameters(command=sys.executable, args=arguments, env=dict(environment), cwd=ROOT)
        async with stdio_client(program) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            known = {tool.name: tool.inputSchema["properties"] for tool in (await session.list_tools()).tools}
            assert set(known) == {"library", "read_status", "ask"}
            assert all(argument["description"] for arguments in known.values() for argument in arguments.values())
            listed = await session.call_tool("library", {"query": "tale"})
            assert json.loads(listed.content[0].text)["document_id"] == document.id
            asked = await session.call_tool(
                "ask", {"document_id": document.id, "question": "Who?", "look_again": "off"}
            )
            answer = json.loads(asked.content[0].text)
            assert answer["answer"]
            assert answer["recomputed_tokens"] == 0
            more = {
                "document_id": document.id,
                "question": "And?",
                "conversation_id": answer["conversation_id"],
                "look_again": 9,
            }
            assert json.loads((await session.call_tool("ask", more)).content[0].text)["answer"]
            wrong = await session.call_tool("read_status", {"document_id": "nothing"})
            assert wrong.isError
            assert "There is no document 'nothing'" in wrong.content[0].text

            for arguments, said in (
                ({"document_id": 7}, "The document_id of ask is 7: give the id that `library` gave."),
                ({"document_id": document.id}, "ask needs question: give what to ask, in a sentence."),
                ({**more, "look_again": [1]}, 'The look_again of ask is [1]: give "auto", "off", or how many tokens'),
            ):
                wrong = await session.call_tool("ask", arguments)
                assert wrong.isError
                assert wrong.content[0].text.startswith(said)

    anyio.run(use)
    with Store(tmp_path / "library") as store:  # no page lists it
        assert [talk.asked_by for talk in store.conversations.all()] == ["endpoint"]
