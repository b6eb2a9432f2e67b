"""The MCP server: the agent's tools, and schemas and verified examples as resources, for somebody else's model.

What a model may call here is what our own may call, with the same policies and the same errors in words; left out is
what needs a person at the other end (an approval, a form, a choice).
"""

from assistant.mcp.offer import FOR_A_PERSON
from assistant.mcp.server import Mcp, serve_stdio

__all__ = ["FOR_A_PERSON", "Mcp", "serve_stdio"]
