"""What the rows of a table give together: sums, means, counts, the most, and other cells of the rows that are meant."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.ledgers import recorded
from reader.answering.passages import Passages, Source
from reader.models import Model
from storage import PageRecord, Store

EXPENSES = """Expenses of the Rowing Club

Date | Category | Description | Paid by | Amount (€)
2025-02-14 | Travel | Fuel | Ana | 148.95
2025-02-20 | Food | Cake for Ana's birthday | Carla | 30.50
2025-03-04 | Travel | Ferry ticket | Bo | 20.05
2025-03-10 | Office | Stamps | Ana | 49.4
2025-04-02 | Travel | Fuel | Bo | 31
"""
STOCK = """Stock

| Item no. | Item | Shelf | In stock | Supplier | Unit price |
| --- | --- | --- | --- | --- | --- |
| A-101 | Hex bolt M8 | B2 | 420 | Nordschraub | £0.12 |
| C-004 | Copper pipe 15 mm | F1 | 36 | Kellermann | £6.40 |
| E-550 | Cable 3x1.5, 50 m | D4 | 9 | Volta | £38.00 |
| T-900 | Tape measure 5 m | D4 | 14 | Kellermann | £9.90 |
"""
RUNS = """Runs

Day | Route | Distance (km) | Remark
1 May | Loop | 6.5 | rain
4 May | Canal | 8 |
2 June | Loop | 11 | with Tom
"""
KASSE = """Kassenbuch

| Datum | Konto | Text | Betrag (€) |
| --- | --- | --- | --- |
| 08.01.2025 | Miete | Probenraum | 137,40 |
| 19.01.2025 | Noten | Chorheft | 24,30 |
| 04.02.2025 | Miete | Probenraum | 137,40 |
"""
CAVE = """Cave

Vin | Couleur | Région | Bouteilles | Prix (€)
Clos Vernet | rouge | Rhône | 12 | 14,50
Les Ormes | blanc | Loire | 24 | 9,80
Grand Tilleul | rouge | Bordeaux | 9 | 32,00
"""
PRICES = """Pool

Ticket | For | Valid | Price (£)
Day | adults | one day | 5.50
Day | children | one day | 2.80
Ten | adults | a year | 48.00
"""
RESULTS = """Results

Method | Set | Recall | Parameters (M)
Echo | Forest | 70.3 | 48
Echo | Marsh | 66.6 | 48
Ours | Forest | 74.9 | 21
"""
LOANS = """Loans

Loan | Title | Borrower | Due | Returned | Fine (£)
L-1 | Night Ferry | Jon Pell | 3 May 2025 | 1 May 2025 | 0.50
L-2 | Night Ferry | Ida Brandt | 9 June 2025 | | 1.00
L-3 | Salt | Jon Pell | 10 June 2025 | | 0.00
"""
PEOPLE = """Members

Name | Town | Age
Ida | Ely | 34
Jon | March | 51
"""
STAFF = """Staff

Room | Name | Role | Since | Trained | Hours
12 | Will May | cook | 2019 | yes | 20
14 | Ann Lee | guard | 2020 | no | 31
14 | Tom Lee | guard | 2020 | yes | 30
"""
ORDERS = """Orders

Order | Customer | Product | Quantity
1001 | Smith Ltd | Chairs | 20
1002 | Hill | Chairs | 12
1003 | Smith Ltd | Tables | 3
1004 | Smith Ltd | Chairs | 1
"""
BANK = """Bank

Date | Text | Amount | Balance
2025-03-03 | Rent | -£420.00 | £80.00
2025-03-10 | Salary | £1,900.00 | £1,980.00
2025-03-12 | Market | -£64.20 | £1,915.80
2025-03-28 | Market | -£51.10 | £1,864.70
"""
CAKE = """Cake

Ingredient | Amount | Unit | Milk
Flour | 250 | g | included
Sugar | 80 | g | not included
Plums | 1 | kg | not included
"""
EXAMS = """Exams

