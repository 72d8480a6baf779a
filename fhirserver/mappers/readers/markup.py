"""A saved web page as the lines a reader sees: menus, scripts and footers left out, list items with their bullets.

https://html.spec.whatwg.org/multipage/rendering.html#flow-content-3
"""

from __future__ import annotations

from html.parser import HTMLParser

_INLINE = {"a", "abbr", "b", "code", "em", "font", "i", "label", "mark", "small", "span", "strong", "sub", "sup", "u"}
_HIDDEN = {"script", "style", "noscript", "template", "svg", "nav", "footer", "button", "select", "iframe", "head"}
_RAISED = {"sup": "^", "sub": "_"}


class _Lines(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._parts: list[str] = []
        self._hidden: list[str] = []
        self._lists = 0
        self._prefix = ""

    def _flush(self) -> None:
        text = " ".join("".join(self._parts).split())
        self._parts = []
        if text:
            bullet = text[0] in "•*-" and self._prefix
            self.lines.append(text if bullet else self._prefix + text)
            self._prefix = " " * len(self._prefix)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        if tag not in _INLINE:
            self._flush()
        if tag in ("ul", "ol"):
            self._lists += 1
        elif tag == "li":
            self._prefix = "  " * self._lists + "• "
        elif tag in _RAISED and not self._hidden:
            self._parts.append(_RAISED[tag])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
            self._parts = []
        if tag not in _INLINE:
            self._flush()
        if tag in ("ul", "ol"):
            self._lists = max(0, self._lists - 1)
        if tag in ("ul", "ol", "li"):
            self._prefix = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._parts.append(data)

    def close(self) -> None:
        super().close()
        self._flush()


def lines(html: str) -> list[str]:
    """The visible lines; an item of a list starts with its indentation and a bullet."""
    parser = _Lines()
    parser.feed(html)
    parser.close()
    return parser.lines


def is_html(text: str) -> bool:
    """Whether text is a web page and not words that happen to hold a '<'."""
    start = text.lstrip("\ufeff \t\r\n")[:2000].casefold()
    return start.startswith("<") and any(tag in start for tag in ("<!doctype html", "<html", "<body", "<div", "<main"))
