"""Deploy: how Storyloop is put on a machine, from one laptop to a cluster."""
