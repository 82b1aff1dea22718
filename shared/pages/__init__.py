"""Pages: server-rendered HTML in the NHS design system, with the same frame, errors and forms in all services."""
