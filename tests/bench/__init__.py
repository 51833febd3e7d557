"""The bench: gates that count (gates.py), and scripts/bench, which measures Turnout beside its peers."""
