"""The chat: Chainlit, turned into our words, our cards and our store."""
