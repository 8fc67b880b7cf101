"""Evidence: quotes are the document's own words, the map is the attention that was paid, and neither costs when it is off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.answers import answered, attached_to, find_evidence
from helpers.decoders import every_family
from helpers.documents import FACT, FACT_PAGE, QUESTION_ABOUT_FACT, hide, make_document, one_page

from reader.answering import NOT_SAID, AttachedMemory, Conversation, ask, make_prompt
from reader.answering.attention import Attention, Heat
from reader.answering.evidence import QUOTE_CHARS, Evidence, as_evidence, fuse, name_evidence
from reader.answering.passages import Passage, Passages, Source
from reader.beacon import NO_SPAN, recording
from reader.documents import Document, Page
from reader.models.model import Model, load_model
from reader.wording import quoted
from storage import PageRecord, Store


def check(evidence: tuple[Evidence, ...], document: Document) -> None:
    for place in evidence:
        page = document.pages[place.page - 1]
        assert place.document_id == document.id
        assert place.quote == document.text[place.start_char : place.end_char]
        assert page.start <= place.start_char < place.end_char <= page.end
        assert place.label == page.label
        assert len(place.quote) <= QUOTE_CHARS
        assert 0 < place.score <= 1
    assert len({place.page for place in evidence}) == len(evidence)
    assert [place.score for place in evidence] == sorted((place.score for place in evidence), reverse=True)


@every_family
@pytest.mark.parametrize("look_again", ["off", 200])
def test_quotes_are_cut_from_their_page_and_the_map_sums_to_one(look_again: object, model: Model, store: Store) -> None:
    document = hide()
    answer = answered(attached_to(document, model, store), model, look_again=look_again)
    assert answer.evidence
    check(answer.evidence, document)
    assert len(answer.reading_map) == len(document.pages)
    assert sum(answer.reading_map) == pytest.approx(1)
    assert min(answer.reading_map) >= 0
    assert 0 < answer.evidence_seconds < answer.seconds


def test_the_page_that_says_it_comes_first_with_the_sentence_that_says_it(tiny_model: Model, store: Store) -> None:
    document = hide()
    attached = attached_to(document, tiny_model, store)
    evidence, shares = find_evidence(attached, QUESTION_ABOUT_FACT, "Zebedee.", tiny_model)
    assert (evidence[0].page, evidence[0].quote) == (FACT_PAGE, FACT)
    check(evidence, document)
    assert sum(shares) == pytest.approx(1)


def test_a_page_with_the_answer_word_for_word_comes_before_one_with_the_words_of_the_question(
    tiny_model: Model, store: Store
) -> None:
    says = "It shut in 1951, because silt filled the pond."
    pages = ["Why did the mill close its mill gates? The mill gates close at night, and the mill sleeps.", says]
    text = "\n".join([*pages, "Nothing happens here."])
    starts = [text.index(page) for page in (*pages, "Nothing")]
    ends = [*starts[1:], len(text)]
    places = [Page(number, str(number), *span) for number, span in enumerate(zip(starts, ends, strict=True), start=1)]
    document = Document(text, tuple(places), "Mill", "mill.txt", "text", 0)
    attached = attached_to(document, tiny_model, store)
    question = "Why did the mill close its gates?"
    evidence, _ = find_evidence(attached, question, "because silt filled the pond", tiny_model)
    assert evidence[0].quote == says
    check(evidence, document)
    evidence, _ = find_evidence(attached, question, "because of thieves", tiny_model)
    assert evidence[0].page == 1


@every_family
def test_evidence_changes_neither_answer_nor_memory(model: Model, store: Store) -> None:
    attached = attached_to(hide(), model, store)
    before = {name: tensor.clone() for name, tensor in attached.memory.tensors().items()}
    without = answered(attached, model, evidence=False)
    assert (without.evidence, without.reading_map, without.evidence_seconds) == ((), (), 0.0)
    assert "attention" not in vars(attached.baseline)  # nothing was worked out
    assert answered(attached, model).text == without.text
    find_evidence(attached, QUESTION_ABOUT_FACT, without.text[:50], model)
    for name, tensor in attached.memory.tensors().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_the_attention_is_the_decoders_own(
    family: str, tiny_folder: Callable[..., Path], store: Store, tmp_path: Path
) -> None:
    """With everything kept raw, it is that of one plain pass, shared out among the document's tokens."""
    model = load_model(str(tiny_folder(family)), window=32, cache_folder=tmp_path / "cache", device="cpu")
    document = make_document(60)
    attached = attached_to(document, model, store, ratio=0, memory_dtype="model")
    prompt = make_prompt("Who?", model)
    queries: dict[int, list[torch.Tensor]] = {}
    mark = attached.memory.mark()
    with torch.inference_mode(), recording(queries):
        model.plugin.run(attached.memory, prompt.question_ids)
        found = Attention.of(attached.memory, queries, 7)
    attached.memory.back_to(mark)

    ids = torch.cat([model.opening, model.encode(document.text)[0], prompt.question_ids])
    decoder = model.decoder.model
    usual, decoder.config._attn_implementation = decoder.config._attn_implementation, "eager"
    with torch.inference_mode():
        attentions = decoder(ids[None], output_attentions=True).attentions
    decoder.config._attn_implementation = usual
    first, last = len(model.opening), len(ids) - len(prompt.question_ids)
    expected = torch.cat([layer[0, :, -7:, first:last] for layer in attentions])
    expected = (expected / expected.sum(dim=-1, keepdim=True)).mean(dim=1)
    torch.testing.assert_close(found.shares, expected, rtol=0, atol=1e-4)


