"""Every capability, one package a noun; works without a model, a chat or a queue."""
