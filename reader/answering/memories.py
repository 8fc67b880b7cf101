"""Which of a document's memories is asked: the one rule, for shell, app and batch alike.

It does not attach the memory, and it imports no torch, so that a page can list documents while the decoder loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import LOCAL_USER, MemoryRecord, Store

if TYPE_CHECKING:
    from reader.models import Model


def choose_memory(
    store: Store, document_id: str, model: Model | str, *, user: str = LOCAL_USER, while_reading: bool = False
) -> MemoryRecord | None:
    """The memory of a document that a user asks: of those that the model can attach, the one whose reading finished last.

    A person who reads a document again, at another ratio, asks what they read last. A reading that finds its memory finished
    already counts as a reading, too. A memory that only others had read comes last, so that they change nobody's answers.

    Args:
        model: a name alone, while the decoder loads, takes the memories that a decoder of this name made.
        while_reading: where no memory is ready, take one that is still being read and has a finished window.
    """
    fitting = [
        record
        for record in store.memories(document_id)
        if can_attach(record, model) and (record.state == "ready" or (while_reading and record.slots))
    ]
    finished_at = {record.key: record.ready_at or 0.0 for record in fitting}
    own = set()
    if len(fitting) > 1:
        for job in store.jobs.all(document_id, user):
            own.add(job.memory_key)
            if job.state == "ready" and job.memory_key in finished_at:
                finished_at[job.memory_key] = max(finished_at[job.memory_key], job.beat_at)
    return min(
        fitting,
        key=lambda record: (record.key not in own, record.state != "ready", -finished_at[record.key]),
        default=None,
    )


def can_attach(record: MemoryRecord, model: Model | str) -> bool:
    """Whether a model made a memory, with the plug-in and the type of numbers that it has now."""
    if isinstance(model, str):
        return record.settings.get("model") == model
    return (
        record.settings.get("decoder") == model.decoder.fingerprint
        and record.settings.get("plugin") == model.plugin_fingerprint
        and record.settings.get("dtype") in model.decoder.alike
    )
