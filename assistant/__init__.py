"""Where people and programs come in, and the agent that serves them.

The path of a question:

1. `chat/handlers.py` receives what a person typed (`api/`, `mcp/`, `cli.py` and a page by `embed/` enter at step 2).
2. `conversation.py` loads the history, runs one turn and says what happens as `events.py`.
3. `agent.py` holds instructions, tools and limits; the model is the configured one, without a key `offline/model.py`.
4. `tools/schemas/toolset.py` finds the tables; `tools/queries/toolset.py` runs the query, which goes through
   `tools/queries/guard.py` and `tools/queries/run.py` to `tools/connectors/`.
5. `chat/turn.py` and the `chat/draw_*.py` draw the events: text, steps, result, chart, job.
"""
