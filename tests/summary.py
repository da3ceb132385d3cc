# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit reports to one line, after one for each reason to skip tests and each failure.

Exits with 1 where something failed, or where nothing ran at all.
"""
import collections
import re
import sys
import xml.etree.ElementTree as ElementTree

# What unit_cannot() prints: several tests are one case of meson's.
UNIT_SKIP = re.compile(r"^cannot run here: (.*)$", re.M)


def reasons(case):
    """Why something was skipped in a test case: a list, empty where nothing was."""
    skipped = case.find("skipped")
    if skipped is not None:
        return [skipped.get("message") or "it says no reason"]
    return UNIT_SKIP.findall(case.findtext("system-out") or "")


def failure(case):
    """One line that names a test case that failed, and what failed; None where it passed."""
    for kind in "failure", "error":
        found = case.find(kind)
        if found is not None:
            message = (found.get("message") or found.text or "").strip().splitlines()[:1]
            return " ".join([case.get("classname", ""), case.get("name", ""), *message])[:300]
    return None


def main(paths):
    passed, failed, skipped = 0, [], collections.Counter()
    for case in (case for path in paths for case in ElementTree.parse(path).iter("testcase")):
        failed += filter(None, [failure(case)])
        passed += failure(case) is None and case.find("skipped") is None
        skipped.update(reasons(case))
    for reason, count in sorted(skipped.items()):
        print(f"{count:5} skipped: {reason}")
    for text in failed:
        print(f"failed: {text}")
    print(f"{passed} passed, {len(failed)} failed, {skipped.total()} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
