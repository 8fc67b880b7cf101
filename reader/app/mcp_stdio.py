"""The shell's `mcp`: the library's tools for one assistant that starts this program and speaks to it on standard input and output.

The same three tools as the app's with --mcp. It reads and answers by itself, beside other programs on the library; nothing but the
protocol goes to standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import anyio.to_thread
from pydantic import Field, ValidationError

from reader.app import tools
from reader.app.service import Service
from reader.app.workspace import Workspace
from reader.models import choose_decoder
from reader.settings import cache_folder, dtype_name, library_folder, model_name, version
from storage import Store

_Query: TypeAlias = Annotated[str, Field(description=tools.ARGUMENTS["query"])]
_DocumentId: TypeAlias = Annotated[str, Field(description=tools.ARGUMENTS["document_id"])]
_Question: TypeAlias = Annotated[str, Field(description=tools.ARGUMENTS["question"])]
_ConversationId: TypeAlias = Annotated[str, Field(description=tools.ARGUMENTS["conversation_id"])]
_LookAgain: TypeAlias = Annotated[str | int, Field(description=tools.ARGUMENTS["look_again"])]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `mcp` takes."""
    parser.add_argument("--library", type=Path, metavar="DIR", help="the library's folder (or READER_LIBRARY)")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="a Hugging Face name or a folder (or READER_MODEL); default: the best for this machine",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve the tools until standard input ends."""
    from mcp.server.stdio import stdio_server

    name = options.model or model_name() or choose_decoder(cache_folder=cache_folder()).name
    with Store(library_folder(options.library)) as store:
        service = Service(store, name, cache_folder(), dtype_name())
        server = _server(Workspace(service))._mcp_server  # its own `run` takes standard output as it is

        async def serve() -> None:
            async with stdio_server() as (reading, writing):
                with contextlib.redirect_stdout(sys.stderr):
                    service.start()
                    await server.run(reading, writing, server.create_initialization_options())

        try:
            anyio.run(serve)
        finally:
            service.close()


def _wrong(tool: str, fault: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of a tool, by pydantic's first fault."""
    argument = str(fault["loc"][0])
    if fault["type"] == "missing":
        return f"{tool} needs {argument}: give {tools.ARGUMENTS[argument].rstrip('.')}."
    return tools.wrong_argument(tool, argument, fault["input"])


def _server(workspace: Workspace) -> Any:
    """The tools, on one library."""
    from mcp.server.fastmcp import FastMCP
    from mcp.server.fastmcp.exceptions import ToolError

    class Server(FastMCP):
        """Says in one sentence which argument is of another type."""

        async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            try:
                return await super().call_tool(name, arguments)
            except ToolError as error:
                fault = error.__cause__.errors()[0] if isinstance(error.__cause__, ValidationError) else None
                if fault is None or fault["loc"][0] not in tools.ARGUMENTS:
                    raise
                raise ToolError(_wrong(name, fault)) from error

    server = Server("Activation Beacon Reader", log_level="WARNING")  # the assistant's log need not name each request
    server._mcp_server.version = version()

    async def called(function: Any, *arguments: Any) -> Any:
        try:
            return await anyio.to_thread.run_sync(function, workspace, *arguments)
        except tools.ERRORS as error:
            raise ToolError(str(error)) from error

    @server.tool(description=tools.LIBRARY)
    async def library(query: _Query = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await called(tools.listed, query)
        return found

    @server.tool(description=tools.READ_STATUS)
    async def read_status(document_id: _DocumentId) -> dict[str, Any]:
        found: dict[str, Any] = await called(tools.status, document_id)
        return found

    @server.tool(description=tools.ASK)
    async def ask(
        document_id: _DocumentId,
        question: _Question,
        conversation_id: _ConversationId = "",
        look_again: _LookAgain = "auto",
    ) -> dict[str, Any]:
        found: dict[str, Any] = await called(tools.answered, document_id, question, conversation_id, look_again)
        return found

    return server
