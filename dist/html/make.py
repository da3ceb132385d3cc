# SPDX-License-Identifier: Apache-2.0
"""Makes HTML of the manual and of all documents, and checks what it has made.

`./dev docs` calls this with the directory to make; docs/x.md becomes docs/x.html in it,
man/x.1 becomes man/x.1.html, README.md becomes index.html. So links that work between the
files of the tree work here as well. Whatever else a document links to is copied.
"""
import pathlib
import re
import shutil
import string
import subprocess
import sys

import links

HERE = pathlib.Path(__file__).parent
TOP = HERE.parents[1]
PAGE = string.Template((HERE / "page.html").read_text(encoding="utf-8"))

# Manuals of other programs, whose source is not beside the page's, are in Debian's collection.
OTHERS = "https://manpages.debian.org/"
MANUALS = f"man=%N.%S.html;{OTHERS}%N.%S"


def sources(tree):
    """Each document and page of the tree: the README, epmd(1), and what goes on from there."""
    first = tree / "README.md"
    pages = sorted(tree.glob("man/*.[0-9]"), key=lambda path: (path.suffix, path.stem))
    documents = sorted(tree.glob("docs/*.md")) + sorted(tree.glob("*.md"))
    return [first, *pages, *(path for path in documents if path != first)]


def made_of(path):
    """The path of what is made of a source, both relative."""
    if path.name == "README.md":
        return path.with_name("index.html")
    return path.with_suffix(".html") if path.suffix == ".md" else path.with_name(path.name + ".html")


def output_of(*command, **how):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **how).stdout


def body_of(source):
    """The HTML of a source. mandoc looks where it runs for the pages that a page refers to."""
    if source.suffix == ".md":
        return output_of("pandoc", "--from=gfm", "--to=html5", "--no-highlight", "--wrap=preserve",
                         f"--lua-filter={HERE / 'links.lua'}", source)
    return output_of("mandoc", "-T", "html", "-O", f"fragment,toc,{MANUALS}", source,
                     cwd=source.parent)


def title_of(source):
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".md":
        return re.search(r"(?m)^# (.*)$", text)[1]
    name, section = re.search(r"(?m)^\.Dt (\S+) (\d)$", text).groups()
    return f"{name.lower()}({section})"


def menu(pages, here):
    """A line of links to all pages, from one of them."""
    return "\n".join(
        f"<b>{title}</b>" if path == here else f'<a href="{links.relative(path, here)}">{title}</a>'
        for path, title in pages)


def copy_what_is_linked(tree, out, path):
    """Pictures, and files of the tree that are no documents."""
    for target in links.targets(out / path):
        wanted = links.file_of(path, target)
        if not wanted or not links.is_inside(wanted) or (out / wanted).exists():
            continue
        if (tree / wanted).is_file():
            (out / wanted).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / wanted, out / wanted)


def unknown_pages(out, paths):
    """Our own pages have names that begin with the program's; no other site has them."""
    for path in paths:
        for target in links.targets(out / path):
            if target.startswith(f"{OTHERS}epmd"):
                yield f"{path}: there is no page {target.removeprefix(OTHERS)}"


def make(tree, out):
    """Makes all of it; returns what is wrong with the links."""
    shutil.rmtree(out, ignore_errors=True)
    found = sources(tree)
    paths = [made_of(source.relative_to(tree)) for source in found]
    out.mkdir(parents=True)
    shutil.copy(HERE / "style.css", out)
    pages = [(path, title_of(source)) for path, source in zip(paths, found)]
    for (path, title), source in zip(pages, found):
        (out / path).parent.mkdir(exist_ok=True)
        (out / path).write_text(PAGE.substitute(
            title=title, menu=menu(pages, path), body=body_of(source),
            style=links.relative(pathlib.Path("style.css"), path)), encoding="utf-8")
    for path in paths:
        copy_what_is_linked(tree, out, path)
    return [*unknown_pages(out, paths), *links.complaints(out)]


def main(tree, out):
    wrong = make(pathlib.Path(tree).resolve(), pathlib.Path(out).resolve())
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
