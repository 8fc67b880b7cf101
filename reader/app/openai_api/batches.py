"""Batches: a file of requests, answered in the background by the batches of the app, in OpenAI's shape.

Each line is a chat completion of one question about one document, or about all documents with a tag. A batch is done as soon as it
can be, whatever its completion window.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reader.app.batch_runs import Asked, BatchRuns, Run
from reader.app.bodies import BadBody, parse as parse_json
from reader.app.citations import citations
from reader.app.openai_api.chat import ASKED_BY, annotation, completion, parse
from reader.app.openai_api.errors import ApiError
from reader.app.openai_api.files import QuestionFiles, file_fields
from reader.app.openai_api.names import ApiModel, find
from reader.app.workspace import Workspace
from reader.errors import ReaderError
from storage import NotFound, StoreError

ENDPOINT = "/v1/chat/completions"

_STATES = {
    "waiting": "validating",
    "running": "in_progress",
    "done": "completed",
    "cancelled": "cancelled",
    "failed": "failed",
}
_RESULTS = (("-output", "output"), ("-errors", "errors"))


class Batches:
    """The batches that programs have begun."""

    def __init__(self, runs: BatchRuns, questions: QuestionFiles) -> None:
        self._runs, self._questions = runs, questions

    def add(self, workspace: Workspace, body: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a batch.

        Raises:
            ApiError: the file is not there, or a line of it cannot be asked; the message has a sentence for each such line.
        """
        if body.get("endpoint") != ENDPOINT:
            raise ApiError(f"`endpoint` is not {ENDPOINT}, the only one that batches have.", param="endpoint")
        file_id = str(body.get("input_file_id") or "")
        stored = self._questions.get(workspace.user, file_id)
        if stored is None:
            raise ApiError(
                f"There is no file {file_id[:100]!r} of the purpose batch; upload it first.", 404, param="input_file_id"
            )
        asked, shelves, problems = _questions(self._questions.content(stored), workspace)
        if problems:
            raise ApiError("\n".join(problems[:20]), param="input_file_id", code="invalid_file")
        details = {"input_file_id": file_id, "metadata": body.get("metadata")}
        run = self._runs.add(workspace.user, stored.name, asked, asked_by=ASKED_BY, shelves=shelves, details=details)
        return self.fields(run)

    def all(self, workspace: Workspace) -> list[dict[str, Any]]:
        """Those of programs, the newest first."""
        return [self.fields(run) for run in self._runs.all(workspace.user) if run.asked_by == ASKED_BY]

    def get(self, workspace: Workspace, batch_id: str) -> dict[str, Any]:
        """One of them.

        Raises:
            NotFound: there is none.
        """
        return self.fields(self._run(workspace, batch_id.removeprefix("batch_")))

    def cancel(self, workspace: Workspace, batch_id: str) -> dict[str, Any]:
        """End one; the answers that have come are kept.

        Raises:
            NotFound: there is none.
        """
        return self.fields(self._runs.cancel(workspace.user, self._run(workspace, batch_id.removeprefix("batch_")).id))

    def results(self, workspace: Workspace, file_id: str) -> tuple[dict[str, Any], bytes]:
        """The file object and the content of the results or the errors of a batch.

        Raises:
            NotFound: there is no such file.
        """
        suffix, kind = next(((s, k) for s, k in _RESULTS if file_id.endswith(s)), ("", ""))
        run = self._run(workspace, file_id.removeprefix("file-").removesuffix(suffix)) if suffix else None
        if run is None or not run.is_over:
            raise NotFound(f"There is no file {file_id[:100]!r}.")
        titles = {holding.document.id: holding.document.title for holding in workspace.held()}
        rows = [row for row in self._runs.rows(run) if ("answer" in row) == (kind == "output")]
        lines = [json.dumps(_line(run, row, titles), ensure_ascii=False) for row in rows]
        content = "".join(f"{line}\n" for line in lines).encode()
        name = f"batch_{run.id}_{kind}.jsonl"
        return file_fields(file_id, name, len(content), run.ended_at or 0, "batch_output"), content

    def fields(self, run: Run) -> dict[str, Any]:
        """OpenAI's batch object."""
        ended = int(run.ended_at) if run.ended_at is not None else None
        state = _STATES[run.state]
        failed = run.errors if run.state != "cancelled" else run.questions - (run.done - run.errors)
        problems = [{"code": "failed", "message": run.reason, "param": None, "line": None}] if run.reason else []
        return {
            "id": f"batch_{run.id}",
            "object": "batch",
            "endpoint": ENDPOINT,
            "errors": {"object": "list", "data": problems} if problems else None,
            "input_file_id": run.details.get("input_file_id", ""),
            "completion_window": "24h",
            "status": state,
            "output_file_id": f"file-{run.id}-output" if run.is_over and run.done > run.errors else None,
            "error_file_id": f"file-{run.id}-errors" if run.is_over and failed else None,
            "created_at": int(run.created_at),
            "in_progress_at": int(run.began_at) if run.began_at is not None else None,
            "completed_at": ended if state == "completed" else None,
            "cancelled_at": ended if state == "cancelled" else None,
            "failed_at": ended if state == "failed" else None,
            "request_counts": {"total": run.questions, "completed": run.done - run.errors, "failed": run.errors},
            "metadata": run.details.get("metadata"),
        }

    def _run(self, workspace: Workspace, run_id: str) -> Run:
        run = self._runs.get(workspace.user, run_id)
        if run.state == "cancelled":  # what had come by then
            answers = [row for row in self._runs.rows(run) if "answer" in row or "error" in row]
            run = replace(run, done=len(answers), errors=sum("answer" not in row for row in answers))
        return run


