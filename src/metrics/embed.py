# SPDX-License-Identifier: Apache-2.0
"""Puts the page, its style and its script into one document, as C source.

usage: embed.py page.html page.css page.js OUTPUT

The Content-Security-Policy names the style and the script by their hashes: a browser runs
these and nothing else, wherever in the document it stands.
"""
import base64
import hashlib
import pathlib
import sys

POLICY = ("default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; "
          "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")

SOURCE = """/* Made by embed.py of page.html, page.css and page.js. */
#include "metrics/page.h"

const char page_security_policy[] =
    "{policy}";

const uint8_t page_html[] = {{
{rows}
}};

const size_t page_html_len = sizeof page_html;
"""


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def put(html, reference, element, text):
    """The document with a reference replaced by the element that has the text in it."""
    assert html.count(reference) == 1, f"page.html needs {reference} once"
    assert f"</{element}" not in text.lower(), f"</{element} would end the {element}"
    return html.replace(reference, f"<{element}>{text}</{element}>")


def rows(data):
    for at in range(0, len(data), 16):
        yield "    " + ", ".join(f"{byte:#04x}" for byte in data[at:at + 16]) + ","


def main():
    html, style, script = (pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:4])
    html = put(html, '<link rel="stylesheet" href="page.css">', "style", style)
    html = put(html, '<script src="page.js"></script>', "script", script)
    policy = POLICY.format(style=digest(style), script=digest(script))
    pathlib.Path(sys.argv[4]).write_text(
        SOURCE.format(policy=policy, rows="\n".join(rows(html.encode()))), encoding="ascii")


if __name__ == "__main__":
    main()