Subject | Date | Start | Room
Physics | Tue 3 June 2025 | 9:00 | 12
Art | Thu 5 June 2025 | 13:00 | Hall
"""
ROOMS = """Rooms

Room | Persons | Low season | Breakfast
Single | 1 | 55 € a night | free
Family | 4 | 120 € | 12 € each
"""
BUDGET = """Budget 2025

Department | Head | Budget (£) | Spent (£)
Sales | Ode | 120 | 131
Marketing | Lund | 64 | 58
Training | Lund | 18 | 10
Total | | 202 | 199
"""
LAGER = """Lager

Artikel | Bestand | Mindestbestand | Lieferant
Papier | 140 | 60 | Bürofix
Toner | 4 | 6 | Druckwelt
Notizen | 25 | 25 | Bürofix
"""
MEMBERS = """Members

Name | Joined | Fee (£)
Anna | 12 May 2019 | 140
Dev | 7 January 2024 | 120
Finn | 5 March 2025 | 160
"""
ACCOUNT = """Account

Date | Text | Money out (£) | Money in (£) | Balance (£)
2025-03-03 | Rent | 780.00 | | 1220.00
2025-04-14 | Salary | | 2100.00 | 3320.00
2025-04-19 | Books | 23.50 | | 3296.50
2025-05-02 | Rent | 795.00 | | 2501.50
"""
SENSOR = """Sensor

Parameter | Min | Typ | Max | Unit
Supply voltage | 2.7 | 3.3 | 5.5 | V
Response time | | 4 | 7 | ms
"""
TRAINS = """Trains

Departs | To | Seats | Booked
06:40 | Ely | 90 | 90
09:30 | Ely | 90 | 71
16:20 | Deal | 40 | 12
"""
LAKES = """Lakes

Station | Summer | | Winter | | Depth (m)
Station | Oxygen (mg/l) | Temperature (°C) | Oxygen (mg/l) | Temperature (°C) | Depth (m)
Alder Mere | 7.1 | 19.4 | 11.8 | 3.2 | 14
Corrie Tarn | 8.9 | 13.7 | 13.1 | 0.6 | 31
Dunlin Pool | 5.2 | 22.8 | 10.9 | 3.9 | 4
"""
PLANS = """Plans compared

Feature | Starter | Team | Studio
Price per user | $4 | $9 | $17
Storage | 50 GB | 500 GB | 2 TB
Phone support | – | ✓ | ✓
Audit log | – | – | ✓
"""
TENTS = """Tents

Model | Sleeps | Weight without lamp (g) | Weight with lamp (g)
Plover | 1 | 1150 | 1290
Bittern | 4 | 4310 | 4450
"""
BOATS = """Boats

Boat | Club | Points | Penalty
Marlin | Norham | 52 | no
Osprey | Norham | 48 | no
Puffin | Seaton | 45 | yes
"""
PLANETS = """Planets

