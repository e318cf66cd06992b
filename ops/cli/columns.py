"""Tables that fit the terminal: text folds, and of columns too many the last are left out and named. No figure is ever cut."""

import re
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from ops.cli.console import cell

#: Below this a text that folds cannot be read.
_LEAST = 12
#: With a unit or a share; a time is none.
_FIGURE = re.compile(r"[-+]?\d[\d,.]*(/\d+)?( ?[%A-Za-z]+)?")


class Columns:
    """`names`: of the columns, those that matter most first; `texts`: those that may fold; the rest stands as it is. A cell is a Text, or what `cell`
    makes one of; figures stand to the right."""

    def __init__(self, names: Sequence[str], rows: Iterable[Sequence[object]], *, texts: Collection[str] = ()) -> None:
        self._names, self._texts = names, texts
        self._rows = [[one if isinstance(one, Text) else cell(one) for one in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = len(self._names)
        while shown > 1 and sum(self._least(place) + 1 for place in range(shown)) > options.max_width:
            shown -= 1
        widths = self._widths(shown, options.max_width)
        gap = 2 if sum(widths) + 2 * shown <= options.max_width else 1
        table = Table(box=None, padding=(0, gap, 0, 0), header_style="dim")
        for place, width in enumerate(widths):
            side: JustifyMethod = "right" if self._is_figure(place) else "left"
            table.add_column(self._names[place], justify=side, overflow="fold", width=width)
        for row in self._rows:
            table.add_row(*row[:shown])
        yield table
        if left := self._names[shown:]:
            words = f"no room for {', '.join(left)}: widen the terminal, or ask with --json"
            yield Text(words, style="dim", no_wrap=False, overflow="fold")

    def _widths(self, shown: int, most: int) -> list[int]:
        """What is left beyond what is needed goes to texts, then to names that would stand on two lines."""
        widths = [min(self._least(place), most - 1) for place in range(shown)]
        spare = most - sum(widths) - shown
        for wish in ([self._cells(place) for place in range(shown)], [len(name) for name in self._names[:shown]]):
            for place, wanted in enumerate(wish):
                more = max(0, min(spare, wanted - widths[place]))
                widths[place] += more
                spare -= more
        return widths

    def _least(self, place: int) -> int:
        """Of words of the name, which may stand below each other, and of cells, which may where they are text."""
        cells = self._cells(place)
        return max(*map(len, self._names[place].split(" ")), min(cells, _LEAST) if self._names[place] in self._texts else cells, 1)

    def _cells(self, place: int) -> int:
        return max((line.cell_len for row in self._rows for line in row[place].split()), default=0)

    def _is_figure(self, place: int) -> bool:
        texts = [row[place].plain for row in self._rows if row[place].plain != "–"]
        return bool(texts) and all(_FIGURE.fullmatch(text) for text in texts)
