"""The scenarios by name."""
from .steady import Cold, Steady

SCENARIOS = {"steady": Steady, "cold": Cold}
