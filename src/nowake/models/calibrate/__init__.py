"""Parameters measured on one's own data: estimates, standard errors, a card, and a refusal where data cannot tell."""