def test_only_what_is_recorded_is_kept(tiny_model: Model, store: Store) -> None:
    attached = attached_to(make_document(60), tiny_model, store)
    queries: dict[int, list[torch.Tensor]] = {}
    mark = attached.memory.mark()
    with torch.inference_mode():
        with recording(queries):
            tiny_model.plugin.run(attached.memory, torch.tensor([5, 6]))
        tiny_model.plugin.run(attached.memory, torch.tensor([7]))
    attached.memory.back_to(mark)
    assert [[part.shape[2] for part in own] for _, own in sorted(queries.items())] == [[2], [2]]


def test_only_heads_that_the_question_moves_count() -> None:
    """Nine heads look at the same slots whatever is asked, one looks somewhere for this question."""
    spans = torch.arange(20).unfold(0, 2, 1)[None]
    always = torch.rand(10, 19, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    asked = always + torch.rand(10, 19, generator=torch.Generator().manual_seed(3)) * 1e-3
    asked[4] = 0.01
    asked[4, 7] = 0.82
    weights = Attention(spans, asked / asked.sum(dim=1, keepdim=True)).beyond(Attention(spans, always))
    assert weights.sum() == pytest.approx(1)
    assert weights[0, 7] > 0.95
    # Of passages put behind the memory since, what that head sees of them counts, and not what is newest to all the others.
    behind = torch.cat([spans, torch.tensor([[[3, 4], [5, 6]]])], dim=1)
    newest = torch.cat([always * 0.1, torch.tensor([[0.0, 0.9]]).expand(10, 2)], dim=1)
    newest[4] = torch.cat([asked[4] * 0.1, torch.tensor([0.9, 0.0])])
    weights = Attention(behind, newest).beyond(Attention(spans, always))
    assert weights.argmax() == 19
    assert weights[0, 20] < 0.01
    assert Attention(spans, always).beyond(None).sum() == pytest.approx(1)


def test_heat_keeps_what_is_put_in_and_shares_it_by_overlap() -> None:
    spans = torch.tensor([[0, 10], [10, 30], [28, 28], [5, 9]])
    heat = Heat(spans, torch.tensor([0.1, 0.4, 0.2, 0.3]), 30)
    assert heat.of([0], [30]) == pytest.approx([1.0])
    assert heat.of([0, 10, 20], [10, 20, 30]) == pytest.approx([0.4, 0.2, 0.4])


def test_fused_ranks_are_between_one_and_nothing() -> None:
    assert fuse([3, 1], [3, 2], weights=(1, 1))[0] == (3, 1.0)
    fused = dict(fuse([1, 2], [2], weights=(1, 0.5)))
    assert fused[2] > fused[1] > 0
    assert fuse([], [], weights=(1, 1)) == []


def test_what_is_first_by_words_stays_first_beside_attention_to_what_shares_a_word_with_it() -> None:
    """Every page of a short document shares some word with a question; where attention went must not win by that alone."""
    assert [number for number, _ in fuse(range(50), [40, 41, 42], weights=(1, 0.98))][:3] == [0, 1, 40]


def test_where_the_document_is_said_not_to_answer_the_nearest_pages_are_named(tiny_model: Model, store: Store) -> None:
    document = hide()
    evidence, shares = find_evidence(
        attached_to(document, tiny_model, store), QUESTION_ABOUT_FACT, NOT_SAID, tiny_model
    )
    assert (evidence[0].page, evidence[0].quote) == (FACT_PAGE, FACT)
    check(evidence, document)
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("text", ["Hi.", " \n \n ", "№ ½ ﬁ 猫 🐈 e\u0301.", "x" * 3000])
def test_any_text_has_a_map(text: str, tiny_model: Model, store: Store) -> None:
    document = one_page(text, "Odd")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, look_again=100)
    check(answer.evidence, document)
    assert answer.reading_map == pytest.approx((1.0,))


