"""Row policies, column masks and hidden tables of registered databases, kept by the admins of a workspace.

`records` keeps them, `session` what a source with policies of its own is told; tools.reach tells what they leave a
person, tools.queries.barrier holds every query to that.
"""

from tools.policies.records import Kept, add_policy, list_policies, remove_policy
from tools.policies.session import tell_session

__all__ = ["Kept", "add_policy", "list_policies", "remove_policy", "tell_session"]
