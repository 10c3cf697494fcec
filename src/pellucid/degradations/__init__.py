"""Clean to degraded, one file per phenomenon: a pure function, a frozen parameter class, and how to draw it."""
