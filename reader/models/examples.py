"""Worked examples for decoders that answer better with them: texts of our own with questions and the answers that we want.

They stand raw in the opening, so that they are computed once and are part of every memory's sink. A plug-in with answer weights of
its own was trained without them, and goes without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Examples:
    """What a decoder is shown before the document."""

    system: str
    turns: tuple[tuple[str, str, str], ...]
    """(text, question, answer)."""
    question: str = "\n\nQuestion: {question}"
    """How a question follows its text, here and behind the document."""
    horizon: int | None = 1
    """How many of the memory's newest slots a question sees, beside the sink, where a passage is looked at again; None: all."""

    def messages(self) -> Iterator[dict[str, str]]:
        """The turns of a chat; a text that is asked about again is not shown again."""
        yield {"role": "system", "content": self.system}
        shown = ""
        for text, question, answer in self.turns:
            asked = self.question.format(question=question)
            yield {"role": "user", "content": asked.strip() if text == shown else text + asked}
            yield {"role": "assistant", "content": answer}
            shown = text


def examples_for(decoder_name: str) -> Examples | None:
    """The examples of a decoder, by its bundled name, its name on the hub or its folder's; None: it goes without."""
    return _EXAMPLES.get(Path(decoder_name).name.casefold())


_TIDE = (
    "The harbour at Skerry Point was dug in 1846 by a Scottish engineer, Agnes Moir, who spent eleven winters on it "
    "and never saw it finished. Its outer wall is 412 metres long. Because the first wall was built of soft "
    "sandstone, the sea broke it within two years, and Moir had it raised again in granite brought by barge from "
    "the quarries at Lorne. Three beacons stand on it: the Old Light, the Bell and the Shepherd. Only the Bell is "
    "still lit."
)
_BEES = (
    "In 2019 the team counted bees in 64 gardens. Gardens with uncut grass had 38 percent more wild bees than the "
    "others, while the number of honey bees did not differ. The authors warn that only one summer was studied, that "
    "volunteers did the counting, and that all gardens lay in one town."
)
_MOTH = (
    "When the miller's daughter opened the chest she found nothing in it but a grey moth, which flew up and settled "
    'on the window. "Let me out," said the moth, "and I will tell you where your brothers are." She was afraid of '
    "her father, but she missed her brothers more, so she lifted the latch. The moth thanked her, and told her to "
    "follow the river until it ran under three birches."
)
# Four short answers. Of 20 questions each, with the passage in sight, right by meaning: SQuAD 14, FairytaleQA 5, the sample 17;
# with answers of mixed kinds (a reason, a list) 13, 3 and 16.
_SPANS = Examples(
    "Answer each question from its text, as shortly as the question allows, in the text's own words.",
    (
        (_TIDE, "Who dug the harbour?", "Agnes Moir"),
        (_TIDE, "How long is the outer wall?", "412 metres"),
        (_BEES, "How many gardens were there?", "64"),
        (_MOTH, "Where did the moth settle?", "on the window"),
    ),
)
_EXAMPLES = {"qwen2.5-coder-0.5b-instruct": _SPANS, "qwen2.5-coder-1.5b-instruct": _SPANS}
