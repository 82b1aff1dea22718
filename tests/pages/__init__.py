"""Pages as people meet them: in a real browser, with the design system's own script and without, wide and narrow."""