def test_a_name_of_one_word_is_looked_for_in_the_quotes(tiny_model: Model, store: Store) -> None:
    fact = "The larger boat, which belongs to the mill, needs patience. The dinghy there is Patience. A boat is a boat."
    attached = attached_to(hide(fact), tiny_model, store)
    (place, *_), _ = find_evidence(attached, "What is the boat of the mill called?", "Patience.", tiny_model)
    assert place.quote == "The dinghy there is Patience."


def test_a_row_of_a_table_has_the_table_s_first_row_with_it(tiny_model: Model, store: Store) -> None:
    rows = "Ship | Captain | Tons\nMarigold | Oduya | 37\nHope | Vale | 12"
    document = hide(f"\n\n{rows}\n\n")
    attached = attached_to(document, tiny_model, store)
    (place, *others), _ = find_evidence(attached, "What had the Hope?", "Vale", tiny_model)
    assert (place.quote, place.header) == ("Hope | Vale | 12", "Ship | Captain | Tons")
    assert all(other.header == "" for other in others)
    (place, *_), _ = find_evidence(attached, "What is the weight?", "37 t", tiny_model)  # the unit stands elsewhere
    assert place.quote == "Marigold | Oduya | 37"
    (place, *_), _ = find_evidence(attached, "What had the Hope?", "Vale", tiny_model)
    assert quoted(place.quote, place.header) == "[Ship | Captain | Tons] Hope | Vale | 12"
    check((place,), document)


def test_the_number_of_a_heading_is_no_quote(tiny_model: Model, store: Store) -> None:
    text = "## 1. Keys\n\nThree of them.\n\n## 2. Rent\n\nThe rent is £850 a month.\n\n## 3. Use\n\nNo lacquer.\n"
    document = Document(text, (Page(1, "1", 0, len(text)),), "Lease", "l.md", "markdown", 0)
    attached = attached_to(document, tiny_model, store)
    for answer in ("1.", "2.", "3."):
        evidence, _ = find_evidence(attached, "Which one is it?", answer, tiny_model)
        assert [place for place in evidence if any(sign.isalpha() for sign in place.quote)] == list(evidence) != []


def test_pages_without_text_are_never_evidence(tiny_model: Model, store: Store) -> None:
    text = "The lamp is lit at seven. "
    pages = (Page(1, "i", 0, 0), Page(2, "ii", 0, len(text)), Page(3, "iii", len(text), len(text)))
    document = Document(text, pages, "Scans", "s.pdf", "pdf", 2)
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "When is the lamp lit?", look_again=100)
    assert [place.page for place in answer.evidence] == [2]
    assert answer.reading_map == pytest.approx((0.0, 1.0, 0.0))


def test_a_question_after_another_is_evidenced_alike(tiny_model: Model, store: Store) -> None:
    attached = attached_to(hide(), tiny_model, store)
    first = answered(attached, tiny_model)
    answered(attached, tiny_model, "Who walked to the harbour?", look_again=100)
    again = answered(attached, tiny_model)
    assert again.evidence == first.evidence
    assert again.reading_map == pytest.approx(first.reading_map)


def test_beacons_carry_the_attention_of_what_they_stand_for(tiny_model: Model, store: Store) -> None:
    attached: AttachedMemory = attached_to(hide(), tiny_model, store, ratio=8)
    slots = attached.memory.spans[attached.memory.spans[:, 1] != NO_SPAN]
    assert len(slots) < len(tiny_model.encode(hide().text)[0]) / 4
    list(ask(attached, "Who?", tiny_model))
    assert attached.baseline.attention is not None
    assert attached.baseline.attention.spans.shape == (1, len(slots), 2)


