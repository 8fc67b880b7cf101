"""What the formulas of a workbook give, of which a program has written no values: sums, means, shares and the like."""

from __future__ import annotations

import ast
import contextlib
import math
import operator
import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?)|(?P<name>[A-Z]+)(?=\()"
    r"|(?:(?:'(?P<quoted>[^']+)'|(?P<sheet>[^\W\d]\w*))!)?\$?(?P<column>[A-Z]{1,3})\$?(?P<row>\d{1,7})"
    r"(?::\$?(?P<last_column>[A-Z]{1,3})\$?(?P<last_row>\d{1,7}))?(?![\w(])|(?P<sign>[-+*/^%(),;]))"
)
_AS_PYTHON = {"^": "**", "%": "/100", ";": ","}
_MOST_CELLS, _MOST_READS = 200_000, 500_000
"""Of a workbook; beyond them, formulas stay formulas."""
_MOST_DEPTH = 60
"""Of formulas that need one another."""
_MOST_CHARS = 1_000
_FAULTS = (ArithmeticError, LookupError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError)

Place = tuple[str, int, int]
"""A sheet, a row and a column."""


def _rounded(number: float, places: float = 0) -> float:
    scale = 10.0 ** int(places)
    return math.copysign(math.floor(abs(number) * scale + 0.5) / scale, number)


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "ABS": abs,
    "AVERAGE": lambda *numbers: math.fsum(numbers) / len(numbers),
    "COUNT": lambda *numbers: len(numbers),
    "MAX": lambda *numbers: max(numbers, default=0.0),
    "MIN": lambda *numbers: min(numbers, default=0.0),
    "PRODUCT": lambda *numbers: math.prod(numbers),
    "ROUND": _rounded,
    "SUM": lambda *numbers: math.fsum(numbers),
}
_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


class Formulas:
    """The formulas of a workbook."""

    def __init__(self, book: Any) -> None:
        """Read the cells of a workbook that was opened for its formulas."""
        self._cells: dict[Place, Any] = {}
        self._known: dict[Place, Any] = {}
        self._reads = self._depth = 0
        for sheet in book.worksheets:
            for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value is not None):
                self._cells[sheet.title, cell.row, cell.column] = getattr(
                    cell.value, "text", cell.value
                )  # of an array's
                if len(self._cells) > _MOST_CELLS:
                    self._reads = _MOST_READS
                    return

    def shown(self, place: Place) -> float | str | None:
        """Return what a cell's formula gives, or the formula itself where it is not worked out here; None for no formula."""
        if not self._is_formula(place):
            return None
        try:
            return self._value(place)
        except ValueError:
            return str(self._cells[place])

    def _is_formula(self, place: Place) -> bool:
        written = self._cells.get(place)
        return isinstance(written, str) and written.startswith("=")

    def _value(self, place: Place) -> Any:
        if not self._is_formula(place):
            return self._cells.get(place)
        if place not in self._known:
            formula = self._cells[place][1:]
            self._known[place] = None  # as long as it needs itself
            self._depth += 1
            with contextlib.suppress(*_FAULTS):
                if self._depth <= _MOST_DEPTH and len(formula) <= _MOST_CHARS:
                    self._known[place] = self._worked_out(formula, place[0])
            self._depth -= 1
        if self._known[place] is None:
            raise ValueError(place)
        return self._known[place]

    def _worked_out(self, formula: str, sheet: str) -> float:
        if "^" in formula and re.search("[-%]", formula):
            raise ValueError(formula)  # signs and shares come before powers here, in Python behind them
        ranges: list[list[Any]] = []
        expression, at = "", 0
        while at < len(formula.rstrip()):
            token = _TOKEN.match(formula, at)
            if token is None:
                raise ValueError(formula)
            at = token.end()
            if token["row"]:
                expression += f" c{len(ranges)} "
                ranges.append(self._range(token, token["quoted"] or token["sheet"] or sheet))
            else:
                expression += _AS_PYTHON.get(token[0].strip(), token[0].strip().lstrip("0") or "0")
        return self._result(ast.parse(expression.strip(), mode="eval").body, ranges)

    def _range(self, token: re.Match[str], sheet: str) -> list[Any]:
        first, last = (
            (int(token[row]), _number_of(token[column])) if token[row] else None
            for row, column in (("row", "column"), ("last_row", "last_column"))
        )
        rows, columns = (range(low, high + 1) for low, high in zip(first, last or first, strict=True))  # type: ignore[arg-type]
        self._reads += len(rows) * len(columns)
        if self._reads > _MOST_READS:
            raise ValueError(sheet)
        return [self._value((sheet, row, column)) for row in rows for column in columns]

    def _result(self, node: ast.expr, ranges: list[list[Any]]) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                (value,) = ranges[int(name[1:])]
                return 0.0 if value is None else operator.add(value, 0)
            case ast.UnaryOp(op=sign, operand=inner):
                return _OPERATORS[type(sign)](self._result(inner, ranges))
            case ast.BinOp(left=left, op=sign, right=right):
                return _OPERATORS[type(sign)](self._result(left, ranges), self._result(right, ranges))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                numbers: list[float] = []
                for argument in arguments:
                    if isinstance(argument, ast.Name):
                        values = ranges[int(argument.id[1:])]
                        numbers += [value for value in values if isinstance(value, (int, float))]
                    else:
                        numbers.append(self._result(argument, ranges))
                return _FUNCTIONS[name](*numbers)
        raise ValueError(node)


def _number_of(column: str) -> int:
    number = 0
    for letter in column:
        number = 26 * number + ord(letter) - ord("@")
    return number