def _questions(content: bytes, workspace: Workspace) -> tuple[list[Asked], dict[str, tuple[str, ...]], list[str]]:
    """The questions of a file of requests, the documents of its shelves, and a sentence for each line that cannot be asked."""
    asked: dict[str, Asked] = {}
    shelves: dict[str, tuple[str, ...]] = {}
    problems = []
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            one, model = _question(parse_json(line.encode()), workspace)
            if one.custom_id in asked:
                raise ApiError(f"The custom_id {one.custom_id!r} is on two lines.")
            asked[one.custom_id] = one
            if model.is_shelf:
                shelves[model.name] = model.document_ids
        except (BadBody, ApiError, ReaderError, StoreError) as error:
            problems.append(f"Line {number}: {error}")
    if not asked and not problems:
        problems.append("The file has no requests; write one a line.")
    return list(asked.values()), shelves, problems


def _question(row: Any, workspace: Workspace) -> tuple[Asked, ApiModel]:
    if not isinstance(row, Mapping) or not isinstance(row.get("body"), Mapping):
        raise ApiError("It is not a request: it has no `body`.")
    custom_id = row.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        raise ApiError("It has no `custom_id`, which is a text.")
    if row.get("url", ENDPOINT) != ENDPOINT or row.get("method", "POST") != "POST":
        raise ApiError(
            f"It is for {row.get('method', 'POST')} {row.get('url', ENDPOINT)}; only POST {ENDPOINT} can be answered."
        )
    request = parse(row["body"])
    if request.said:
        raise ApiError("It has several turns; ask one question a line.")
    model = find(workspace, request.model)
    place = model.name if model.is_shelf else model.document_ids[0]
    return Asked(custom_id, place, request.question, model.name), model


def _line(run: Run, row: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """A line of the results, or of the errors."""
    line = {"id": f"{run.id}-{row['custom_id']}", "custom_id": row["custom_id"], "response": None, "error": None}
    if "answer" not in row:
        code = "batch_cancelled" if run.state == "cancelled" and "error" not in row else "failed"
        return {**line, "error": {"code": code, "message": row.get("error", "It was not answered.")}}
    evidence = row["evidence"]
    found = [
        annotation(one.start, one.end, evidence[one.evidence], titles, "/")
        for one in citations(row.get("parts") or [row["answer"]], evidence)
    ]
    message = {"role": "assistant", "content": row["answer"], "refusal": None, "annotations": found}
    usage = {
        "prompt_tokens": row["document_tokens"],
        "completion_tokens": row["answer_tokens"],
        "total_tokens": row["document_tokens"] + row["answer_tokens"],
        "prompt_tokens_details": {"cached_tokens": max(0, row["document_tokens"] - row["recomputed_tokens"])},
    }
    ended = "length" if row["ended"] == "length" else "stop"
    model = row.get("model") or row["document"]
    body = completion(f"chatcmpl-{line['id']}", int(run.ended_at or 0), model, message, ended, usage)
    body["document_id"] = None if row["document"] in run.shelves else row["document"]
    return {**line, "response": {"status_code": 200, "request_id": line["id"], "body": body}}