def test_the_baseline_is_that_of_the_memory_alone_whenever_it_is_measured(tiny_model: Model, store: Store) -> None:
    document = hide()
    alone = attached_to(document, tiny_model, store).baseline.attention
    attached = attached_to(document, tiny_model, store)
    memory = attached.memory
    with torch.inference_mode():
        tiny_model.plugin.run(memory, tiny_model.encode("Something was said before. " * 9)[0])
    before, counts = {name: tensor.clone() for name, tensor in memory.tensors().items()}, memory.counts()
    late = attached.baseline.attention
    assert alone is not None
    assert late is not None
    assert torch.equal(late.shares, alone.shares)
    assert memory.counts() == counts
    assert memory.layers[0].length == memory.slots
    for name, tensor in memory.tensors().items():
        assert torch.equal(tensor, before[name]), name


def test_evidence_in_a_conversation_does_not_depend_on_when_the_baseline_is_measured(
    tiny_model: Model, store: Store
) -> None:
    maps = []
    for is_measured_first in (True, False):
        attached = attached_to(hide(), tiny_model, store)
        talk = Conversation(store.conversations.add([hide().id]), attached, tiny_model, store)
        list(talk.ask("Who walked to the harbour?", evidence=False))
        if is_measured_first:
            assert attached.baseline.attention is not None
        answer = list(talk.ask(QUESTION_ABOUT_FACT, look_again=100))[-1].answer
        assert answer is not None
        maps.append((answer.text, answer.reading_map, answer.evidence))
    assert maps[0] == maps[1]


def test_in_a_conversation_a_question_about_nothing_in_particular_is_drawn_nowhere(
    tiny_folder: Callable[..., Path], tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said moves all attention. What is left over is what the question itself moved."""
    model = load_model(
        str(tiny_folder("llama", max_positions=8192)), window=32, cache_folder=tmp_path / "cache", device="cpu"
    )
    attached = attached_to(hide(), model, store)
    talk = Conversation(store.conversations.add([hide().id]), attached, model, store)
    for question in ("Who walked to the harbour?", QUESTION_ABOUT_FACT):
        list(talk.ask(question, evidence=False))
    moved: list[float] = []
    heat = AttachedMemory.heat

    def noted(self: AttachedMemory, attention: Attention) -> Heat:
        neutral = self.baseline.attention
        assert neutral is not None
        moved.append(float((attention.shares[:, : neutral.shares.shape[1]] - neutral.shares).abs().max()))
        return heat(self, attention)

    monkeypatch.setattr(AttachedMemory, "heat", noted)
    list(talk.ask("What does the text say?", look_again=100))
    list(talk.ask(QUESTION_ABOUT_FACT, look_again=100))
    nothing, _, something, _ = moved  # by a question alone, before it looks at anything, and with its answer
    assert nothing < 1e-5 < something


def test_of_sentences_with_the_answer_the_one_with_the_words_of_the_question_is_quoted() -> None:
    texts = [
        "The Landlord keeps the roof and the walls in repair.",
        "The Tenant may put up partitions.",
        "Any other alteration needs the consent of the Landlord.",
    ]
    text = " ".join(texts)
    source = Source("d", "Lease", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))
    last = torch.tensor([[text.index(texts[2]), len(text)]])
    heat = Heat(last, torch.tensor([1.0]), len(text))
    question = "Who pays for the repairs of the roof?"
    for answer in ("Landlord", "the Landlord"):
        found = name_evidence([source], Passages([source]), question, answer, heat)
        assert found[0].quote == texts[0]


def test_each_sentence_that_an_overview_is_made_of_is_quoted() -> None:
    text = "The shop opens at nine. " + "Rain fell. " * 50 + "It closes at five. The café is shut."
    opens, closes = (
        Passage("d", 1, "1", text.index(said), text.index(said) + len(said), said)
        for said in ("The shop opens at nine.", "It closes at five.")
    )
    assert [one.quote for one in as_evidence([opens, closes, opens])] == [opens.text, closes.text]
    whole = as_evidence([Passage("d", 1, "1", 0, len(text), text)])
    assert " ".join(one.quote for one in whole) == text
    assert all(text[one.start_char : one.end_char] == one.quote for one in whole)
    pages = [Passage("d", page, str(page), page, page + 1, "x") for page in (1, 2, 3, 4)]
    assert [one.page for one in as_evidence(pages)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Rain fell. " * 27 + "It fell, as it had, for days and nights.", " ".join(["Rain fell."] * 27)),
        ("Rain fell, " * 40, ("Rain fell, " * 27).strip()),
    ],
    ids=["whole sentences", "a sentence that is too long"],
)
def test_what_an_overview_is_made_of_is_quoted_in_whole_sentences(text: str, quote: str) -> None:
    assert as_evidence([Passage("d", 1, "1", 0, len(text), text)])[0].quote == quote
