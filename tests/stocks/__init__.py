# SPDX-License-Identifier: Apache-2.0
"""Other releases of OTP beside this host's own."""
