"""Mutants of orders that come by a folder, and of labels: never half, never twice, and no two cartons with one number."""

from __future__ import annotations

from mutant import Mutant

_FOLDER = "tests/station/dropped_orders/test_order_folder.py"
_STILL = "tests/station/dropped_orders/test_stillness.py"
_PRINTING = "tests/station/printing/test_label_printing.py"
_LABELS = "tests/station/papers/test_drawn_labels.py"

PAPER_MUTANTS = (
    Mutant(
        "a file that somebody has open for writing is taken",
        "station/dropped_orders/stillness.py",
        "            at_once = sight.ended and name not in self._written\n",
        "            at_once = sight.ended\n            self._written.discard(name)\n",
        (_STILL, _FOLDER),
    ),
    Mutant(
        "a file whose last line has no end is taken as soon as any",
        "station/dropped_orders/stillness.py",
        "at_once = sight.ended and name",
        "at_once = name",
        (_STILL,),
    ),
    Mutant(
        "a file that was changed between look and move is imported",
        "station/dropped_orders/folder.py",
        "            if _sight(name, folders.aside) != seen:\n",
        "            if False:\n",
        (f"{_FOLDER}::test_what_changed_since_it_was_seen_is_not_moved_aside",),
    ),
    Mutant(
        "a second file of one name takes the first one's place",
        "station/dropped_orders/folder.py",
        '        if not any(_there(free + ending, folder) for ending in ("", *beside))\n',
        "",
        (f"{_FOLDER}::test_whatever_is_dropped_is_taken_or_refused_with_its_reasons",),
    ),
    Mutant(
        "a link in the folder is followed",
        "station/dropped_orders/folder.py",
        "            if kind != stat.S_IFREG:\n",
        "            if kind not in (stat.S_IFREG, stat.S_IFLNK):\n",
        (f"{_FOLDER}::test_whatever_is_dropped_is_taken_or_refused_with_its_reasons",),
    ),
    Mutant(
        "an order that the station cannot take now is refused for good",
        "station/dropped_orders/watching.py",
        '                return f"{shown(name)} waits: {line}"\n',
        "                await self._in_thread(partial(self._folder.put_away, name, [line]))\n",
        (f"{_FOLDER}::test_the_folder_gone_and_back_and_a_station_that_cannot_now",),
    ),
    Mutant(
        "the folder may do what the account may",
        "station/desk/rights.py",
        "        CloseOrder: _SUPERVISORS,\n",
        "        CloseOrder: _SUPERVISORS | {Role.FOLDER},\n",
        ("tests/station/desk/test_desk_answers.py",),
    ),
    Mutant(
        "an SSCC is given to a second carton",
        "station/records/facts/package_labels.py",
        "            _refuse_anothers(tables, event)\n",
        "",
        (_PRINTING,),
    ),
    Mutant(
        "cartons and pallets share their SSCCs",
        "station/papers/sscc.py",
        "len(_KINDS) * code.number + _KINDS.index(code.package)",
        "len(_KINDS) * code.number",
        (_LABELS,),
    ),
    Mutant(
        "a label is sent before anybody knows that it will be",
        "station/printing/network_printer.py",
        "            await begin()\n",
        '            await line.send(b"")\n',
        (_PRINTING,),
    ),
    Mutant(
        "a label is sent to a printer that cannot print",
        "station/printing/network_printer.py",
        "            if fault is not None:\n                raise NotBegun(fault)\n",
        "",
        (_PRINTING,),
    ),
    Mutant(
        "printed is said as soon as a label is sent",
        "station/printing/network_printer.py",
        "                await self._until_done(line, say)\n",
        "",
        (_PRINTING,),
    ),
    Mutant(
        "a label that may be there comes again and does not say so",
        "station/printing/queue.py",
        "drawing(content, self._media, asked.sent_before)",
        "drawing(content, self._media)",
        (_PRINTING,),
    ),
    Mutant(
        "a text's caret stands in the label as it is",
        "station/papers/zpl.py",
        '" .,:;()/+-"',
        '" .,:;()/+-^"',
        (_LABELS,),
    ),
)
