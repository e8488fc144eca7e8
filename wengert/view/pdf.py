"""The picture as a PDF of one page, written by ourselves: the drawing's boxes, lines and texts in PDF's own words.

The fonts are those that every reader has (Helvetica, and Symbol for ∂, arrows and Greek letters), so that nothing is
embedded; a character that neither has loses its accent, or is a question mark. After the PDF reference, version 1.7.
"""

from __future__ import annotations

import re
import unicodedata
import zlib

from .drawing import APART, Arrow, Drawing, Item
from .svg import FLOWS, MARGIN, colours, legend_entries, path_of

_PLAIN = [278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, *[556] * 10, 278, 278, 584,
          584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722,
          667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556,
          222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584]
"""The widths of Helvetica's characters from the space on, in thousandths."""
_OTHER = {"×": 584, "·": 278, "…": 1000, "\u2003": 1000, "±": 584}

_SYMBOL = {"∂": (0xB6, 494), "→": (0xAE, 987), "←": (0xAC, 987), "−": (0x2D, 549), "∞": (0xA5, 713), "√": (0xD6, 549),
           "≤": (0xA3, 549), "≥": (0xB3, 549), "∑": (0xE5, 713)}
_SYMBOL |= {greek: (ord(latin), 560) for greek, latin in
            zip("αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩ", "abgdezhqiklmnxprsVtujcywGDQLXPSFYW", strict=True)}

_BOXES = {"leaf": "leaf", "constant": "const", "module": "mod", "root": "root", "broken": "bad"}
_ROUND = 0.5523
_SCALE = 0.75
"""Points of a pixel."""


def pdf(drawing: Drawing, title: str, theme: str | None = None) -> bytes:
    """The bytes of a PDF file with a drawing that is laid out. ``theme``: light unless it is ``"dark"``."""
    page = _Page(colours(theme or "light"))
    if not drawing.items:
        page.text("an empty graph", 80, 12, 12, "soft")
    for arrow in drawing.arrows:
        page.arrow(arrow, drawing.right)
    for item in drawing.items:
        page.item(item)
    for arrow in drawing.arrows:
        if arrow.label and arrow.line.label is not None:
            page.label(arrow, drawing.right)
    wide = page.legend(drawing, drawing.height + 40) if drawing.items else 160.0
    width = max(drawing.width, wide) + 2 * MARGIN
    height = drawing.height + 2 * MARGIN + (52 if drawing.items else 24)
    return _file(page.content(width, height), width * _SCALE, height * _SCALE, title)


