"""Local: the real parts on one machine, each by the first way that is open there, none left behind afterwards."""
