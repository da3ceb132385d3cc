# SPDX-License-Identifier: Apache-2.0
"""./dev docs: HTML of the manual and of all documents, in which each link leads somewhere."""

import os
import re
import subprocess
import sys

import pytest

from harness import ROOT
from machine import need


def make(tree, out):
    """What dist/html/make.py says of a tree, line by line; whether it is content."""
    need("mandoc", "pandoc")
    done = subprocess.run([sys.executable, os.path.join(ROOT, "dist/html/make.py"), str(tree), str(out)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == bool(done.stdout), done.stdout
    return done.stdout.splitlines()


@pytest.mark.timeout(300)
def test_every_link_of_this_tree_leads_somewhere(tmp_path):
    assert make(ROOT, tmp_path / "out") == []
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.html")}
    sources = {os.path.relpath(os.path.join(at, name), ROOT)
               for at in (ROOT, os.path.join(ROOT, "docs"), os.path.join(ROOT, "man"))
               for name in os.listdir(at) if re.search(r"\.(md|[0-9])$", name)}
    assert len(made) == len(sources) > 10
    assert {"index.html", "docs/migrating.html", "man/epmd.1.html"} <= made
    page = (tmp_path / "out/man/epmd.1.html").read_text()
    assert 'href="epmd-protocol.7.html"' in page and 'href="#EXPOSING_EPMD"' in page


PAGE = """.Dd January 2, 2027
.Dt EPMD 1
.Os
.Sh NAME
.Nm epmd
.Nd test
.Sh DESCRIPTION
"""


def tree_of(tmp_path, **files):
    """A small tree of documents, in which all is well but for these lines at the ends of files."""
    tree = tmp_path / "tree"
    texts = {
        "README.md": "# A\n\n[b](docs/b.md#a-place) [page](man/epmd.1) [code](src/x.c)\n",
        "docs/b.md": "# B\n\n## A place\n\n[up](../README.md#a) ![picture](b.png)\n",
        "man/epmd.1": PAGE + ".Sx NAME\n.Xr erl 1\n.Xr epmd 1\n",
        "docs/b.png": "", "src/x.c": ""}
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text + files.get(os.path.basename(name).split(".")[0], ""))
    return tree


def test_links_lead_from_each_kind_to_each(tmp_path):
    assert make(tree_of(tmp_path), tmp_path / "out") == []
    index = (tmp_path / "out/index.html").read_text()
    for target in "docs/b.html#a-place", "man/epmd.1.html", "src/x.c":
        assert f'href="{target}"' in index
    assert (tmp_path / "out/src/x.c").exists() and (tmp_path / "out/docs/b.png").exists()
    assert 'href="../index.html#a"' in (tmp_path / "out/docs/b.html").read_text()
    assert 'href="https://manpages.debian.org/erl.1"' in (tmp_path / "out/man/epmd.1.html").read_text()


def test_what_leads_nowhere_is_named(tmp_path):
    tree = tree_of(
        tmp_path, README="[x](docs/none.md) [y](docs/b.md#none) [z](#none) [w](https://none.invalid/)\n",
        b="\n![x](none.png) [y](/etc/passwd) [z](../src/none.c)\n\n<a id='a-place'></a>\n",
        epmd=".Xr epmd-none 7\n.Sx NONE\n")
    assert make(tree, tmp_path / "out") == [
        "man/epmd.1.html: there is no page epmd-none.7",
        "docs/b.html: the link none.png leads to no file",
        "docs/b.html: the link /etc/passwd leads to no file",
        "docs/b.html: the link ../src/none.c leads to no file",
        "index.html: the link docs/none.html leads to no file",
        "index.html: the link docs/b.html#none leads to no place in docs/b.html",
        "index.html: the link #none leads to no place in index.html",
        "man/epmd.1.html: the link #NONE leads to no place in man/epmd.1.html",
        "docs/b.html: the place #a-place is there 2 times",
    ]
