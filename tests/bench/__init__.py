"""The benchmark: the four services against a naive chain and a bare one, interleaved in one run.

It is no test: it measures, checks by counts and checksums that all that was sent is there, and says which targets were
reached. `python -m tests.bench` takes about twelve minutes, `--quick` about three.
"""
