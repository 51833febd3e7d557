"""The scenarios by name."""
from .change import Change
from .probe import Probe
from .start import Start
from .steady import Cold, Steady

SCENARIOS = {"start": Start, "steady": Steady, "cold": Cold, "change": Change, "probe": Probe}
