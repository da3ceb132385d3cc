# SPDX-License-Identifier: Apache-2.0
"""A package only so that test files in different folders may share a name."""
