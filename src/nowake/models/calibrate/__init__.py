"""Parameters measured on one's own data: estimates, standard errors, a card, and a refusal where data cannot tell."""

from nowake.models.fills import SurvivalCurve, kaplan_meier

__all__ = ["SurvivalCurve", "kaplan_meier"]
