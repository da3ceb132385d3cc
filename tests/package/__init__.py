# SPDX-License-Identifier: Apache-2.0
"""Installation: by meson, as a Debian package, and its completions."""
