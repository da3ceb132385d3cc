# SPDX-License-Identifier: Apache-2.0
"""The links of HTML files in a directory: where they lead, and which of them lead nowhere.

Links to other sites are not followed.
"""
import collections
import html.parser
import os
import pathlib
import urllib.parse


class _Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], collections.Counter()
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src"):
                self.targets.append(value or "")
            elif name == "id":
                self.anchors[value] += 1


def targets(path):
    """Each address that a file names as a link, a picture or a style."""
    return _Page(path).targets


def relative(path, here):
    """The link from one file to another; both are paths from the top."""
    return os.path.relpath(path, here.parent)


def file_of(here, target):
    """The path from the top to what a link in the file `here` means; None on another site."""
    url = urllib.parse.urlsplit(target)
    if url.scheme or url.netloc:
        return None
    path = here.parent / urllib.parse.unquote(url.path) if url.path else here
    return pathlib.Path(os.path.normpath(path))


def is_inside(path):
    """Whether a path from the top stays below it."""
    return not path.is_absolute() and path.parts[:1] != ("..",)


def _wrong_links(pages, top):
    for path, page in pages.items():
        for target in page.targets:
            wanted = file_of(path, target)
            anchor = urllib.parse.unquote(urllib.parse.urlsplit(target).fragment)
            if wanted is None:
                continue
            if not is_inside(wanted) or not (top / wanted).is_file():
                yield f"{path}: the link {target} leads to no file"
            elif anchor and wanted in pages and not pages[wanted].anchors[anchor]:
                yield f"{path}: the link {target} leads to no place in {wanted}"


def complaints(top):
    """What is wrong with the links of all HTML files below a directory, one line each."""
    pages = {path.relative_to(top): _Page(path) for path in sorted(top.rglob("*.html"))}
    found = list(_wrong_links(pages, top))
    for path, page in pages.items():
        found += [f"{path}: the place #{anchor} is there {n} times"
                  for anchor, n in page.anchors.items() if n > 1]
    return found
