"""The routes, one router a noun: each translates a request into one call of a capability."""
