# SPDX-License-Identifier: Apache-2.0
"""Registrations outlive the process that serves them."""
