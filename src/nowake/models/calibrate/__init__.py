"""Parameters measured on one's own data: estimates, standard errors, a card, and a refusal where data cannot tell."""

from nowake.models.fills import SurvivalCurve, WeibullHazard, kaplan_meier, weibull_hazard

__all__ = ["SurvivalCurve", "WeibullHazard", "kaplan_meier", "weibull_hazard"]