class _Page:
    """The words of one page, in pixels with y downwards as the drawing has them."""

    def __init__(self, colours: dict[str, str]) -> None:
        self.colours = colours
        self.words: list[str] = []

    def content(self, width: float, height: float) -> bytes:
        """The page's stream: the background, and all that was drawn."""
        head = (f"{_SCALE} 0 0 {-_SCALE} 0 {height * _SCALE:.2f} cm {self._colour('bg')} rg 0 0 {width:.2f} "
                f"{height:.2f} re f 1 0 0 1 {MARGIN:g} {MARGIN:g} cm")
        return "\n".join([head, *self.words]).encode("latin-1")

    def _colour(self, name: str) -> str:
        text = self.colours[name].lstrip("#")
        text = "".join(2 * c for c in text) if len(text) == 3 else text
        return " ".join([f"{int(text[i : i + 2], 16) / 255:.3f}" for i in (0, 2, 4)])

    def item(self, item: Item) -> None:
        """A box with its text."""
        box = item.box
        kind = "broken" if item.broken else "root" if item.root else item.kind
        radius = {"leaf": min(box.height / 2, 18.0), "module": 6.0, "output": 14.0}.get(item.kind, 7.0)
        x, y = box.x - box.width / 2, box.y - box.height / 2
        if item.kind == "module":
            self.box(x + 4, y + 4, box.width, box.height, radius, kind)
        self.box(x, y, box.width, box.height, radius, kind)
        top = box.y - 8.5 * len(item.rows)
        self.text(item.title, box.x, top + 4.7, 13.5, "ink", bold=True)
        for i, row in enumerate(item.rows):
            soft = row.startswith(("grad ", "tangent ")) or item.kind == "module"
            self.text(row, box.x, top + 17 * (i + 1) + 4.5, 12 if soft else 12.5, "soft" if soft else "ink")

    def box(self, x: float, y: float, width: float, height: float, radius: float, kind: str) -> None:
        """A rectangle with round corners."""
        name, r = _BOXES.get(kind, "op"), min(radius, width / 2, height / 2)
        k, right, low = r * (1 - _ROUND), x + width, y + height
        dash = "[4 3] 0 d" if kind == "constant" else "[] 0 d"
        thick = 2 if kind in ("root", "broken") else 1.3
        self.words.append(
            f"{self._colour(name)} rg {self._colour(f'{name}-b')} RG {thick} w {dash} "
            f"{x + r:.2f} {y:.2f} m {right - r:.2f} {y:.2f} l "
            f"{right - k:.2f} {y:.2f} {right:.2f} {y + k:.2f} {right:.2f} {y + r:.2f} c {right:.2f} {low - r:.2f} l "
            f"{right:.2f} {low - k:.2f} {right - k:.2f} {low:.2f} {right - r:.2f} {low:.2f} c {x + r:.2f} {low:.2f} l "
            f"{x + k:.2f} {low:.2f} {x:.2f} {low - k:.2f} {x:.2f} {low - r:.2f} c {x:.2f} {y + r:.2f} l "
            f"{x:.2f} {y + k:.2f} {x + k:.2f} {y:.2f} {x + r:.2f} {y:.2f} c b")

    def arrow(self, arrow: Arrow, right: bool) -> None:
        """A line with its head."""
        points = list(arrow.line.points)
        x, y = points[-1]
        points[-1] = (x - 7, y) if right else (x, y - 7)
        signs = {"M": "m", "L": "l", "C": "c"}
        way = " ".join([f"{numbers.strip()} {signs[sign]}"
                        for sign, numbers in re.findall(r"([MLC])([^MLC]+)", path_of(points, right))])
        head = f"{x - 9:.2f} {y - 4.5:.2f} l {x - 9:.2f} {y + 4.5:.2f} l" if right else (
            f"{x - 4.5:.2f} {y - 9:.2f} l {x + 4.5:.2f} {y - 9:.2f} l")
        line = self._colour("line")
        self.words.append(f"{line} RG {line} rg 1.4 w [] 0 d {way} S {x:.2f} {y:.2f} m {head} f")

    def label(self, arrow: Arrow, right: bool) -> None:
        """The label of a line, as in the picture."""
        assert arrow.line.label is not None
        x, y = arrow.line.label
        parts = arrow.label.split(APART)
        wide = text_width(arrow.label, 12)
        if not right:
            self.words.append(f"{self._colour('bg')} rg {x - wide / 2 - 2:.2f} {y - 9:.2f} {wide + 4:.2f} 18 re f")
        at = x - wide / 2
        for part in parts:
            self.text(part, at, y - 5 if right else y + 4, 12, FLOWS.get(part[:1], "soft"), middle=False)
            at += text_width(part + APART, 12)

    def legend(self, drawing: Drawing, y: float) -> float:
        """The row that says what the colours mean; returns its width."""
        x = 0.0
        for kind, words in legend_entries(drawing):
            if kind in FLOWS.values():
                self.text(words, x, y + 4.3, 12, kind, middle=False)
            else:
                self.box(x, y - 7, 20, 14, 7 if kind in ("leaf", "output") else 3, kind)
                x += 26
                self.text(words, x, y + 4.3, 12, "soft", middle=False)
            x += text_width(words, 12) + 18
        return x - 18

    def text(self, text: str, x: float, y: float, size: float, colour: str, bold: bool = False,
             middle: bool = True) -> None:
        """A line of text, centred at ``x`` or beginning there."""
        at = x - text_width(text, size, bold) / 2 if middle else x
        self.words.append(f"BT {self._colour(colour)} rg 1 0 0 -1 {at:.2f} {y:.2f} Tm")
        for symbol, run in _runs(text):
            font = "/S" if symbol else "/B" if bold else "/H"
            escaped = re.sub(r"([\\()])", r"\\\1", run)
            self.words.append(f"{font} {size:g} Tf ({escaped}) Tj")
        self.words.append("ET")


def _known(character: str) -> str:
    """A character that one of the fonts has: itself, without its accent, or a question mark."""
    for form in (character, unicodedata.normalize("NFD", character)[:1]):
        if form in _SYMBOL or form == APART:
            return form
        try:
            form.encode("cp1252")
        except UnicodeEncodeError:
            continue
        if form.isprintable():
            return form
    return "?"


def _runs(text: str) -> list[tuple[bool, str]]:
    """Text as runs of one font, its characters as the bytes that stand for them there: (whether Symbol, run)."""
    runs: list[tuple[bool, str]] = []
    for character in map(_known, text):
        symbol = character in _SYMBOL
        code = chr(_SYMBOL[character][0]) if symbol else (
            "   " if character == APART else character.encode("cp1252").decode("latin-1"))
        if runs and runs[-1][0] == symbol:
            runs[-1] = symbol, runs[-1][1] + code
        else:
            runs.append((symbol, code))
    return runs


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is in the fonts of the file. (Bold letters are about 6 % wider.)"""
    total = 0.0
    for character in map(_known, text):
        if character in _SYMBOL:
            total += _SYMBOL[character][1]
            continue
        place = ord(character) - 32
        width = _PLAIN[place] if 0 <= place < len(_PLAIN) else 834 if character == APART else _OTHER.get(character, 556)
        total += width * (1.06 if bold else 1)
    return total * size / 1000


def _file(content: bytes, width: float, height: float, title: str) -> bytes:
    """The objects of a file of one page, with their table."""
    packed = zlib.compress(content)
    fonts = "".join([f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{font}{coding} >> " for name, font, coding in
                     (("H", "Helvetica", " /Encoding /WinAnsiEncoding"),
                      ("B", "Helvetica-Bold", " /Encoding /WinAnsiEncoding"), ("S", "Symbol", ""))])
    name = "FEFF" + title.encode("utf-16-be", "replace").hex().upper()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 4 0 R "
        f"/Resources << /Font << {fonts}>> >> >>".encode(),
        f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream",
        f"<< /Title <{name}> /Producer (wengert) >>".encode(),
    ]
    file, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(file)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    file += "".join([f"{place:010} 00000 n \n" for place in places]).encode()
    file += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(file)
