# SPDX-License-Identifier: Apache-2.0
"""How the tests say that two long replies are not the same."""

import pytest


def test_long_replies_are_compared_up_to_their_first_difference():
    """The rest is left: with a line more at its start, no line stands where it stood."""
    expected = b"".join(b"name n%06d at port 4711\n" % number for number in range(100_000))
    with pytest.raises(AssertionError, match="alike for 12 characters .*name meanwhile at") as told:
        assert expected[:10] + b"name meanwhile at port 4711\n" + expected[10:] == expected
    assert len(str(told.value)) < 1000
