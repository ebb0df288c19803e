"""Which column of which table holds which member of a seed's entries.

Members that take more than a column, like references and lists, are not here.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import UNSET, Struct

from internal_api import seed_document as seed
from internal_api.access import levels

_SAME: dict[type[Struct], str] = {
    seed.Settings: """external_url gitlab_version gitlab_revision
        enabled_git_access_protocol receive_max_input_size read_only
        default_branch_protection error_tracking_enabled error_tracking_access_token
        environment licensed_features gitlab_com rate_limit_per_minute
        merge_request_links http_upload_pack http_receive_pack ssh_key_restrictions""",
    seed.User: """name email admin state user_type external confirmed
        password_expired terms_accepted two_factor_enabled otp_secret
        can_create_projects last_activity_on consumed_timestep""",
    seed.PersonalAccessToken: "name scopes expires_at revoked last_used_at",
    seed.Key: "title created_at expires_at usage_type last_used_at",
    seed.DeployKey: "title created_at expires_at last_used_at",
    seed.Saml: "enabled verified_domains allowed_domains",
    seed.Group: "name",
    seed.Project: """name archived repository_exists repository_read_only
        default_branch""",
    seed.ProtectedBranch: "name allow_force_push",
    seed.ProtectedTag: "name",
    seed.MergeRequest: """iid source_branch target_branch allow_collaboration
        merging_sha""",
    seed.ErrorTrackingKey: "public_key active",
    seed.ScanExecutionPolicy: "name description enabled yaml updated_at",
    seed.Snippet: "",
    seed.AgentToken: "revoked last_used_at",
    seed.Subscription: """plan_code seats seats_in_use max_seats_used seats_owed
        start_date end_date trial trial_starts_on trial_ends_on trial_extension_type
        auto_renew max_seats_used_changed_at updated_at""",
    seed.SubscriptionHistory: """created_at plan_code seats max_seats_used start_date
        end_date trial trial_starts_on trial_ends_on trial_extension_type auto_renew""",
    seed.SubscriptionAddOnPurchase: "add_on quantity expires_on purchase_xid",
    seed.MinutesPack: "number_of_minutes expires_at purchase_xid",
    seed.StorageLimitExclusion: "reason",
    seed.UpcomingReconciliation: "next_reconciliation_date display_alert_from",
    seed.ScimIdentity: "extern_uid active",
    seed.CiJob: "pipeline_id environment",
    seed.BroadcastMessage: "message broadcast_type target_path starts_at ends_at",
    seed.Finding: """uuid state name severity confidence location identifiers
        scanner""",
    seed.Alert: "title fingerprint events state payload",
    seed.AgentAuthorization: "access",
    seed.PostPushMessage: "gl_repository type message expires_at",
}
_RENAMED: dict[type[Struct], dict[str, str]] = {
    seed.GitalySettings: {
        "address": "gitaly_address",
        "token": "gitaly_token",
        "features": "gitaly_features",
        "storage": "gitaly_storage",
        "storage_path": "gitaly_storage_path",
    },
    seed.Saml: {"default_role": "default_membership_role"},
    seed.Group: {"visibility": "visibility_level"},
    seed.Project: {
        "visibility": "visibility_level",
        "deleted": "pending_delete",
        "repository": "repository_access_level",
        "wiki": "wiki_access_level",
        "snippets": "snippets_access_level",
        "merge_requests": "merge_requests_access_level",
        "lfs": "lfs_enabled",
        "empty": "empty_repo",
    },
    seed.ProtectedBranch: {"push": "push_access_level", "merge": "merge_access_level"},
    seed.ProtectedTag: {"create": "create_access_level"},
    seed.Snippet: {"visibility": "visibility_level"},
    seed.AgentAuthorization: {"configuration": "config"},
}
COLUMNS: dict[type[Struct], dict[str, str]] = {
    entry: {name: name for name in _SAME.get(entry, "").split()}
    | _RENAMED.get(entry, {})
    for entry in _SAME | _RENAMED
}

# Columns of integers that a seed names.
_LEVELS = {
    "access_level": levels.ROLES,
    "group_access": levels.ROLES,
    "default_membership_role": levels.ROLES,
    "visibility_level": levels.VISIBILITIES,
    "repository_access_level": levels.FEATURE_LEVELS,
    "wiki_access_level": levels.FEATURE_LEVELS,
    "snippets_access_level": levels.FEATURE_LEVELS,
    "merge_requests_access_level": levels.FEATURE_LEVELS,
    "push_access_level": levels.PROTECTED_REF_LEVELS,
    "merge_access_level": levels.PROTECTED_REF_LEVELS,
    "create_access_level": levels.PROTECTED_REF_LEVELS,
}
_JSON = frozenset(
    {
        "gitaly_features",
        "licensed_features",
        "ssh_key_restrictions",
        "scopes",
        "verified_domains",
        "allowed_domains",
        "config",
        "location",
        "identifiers",
        "scanner",
        "payload",
    }
)


def given(entry: Struct) -> dict[str, Any]:
    """The columns that an entry sets, with the values to be stored."""
    columns = COLUMNS[type(entry)].items()
    values = ((column, getattr(entry, key)) for key, column in columns)
    return {
        column: _stored(column, value) for column, value in values if value is not UNSET
    }


def _stored(column: str, value: Any) -> Any:
    if column in _JSON:
        return msgspec.json.encode(value).decode()
    return _LEVELS[column][value] if column in _LEVELS else value


def level(column: str, name: str) -> int:
    """The integer of a role, a visibility or the like."""
    return _LEVELS[column][name]


def said(
    kind: type[Struct], row: dict[str, Any], usual: dict[str, Any]
) -> dict[str, Any]:
    """What an entry of a seed says of a row.

    Args:
        kind: The entry.
        row: The row.
        usual: The values that go without saying.
    """
    return {
        key: _said(column, row[column], is_flag=key in _flags(kind))
        for key, column in COLUMNS[kind].items()
        if column not in usual or row[column] != usual[column]
    }


def _said(column: str, value: Any, *, is_flag: bool) -> Any:
    if column in _JSON:
        return msgspec.json.decode(value)
    if column in _LEVELS:
        return level_name(column, value)
    return bool(value) if is_flag and value is not None else value


def level_name(column: str, value: int) -> str:
    """The name of a role, a visibility or the like."""
    return next(name for name, number in _LEVELS[column].items() if number == value)


@cache
def _flags(kind: type[Struct]) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(field.name for field in fields if bool in get_args(field.type))
