"""Losses used by two methods or more."""