Planet | Moons | Discovered by
Neptune | 14 | Galle
Uranus | 27 | Herschel
"""


def said(text: str, question: str) -> str | None:
    title, _, _ = text.partition("\n")
    source = Source("d", title, (PageRecord("d", 1, "1", 0, len(text), text),), len(text))
    found = recorded(question, [source], Passages([source]))
    assert found is None or all(passage.text in text for passage in found.passages)
    return found and found.text


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (EXPENSES, "How much was spent on travel in total?", "€200.00 (3 rows)"),
        (EXPENSES, "How much was spent on travel in March?", "€20.05"),
        (EXPENSES, "How much did Bo pay?", "€51.05 (2 rows)"),
        (EXPENSES, "What is the total of all expenses?", "€279.90 (5 rows)"),
        (EXPENSES, "How many expenses did Ana pay?", "2"),
        (EXPENSES, "How often did Bo pay for travel?", "2"),
        (EXPENSES, "What was the largest expense?", "€148.95 (2025-02-14, Travel, Fuel, Ana)"),
        (EXPENSES, "Who paid for Ana's birthday cake?", "Carla"),
        (EXPENSES, "What did Ana pay for on 10 March 2025?", "Office, Stamps"),
        (EXPENSES, "When did Bo pay for fuel?", "2025-04-02"),
        (EXPENSES, "How many expenses were over €30?", "4"),
        (EXPENSES, "How much was spent on travel after 1 March 2025?", "€51.05 (2 rows)"),
        (EXPENSES, "How much was spent before 1 March?", "€179.45 (2 rows)"),
        (
            EXPENSES,
            "Which expenses were under €31?",
            "2025-02-20, Food, Cake for Ana's birthday, Carla, 30.50; 2025-03-04, Travel, Ferry ticket, Bo, 20.05",
        ),
        (EXPENSES, "How much was spent on travel before March?", "€148.95"),
        (LOANS, "Which books were due before 10 June 2025?", "Night Ferry"),
        (STOCK, "How many hex bolts M8 are in stock?", "420"),
        (STOCK, "Where is the copper pipe?", "F1"),
        (STOCK, "Who supplies the tape measure?", "Kellermann"),
        (STOCK, "What is on shelf D4?", "Cable 3x1.5, 50 m, Tape measure 5 m"),
        (STOCK, "Which items does Kellermann supply?", "Copper pipe 15 mm, Tape measure 5 m"),
        (STOCK, "What does a tape measure cost?", "£9.90"),
        (RUNS, "How many kilometres were run in May?", "14.5 km (2 rows)"),
        (RUNS, "What is the average distance?", "8.5 km (3 rows)"),
        (RUNS, "On which days was the loop run?", "1 May, 2 June"),
        (KASSE, "Wie viel wurde insgesamt für Miete ausgegeben?", "€274,80 (2 Zeilen)"),
        (KASSE, "Wie viele Buchungen gibt es im Januar?", "2"),
        (CAVE, "Combien de bouteilles de vin rouge y a-t-il ?", "21 (2 lignes)"),
        (CAVE, "Quels vins viennent de la Loire ?", "Les Ormes"),
        (PRICES, "How much does a day ticket cost?", "£5.50 (adults), £2.80 (children)"),
        (STOCK.replace("| 9 |", "| 0 |"), "Which items are out of stock?", "Cable 3x1.5, 50 m"),
        (LOANS, "Which books have not been returned?", "Night Ferry, Salt"),
        (LOANS, "How many loans have not been returned?", "2"),
        (RESULTS, "How many parameters does Echo have?", "48 M"),
        (RESULTS, "Which method has the highest recall on Forest?", "Ours"),
        (STAFF, "How many hours do the trained guards have?", "30"),
        (STAFF, "Which names are not trained?", "Ann Lee"),
        (STAFF, "What are the average hours of a guard?", "30.5 (2 rows)"),
        (ORDERS, "How many chairs were ordered?", "33 (3 rows)"),
        (ORDERS, "Which customer ordered tables?", "Smith Ltd"),
        (BANK, "How much was the rent?", "-£420.00"),
        (BANK, "How much was spent at the market?", "-£115.30 (2 rows)"),
        (BANK, "What was the balance on 12 March?", "£1,915.80"),
        (CAKE, "Which ingredients have milk included?", "Flour"),
        (EXAMS, "When is the physics exam?", "Tue 3 June 2025"),
        (EXAMS, "When does physics start?", "9:00"),
        (EXPENSES, "How much was spent between 20 February and 4 March?", "€50.55 (2 rows)"),
        (EXPENSES, "How much was spent since March?", "€100.45 (3 rows)"),
        (EXPENSES, "How much was spent in the second quarter?", "€31"),
        (EXPENSES, "How much more did Ana pay than Bo?", "€147.30"),
        (EXPENSES, "How much more was spent in February than in March?", "€110.00"),
        (EXPENSES, "What share of the expenses did Ana pay?", "70.9% (€198.35 / €279.90)"),
        (EXPENSES, "How many different categories did Ana pay for?", "2"),
        (EXPENSES, "What did Bo pay for last?", "2025-04-02, Travel, Fuel, 31"),
        (EXPENSES, "What was the second largest expense?", "€49.4 (2025-03-10, Office, Stamps, Ana)"),
        (EXPENSES, "Who approved the expenses?", "The document does not say."),
        (BUDGET, "Which departments spent more than their budget?", "Sales"),
        (BUDGET, "Which departments are under budget?", "Marketing, Training"),
        (BUDGET, "How much is left in the training budget?", "£8"),
        (BUDGET, "By how much did Sales exceed its budget?", "£11"),
        (BUDGET, "What are the two largest budgets?", "£120 (Sales), £64 (Marketing)"),
        (LAGER, "Welche Artikel müssen nachbestellt werden?", "Toner"),
        (LAGER, "Wie viel Prozent der Artikel kommen von Bürofix?", "66.7% (2 / 3)"),
        (MEMBERS, "Who joined since January 2024?", "Dev, Finn"),
        (MEMBERS, "Who was the last to join?", "Finn"),
        (MEMBERS, "How many members joined between 2019 and 2024?", "2"),
        (ACCOUNT, "How much more was spent in May than in April?", "£771.50"),
        (ACCOUNT, "How many payments were made in the second quarter?", "2"),
        (ACCOUNT, "What was the balance at the end of April?", "£3296.50"),
        (SENSOR, "What is the maximum supply voltage?", "5.5 V"),
        (SENSOR, "Which parameters have no minimum?", "Response time"),
        (TRAINS, "When does the first train to Ely leave?", "06:40"),
        (TRAINS, "How many seats are left in the train to Deal?", "28"),
        (EXAMS, "Which exams start between 10:00 and 14:00?", "Art, 13:00, Hall"),
        (CAKE, "For which ingredients is milk not included?", "Sugar, Plums"),
        (LAKES, "What was the oxygen at Corrie Tarn in winter?", "13.1 mg/l"),
        (LAKES, "How much warmer was Alder Mere in summer than in winter?", "16.2 °C"),
        (LAKES, "How much more oxygen did Alder Mere have in winter than in summer?", "4.7 mg/l"),
        (PLANS, "Does the Team plan have phone support?", "Yes"),
        (PLANS, "Does the Team plan include an audit log?", "No"),
        (PLANS, "Which plans have no audit log?", "Starter, Team"),
        (PLANS, "What is the cheapest plan with phone support?", "$9 (Team)"),
        (PLANS, "What is the cheapest plan with an audit log?", "$17 (Studio)"),
        (PLANS, "How much storage does Studio have?", "2 TB"),
        (TENTS, "How much does the Bittern weigh without the lamp?", "4310 g"),
        (TENTS, "How much does the Bittern weigh with the lamp?", "4450 g"),
        (BOATS, "Did Puffin get a penalty?", "Yes"),
        (
            CAVE.replace("9 |", "non |").replace("24 |", "oui |").replace("12 |", "non |"),
            "Les Ormes a-t-il des bouteilles ?",
            "Oui",
        ),
        (BOATS, "Which club has the most boats?", "Norham (2)"),
        (BOATS, "Which club has the most points?", "Norham"),
        (BOATS, "How many rows does the table have?", "3"),
    ],
)
def test_rows_of_a_table_answer_together(text: str, question: str, answer: str) -> None:
    assert said(text, question) == answer


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (EXPENSES, "How much was spent on insurance?"),
        (RUNS, "How many kilometres were run after 1 May 2024?"),
        (EXPENSES, "How much was not spent on travel?"),
        (LOANS, "Who has not paid?"),
        (EXPENSES, "What is the budget for travel?"),
        (EXPENSES, "How much was spent in December?"),
        (STOCK, "How long is the guarantee on the cable?"),
        (STOCK, "Which item is the heaviest?"),
        (PRICES, "What is the total price?"),
        (PEOPLE, "How many children does Ida have?"),
        (PEOPLE, "Who is Ida?"),
        (PEOPLE, "How old is the chair?"),
        (STAFF, "How many rooms are there?"),
        (STAFF, "How many trained guards are there?"),
        (STAFF, "How many hours does Will have?"),
        (STAFF, "How many hours does Lee have?"),
        (STAFF, "How many hours a week does each guard have?"),
        (ORDERS, "Who ordered chairs most often?"),
        (ORDERS, "Which customer ordered the most chairs?"),
        (ORDERS, "How many customers ordered chairs?"),
        (ORDERS, "How many other chairs were ordered?"),
        (BANK, "How much was spent in March?"),
        (BANK, "What was the average balance?"),
        (CAKE, "What is the largest amount?"),
        (ROOMS, "What does a single room cost?"),
        (ROOMS, "How much is breakfast for a family?"),
        (EXPENSES, "What share of travel was in March?"),
        (PLANS, "Does the Team plan have phone support on Sundays?"),
        (PLANS, "Does Team or Studio have an audit log?"),
        (TENTS, "How heavy is the lamp?"),
        (TENTS, "How much does the Bittern weigh?"),
        (BOATS, "Did every boat get a penalty?"),
        (BOATS.replace("45", "120"), "Which club has the most points per boat?"),
        (BOATS.replace("45", "60"), "Which club has the most points?"),
        (EXPENSES, "How much was spent from March?"),
        (EXPENSES, "How much was spent at the end of March?"),
        (EXPENSES, "How much more was spent in February than in March on travel?"),
        (BUDGET, "Which departments spent more than Marketing?"),
        (BUDGET, "Which departments are full?"),
        (MEMBERS, "How much was paid in May?"),
        (BANK, "What was the largest payment?"),
        (PLANETS, "How many moons did Galle discover?"),
    ],
)
def test_what_the_rows_do_not_tell_is_left_to_the_decoder(text: str, question: str) -> None:
    assert said(text, question) is None


def test_a_table_with_empty_cells_at_the_end_of_a_page_goes_on_on_the_next() -> None:
    head, *rows = RUNS.removeprefix("Runs\n\n").splitlines(keepends=True)
    texts = "Runs\n\n" + head + "".join(rows[:2]), rows[2]
    ends = len(texts[0]), len(texts[0]) + len(texts[1])
    pages = PageRecord("d", 1, "1", 0, ends[0], texts[0]), PageRecord("d", 2, "2", ends[0], ends[1], texts[1])
    source = Source("d", "Runs", pages, ends[1])
    found = recorded("How many kilometres were run in total?", [source], Passages([source]))
    assert found is not None
    assert found.text == "25.5 km (3 rows)"
    assert {passage.page for passage in found.passages} == {1, 2}


def test_what_tables_of_two_documents_tell_differently_is_left_to_the_decoder() -> None:
    sources = [
        Source(name, "Runs", (PageRecord(name, 1, "1", 0, len(text), text),), len(text))
        for name, text in (("d", RUNS), ("e", RUNS.replace("11", "12")))
    ]
    assert recorded("How many kilometres were run in total?", sources, Passages(sources)) is None
    assert recorded("On which days was the loop run?", sources, Passages(sources)) is not None


def test_the_answer_comes_with_its_rows(tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(EXPENSES, "Expenses"), tiny_model, store)
    answer = answered(attached, tiny_model, "How much was spent on travel in March?", look_again="auto")
    assert answer.text == "€20.05"
    assert "Ferry ticket" in answer.evidence[0].quote
