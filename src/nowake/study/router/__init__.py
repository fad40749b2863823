"""The router study (docs/studies/router.md): its windows and orders, what each came to, and what they say together."""
