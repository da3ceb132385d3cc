# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit reports to one line, after one for each reason to skip tests.

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


def main(paths):
    passed, failed, skipped = 0, 0, collections.Counter()
    for case in (case for path in paths for case in ElementTree.parse(path).iter("testcase")):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
        skipped.update(reasons(case))
    for reason, count in sorted(skipped.items()):
        print(f"{count:5} skipped: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped.total()} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
