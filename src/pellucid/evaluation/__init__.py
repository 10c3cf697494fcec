"""Measures, protocols exactly as the papers measured, benchmark sets, tables and contact sheets."""
