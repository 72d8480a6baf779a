"""A narrative written anew from what the parser saw, for XHTML whose namespace was declared outside of it.

https://hl7.org/fhir/R5/narrative.html#xhtml
"""

from __future__ import annotations

from html import escape

from fhirserver.resources.xml.layout import XHTML

XML = "http://www.w3.org/XML/1998/namespace"
_VOID = frozenset(("area", "br", "col", "hr", "img"))
_BREAKS = str.maketrans({sign: f"&#{ord(sign)};" for sign in "\t\n\r"})


def expanded(name: str) -> tuple[str, str]:
    """Namespace (empty for none) and local name of 'namespace local prefix', as expat gives names."""
    parts = name.split(" ")
    return (parts[0], parts[1]) if len(parts) > 1 else ("", name)


class Markup:
    """The div as it grows, without prefixes."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[str] = []
        self._tag_is_open = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A tag opens."""
        self._content()
        namespace, local = expanded(name)
        declared = f' xmlns="{escape(namespace)}"' if not self._open or namespace != XHTML else ""
        said = [
            f' {"xml:" * (expanded(key)[0] == XML)}{expanded(key)[1]}="{_quoted(attributes[key])}"'
            for key in attributes
        ]
        self._parts.append(f"<{local}{declared}{''.join(said)}")
        self._open.append(local)
        self._tag_is_open = True

    def end(self) -> None:
        """The last open tag closes; only tags that never hold anything close in themselves."""
        local = self._open.pop()
        if self._tag_is_open and local in _VOID:
            self._parts.append("/>")
            self._tag_is_open = False
            return
        self._content()
        self._parts.append(f"</{local}>")

    def text(self, text: str) -> None:
        """Text between tags."""
        self._content()
        self._parts.append(escape(text, quote=False))

    def __str__(self) -> str:
        return "".join(self._parts)

    def _content(self) -> None:
        if self._tag_is_open:
            self._parts.append(">")
            self._tag_is_open = False


def _attribute_name(name: str) -> str:
    namespace, local = expanded(name)
    return f"xml:{local}" if namespace == XML else local


def _quoted(text: str) -> str:
    return escape(text).translate(_BREAKS)
