"""What the black-box tests, the benchmarks and scripts/demo share. Standard library only.

Reading order: places, ports, process, counters, yaml_text, proxy (the real binaries);
http1, load, recorder, metrics (the other side of the wire).
"""
