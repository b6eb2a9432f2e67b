"""Who people are, and how they prove it: passwords, tokens, keys, single sign-on, each to an Actor.

who: somebody is, as every request asks. people: users, workspaces and who belongs where; removing: of a workspace.
signing_in: by password; sso: by an identity provider. tokens: short access tokens and rotating refresh tokens. keys:
what a program comes in with. throttle: how often one may try.
"""

from assistant.accounts.keys import ApiKey, NewKey, actor_of_key, create_key, list_keys, revoke_key
from assistant.accounts.people import (
    LOCAL_USER,
    WORKSPACE,
    Person,
    Team,
    add_user,
    choose_workspace,
    create_workspace,
    list_users,
    list_workspaces,
    local_person,
    make_user,
    remove_member,
    reset_password,
    set_attributes,
    set_password,
    set_role,
    stamp,
)
from assistant.accounts.removing import Holdings, holdings, remove_workspace
from assistant.accounts.signing_in import sign_in
from assistant.accounts.sso import signed_on
from assistant.accounts.tokens import Tokens, actor_of_access, issue_tokens, refresh, revoke
from assistant.accounts.who import find_person
from tools.toolbox import Role

__all__ = [
    "LOCAL_USER",
    "WORKSPACE",
    "ApiKey",
    "Holdings",
    "NewKey",
    "Person",
    "Role",
    "Team",
    "Tokens",
    "actor_of_access",
    "actor_of_key",
    "add_user",
    "choose_workspace",
    "create_key",
    "create_workspace",
    "find_person",
    "holdings",
    "issue_tokens",
    "list_keys",
    "list_users",
    "list_workspaces",
    "local_person",
    "make_user",
    "refresh",
    "remove_member",
    "remove_workspace",
    "reset_password",
    "revoke",
    "revoke_key",
    "set_attributes",
    "set_password",
    "set_role",
    "sign_in",
    "signed_on",
    "stamp",
]
