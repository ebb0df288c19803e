"""What a seed file may say: one mapping, every key of it optional.

A member that an entry does not name is UNSET: a new entry then has the default of
its column in `schema.sql`, one that exists keeps what it has.
"""

import hashlib
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from internal_api.seed_values import (
    AgentName,
    Date,
    Fingerprint,
    FullPath,
    OtpSecret,
    RefName,
    Sha256,
    SshKey,
    Time,
    Timestamp,
    Url,
    Username,
)
from internal_api.subscription import AddOn, TrialExtensionType

_LARGEST_INTEGER = 2**63 - 1  # in SQLite
_LARGEST_ID = 2**53  # in JSON; leaves room to count up from

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType
Id = Annotated[int, Meta(ge=1, le=_LARGEST_ID)]
Count = Annotated[int, Meta(ge=0, le=_LARGEST_INTEGER)]
Integer = Annotated[int, Meta(ge=-_LARGEST_INTEGER - 1, le=_LARGEST_INTEGER)]
Int4 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]  # what GitLab's column holds
Name = Annotated[str, Meta(min_length=1)]
ShortText = Annotated[str, Meta(min_length=1, max_length=255)]
PurchaseXid = Annotated[str, Meta(min_length=1, max_length=32)]

Role = Literal["guest", "reporter", "developer", "maintainer", "owner"]
Visibility = Literal["private", "internal", "public"]
FeatureLevel = Literal["disabled", "private", "enabled"]
ProtectedRefLevel = Literal["no_one", "developer", "maintainer"]
UserState = Literal[
    "active",
    "blocked",
    "ldap_blocked",
    "banned",
    "deactivated",
    "blocked_pending_approval",
]
KeyType = Literal["rsa", "dsa", "ecdsa", "ed25519", "ecdsa_sk", "ed25519_sk"]
LicensedFeature = Literal[
    "cluster_image_scanning",
    "security_orchestration_policies",
    "cilium_alerts",
    "group_saml",
]


class SeedError(Exception):
    """A seed cannot be loaded: one line that names the file, the key and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        reason = " ".join(reason.split())
        super().__init__(": ".join(part for part in (file, key, reason) if part))


class Entry(Struct, kw_only=True, forbid_unknown_fields=True):
    """A mapping in a seed file."""


class _Secret(Entry, kw_only=True):
    """A mapping with a token, or its digest."""

    token: Maybe[Name] = UNSET
    token_digest: Maybe[Sha256] = UNSET

    def __post_init__(self) -> None:
        """Refuse one without a token, and one with two."""
        if (self.token is UNSET) == (self.token_digest is UNSET):
            raise ValueError("needs `token` or `token_digest`, and one of them only")

    @property
    def digest(self) -> str:
        """The digest of the token."""
        return str(digest_of(self.token, self.token_digest))


def digest_of(token: Maybe[str | None], digest: Maybe[str | None]) -> Maybe[str | None]:
    """What is stored of a token that is given as a text, or as its digest."""
    if isinstance(token, str):
        return hashlib.sha256(token.encode()).hexdigest()
    return digest if token is UNSET else None


class GitalySettings(Entry, kw_only=True):
    """How clients reach Gitaly."""

    address: Maybe[str] = UNSET
    token: Maybe[str | None] = UNSET
    features: Maybe[dict[str, bool | Literal["true", "false"]]] = UNSET
    storage: Maybe[str] = UNSET
    storage_path: Maybe[str | None] = UNSET


class _ScimToken(Entry):
    """A mapping that may have a SCIM token, or its digest."""

    scim_token: Maybe[Name | None] = UNSET
    scim_token_digest: Maybe[Sha256 | None] = UNSET

    def __post_init__(self) -> None:
        """Refuse one with two tokens."""
        if self.scim_token is not UNSET and self.scim_token_digest is not UNSET:
            raise ValueError(
                "has `scim_token` and `scim_token_digest`: one of them only"
            )

    @property
    def scim_digest(self) -> Maybe[str | None]:
        """The digest of the token, null to have none."""
        return digest_of(self.scim_token, self.scim_token_digest)


class Settings(_ScimToken, kw_only=True):
    """The settings of the instance."""

    external_url: Maybe[Url] = UNSET
    gitlab_version: Maybe[str] = UNSET
    gitlab_revision: Maybe[str] = UNSET
    gitaly: Maybe[GitalySettings] = UNSET
    enabled_git_access_protocol: Maybe[Literal["", "ssh", "http"]] = UNSET
    receive_max_input_size: Maybe[Count] = UNSET
    read_only: Maybe[bool] = UNSET
    default_branch_protection: Maybe[Literal["full", "developers_push", "none"]] = UNSET
    error_tracking_enabled: Maybe[bool] = UNSET
    error_tracking_access_token: Maybe[str | None] = UNSET
    environment: Maybe[Literal["development", "test", "staging", "production"]] = UNSET
    licensed_features: Maybe[Literal["all"] | list[LicensedFeature]] = UNSET
    gitlab_com: Maybe[bool] = UNSET
    rate_limit_per_minute: Maybe[Count] = UNSET
    merge_request_links: Maybe[bool] = UNSET
    http_upload_pack: Maybe[bool] = UNSET
    http_receive_pack: Maybe[bool] = UNSET
    ssh_key_restrictions: Maybe[dict[KeyType, Count | Literal["forbidden"]]] = UNSET


class PersonalAccessToken(_Secret, kw_only=True):
    """A personal access token of a user."""

    id: Maybe[Id] = UNSET
    name: str
    scopes: Maybe[list[str]] = UNSET
    expires_at: Maybe[Date | None] = UNSET
    revoked: Maybe[bool] = UNSET
    last_used_at: Maybe[Time | None] = UNSET


class User(Entry, kw_only=True):
    """A user, and the personal namespace."""

    id: Maybe[Id] = UNSET
    username: Username
    name: Maybe[str] = UNSET
    email: Maybe[Name] = UNSET
    admin: Maybe[bool] = UNSET
    namespace_id: Maybe[Id] = UNSET
    state: Maybe[UserState] = UNSET
    user_type: Maybe[Name] = UNSET
    emails: Maybe[list[Name]] = UNSET
    external: Maybe[bool] = UNSET
    confirmed: Maybe[bool] = UNSET
    password_expired: Maybe[bool] = UNSET
    terms_accepted: Maybe[bool] = UNSET
    two_factor_enabled: Maybe[bool] = UNSET
    otp_secret: Maybe[OtpSecret | None] = UNSET
    can_create_projects: Maybe[bool] = UNSET
    personal_access_tokens: list[PersonalAccessToken] = []
    last_activity_on: Maybe[Date | None] = UNSET
    consumed_timestep: Maybe[Count | None] = UNSET
    otp_backup_code_digests: Maybe[list[Sha256]] = UNSET
    provisioned_by_group: Maybe[str | None] = UNSET


class Key(Entry, kw_only=True):
    """An SSH key of a user."""

    id: Maybe[Id] = UNSET
    user: str
    title: Maybe[str] = UNSET
    key: SshKey
    created_at: Maybe[Time] = UNSET
    expires_at: Maybe[Time | None] = UNSET
    usage_type: Maybe[Literal["auth_and_signing", "auth", "signing"]] = UNSET
    last_used_at: Maybe[Time | None] = UNSET


class DeployKey(Entry, kw_only=True):
    """An SSH key of projects; without a user it is the ghost user's."""

    id: Maybe[Id] = UNSET
    title: Maybe[str] = UNSET
    key: SshKey
    user: Maybe[str | None] = UNSET
    created_at: Maybe[Time] = UNSET
    expires_at: Maybe[Time | None] = UNSET
    last_used_at: Maybe[Time | None] = UNSET
    projects: Maybe[dict[str, Literal["read", "write"]]] = UNSET


class Member(Entry, kw_only=True):
    """A member of a group or project; an active one may be its role alone."""

    access_level: Role
    state: Literal["active", "awaiting"] = "active"


class Saml(Entry, kw_only=True):
    """The SAML provider of a group."""

    enabled: Maybe[bool] = UNSET
    default_role: Maybe[Role] = UNSET
    verified_domains: Maybe[list[str]] = UNSET
    allowed_domains: Maybe[list[str]] = UNSET


class Group(_ScimToken, kw_only=True):
    """A group."""

    id: Maybe[Id] = UNSET
    full_path: FullPath
    name: Maybe[Name] = UNSET
    visibility: Maybe[Visibility] = UNSET
    members: Maybe[dict[str, Role | Member]] = UNSET
    shared_with: Maybe[dict[str, Role]] = UNSET
    saml: Maybe[Saml | None] = UNSET
    ssh_certificate_authorities: Maybe[list[Fingerprint]] = UNSET


class ProtectedBranch(Entry, kw_only=True):
    """A rule for branches."""

    name: RefName
    push: Maybe[ProtectedRefLevel] = UNSET
    merge: Maybe[ProtectedRefLevel] = UNSET
    allow_force_push: Maybe[bool] = UNSET


class ProtectedTag(Entry, kw_only=True):
    """A rule for tags."""

    name: RefName
    create: Maybe[ProtectedRefLevel] = UNSET


class MergeRequest(Entry, kw_only=True):
    """An open merge request."""

    iid: Id
    source_branch: RefName
    target_branch: RefName
    allow_collaboration: Maybe[bool] = UNSET
    merging_sha: Maybe[str | None] = UNSET


class ErrorTrackingKey(Entry, kw_only=True):
    """A key of the integrated error tracking."""

    public_key: Name
    active: Maybe[bool] = UNSET


class ScanExecutionPolicy(Entry, kw_only=True):
    """A scan execution policy; `yaml` is its document."""

    name: Name
    description: Maybe[str | None] = UNSET
    enabled: Maybe[bool] = UNSET
    yaml: str
    updated_at: Maybe[Timestamp] = UNSET


class Project(Entry, kw_only=True):
    """A project and what its repository is said to hold."""

    id: Maybe[Id] = UNSET
    full_path: FullPath
    name: Maybe[Name] = UNSET
    visibility: Maybe[Visibility] = UNSET
    members: Maybe[dict[str, Role | Member]] = UNSET
    shared_with: Maybe[dict[str, Role]] = UNSET
    archived: Maybe[bool] = UNSET
    deleted: Maybe[bool] = UNSET
    repository: Maybe[FeatureLevel] = UNSET
    wiki: Maybe[FeatureLevel] = UNSET
    snippets: Maybe[FeatureLevel] = UNSET
    lfs: Maybe[bool] = UNSET
    merge_requests: Maybe[FeatureLevel] = UNSET
    repository_exists: Maybe[bool] = UNSET
    empty: Maybe[bool] = UNSET
    repository_read_only: Maybe[bool] = UNSET
    default_branch: Maybe[RefName] = UNSET
    redirects: Maybe[list[FullPath]] = UNSET
    branches: Maybe[list[RefName]] = UNSET
    tags: Maybe[list[RefName]] = UNSET
    protected_branches: Maybe[list[ProtectedBranch]] = UNSET
    protected_tags: Maybe[list[ProtectedTag]] = UNSET
    merge_requests_open: Maybe[list[MergeRequest]] = UNSET
    lfs_objects: Maybe[list[Sha256]] = UNSET
    error_tracking_keys: Maybe[list[ErrorTrackingKey]] = UNSET
    scan_execution_policies: Maybe[list[ScanExecutionPolicy]] = UNSET


class Snippet(Entry, kw_only=True):
    """A snippet; without a project a personal one."""

    id: Maybe[Id] = UNSET
    author: str
    project: str | None = None
    visibility: Maybe[Visibility] = UNSET


class AgentToken(_Secret, kw_only=True):
    """A token of an agent."""

    revoked: Maybe[bool] = UNSET
    last_used_at: Maybe[Time | None] = UNSET


class Agent(Entry, kw_only=True):
    """An agent for Kubernetes."""

    id: Maybe[Id] = UNSET
    name: AgentName
    project: str
    created_by: Maybe[str | None] = UNSET
    tokens: list[AgentToken] = []


class Subscription(Entry, kw_only=True):
    """The subscription of a namespace."""

    namespace: str
    plan_code: Maybe[str | None] = UNSET
    seats: Maybe[Int4] = UNSET
    seats_in_use: Maybe[Int4] = UNSET
    max_seats_used: Maybe[Int4 | None] = UNSET
    seats_owed: Maybe[Int4] = UNSET
    start_date: Date
    end_date: Maybe[Date | None] = UNSET
    trial: Maybe[bool] = UNSET
    trial_starts_on: Maybe[Date | None] = UNSET
    trial_ends_on: Maybe[Date | None] = UNSET
    trial_extension_type: Maybe[TrialExtensionType | None] = UNSET
    auto_renew: Maybe[bool | None] = UNSET
    max_seats_used_changed_at: Maybe[Time | None] = UNSET
    updated_at: Maybe[Time | None] = UNSET


class SubscriptionHistory(Entry, kw_only=True):
    """What a subscription was before an update, and when that was."""

    id: Maybe[Id] = UNSET
    namespace: str
    created_at: Time
    plan_code: Maybe[str | None] = UNSET
    seats: Maybe[Int4] = UNSET
    max_seats_used: Maybe[Int4 | None] = UNSET
    start_date: Date
    end_date: Maybe[Date | None] = UNSET
    trial: Maybe[bool] = UNSET
    trial_starts_on: Maybe[Date | None] = UNSET
    trial_ends_on: Maybe[Date | None] = UNSET
    trial_extension_type: Maybe[TrialExtensionType | None] = UNSET
    auto_renew: Maybe[bool | None] = UNSET


class SubscriptionAddOnPurchase(Entry, kw_only=True):
    """An add-on that a namespace has."""

    namespace: str
    add_on: AddOn
    quantity: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    expires_on: Date
    purchase_xid: ShortText


class MinutesPack(Entry, kw_only=True):
    """A pack of CI minutes."""

    id: Maybe[Id] = UNSET
    namespace: str
    number_of_minutes: Int4
    expires_at: Date
    purchase_xid: PurchaseXid


class StorageLimitExclusion(Entry, kw_only=True):
    """Why the limit of storage does not hold for a namespace."""

    id: Maybe[Id] = UNSET
    namespace: str
    reason: ShortText


class UpcomingReconciliation(Entry, kw_only=True):
    """The next reconciliation of a namespace."""

    namespace: str
    next_reconciliation_date: Date
    display_alert_from: Date


class ScimIdentity(Entry, kw_only=True):
    """What a SCIM provider calls a user of a group, or of the instance."""

    id: Maybe[Id] = UNSET
    user: str
    extern_uid: Name
    group: str | None = None
    active: Maybe[bool] = UNSET


class CiJob(_Secret, kw_only=True):
    """A running CI job, known by its token."""

    id: Maybe[Id] = UNSET
    user: str
    project: str
    pipeline_id: Id
    environment: Maybe[str | None] = UNSET


class BroadcastMessage(Entry, kw_only=True):
    """A message to everybody."""

    id: Maybe[Id] = UNSET
    message: Name
    broadcast_type: Maybe[Literal["banner", "notification"]] = UNSET
    target_path: Maybe[str | None] = UNSET
    starts_at: Maybe[Time | None] = UNSET
    ends_at: Maybe[Time | None] = UNSET


class _Reported(Entry):
    """A mapping with free members, that must fit into JSON."""

    def __post_init__(self) -> None:
        """Refuse what JSON cannot hold."""
        msgspec.json.encode(self)


class Finding(_Reported, kw_only=True):
    """A vulnerability that an agent found."""

    uuid: Name
    project: str
    agent: str
    state: Maybe[Literal["detected", "confirmed", "dismissed", "resolved"]] = UNSET
    name: str
    severity: Maybe[Literal["info", "unknown", "low", "medium", "high", "critical"]] = (
        UNSET
    )
    confidence: Maybe[str | None] = UNSET
    location: Maybe[dict[str, Any]] = UNSET
    identifiers: Maybe[list[Any]] = UNSET
    scanner: Maybe[dict[str, Any]] = UNSET


class Alert(_Reported, kw_only=True):
    """An alert of a project."""

    id: Maybe[Id] = UNSET
    project: str
    title: str
    fingerprint: str | None = None
    events: Maybe[Integer] = UNSET
    state: Maybe[Literal["triggered", "acknowledged", "resolved", "ignored"]] = UNSET
    payload: Maybe[dict[str, Any]] = UNSET


class AgentAuthorization(_Reported, kw_only=True):
    """What an agent's configuration lets a project or a group use."""

    agent: str
    agent_project: str
    access: Literal["ci", "user"] = "ci"
    project: Maybe[str] = UNSET
    group: Maybe[str] = UNSET
    configuration: Maybe[dict[str, Any]] = UNSET

    def __post_init__(self) -> None:
        """Refuse one without a target, and one with two."""
        super().__post_init__()
        if (self.project is UNSET) == (self.group is UNSET):
            raise ValueError("needs `project` or `group`, and one of them only")


class PostPushMessage(Entry, kw_only=True):
    """What a user is told once, after the next push."""

    user: str
    gl_repository: Name
    type: Literal["container_moved", "project_created"]
    message: str
    expires_at: Time


class Document(Entry, kw_only=True):
    """A seed file."""

    settings: Maybe[Settings] = UNSET
    users: list[User] = []
    keys: list[Key] = []
    deploy_keys: list[DeployKey] = []
    groups: list[Group] = []
    projects: list[Project] = []
    snippets: list[Snippet] = []
    agents: list[Agent] = []
    subscriptions: list[Subscription] = []
    subscription_histories: list[SubscriptionHistory] = []
    subscription_add_on_purchases: list[SubscriptionAddOnPurchase] = []
    minutes_packs: list[MinutesPack] = []
    storage_limit_exclusions: list[StorageLimitExclusion] = []
    upcoming_reconciliations: list[UpcomingReconciliation] = []
    scim_identities: list[ScimIdentity] = []
    ci_jobs: list[CiJob] = []
    broadcast_messages: list[BroadcastMessage] = []
    findings: list[Finding] = []
    alerts: list[Alert] = []
    usage_counters: dict[str, Count] = {}
    usage_unique_counters: dict[str, list[Integer]] = {}
    agent_authorizations: list[AgentAuthorization] = []
    reference_counters: dict[str, Count] = {}
    post_push_messages: list[PostPushMessage] = []
    last_ids: dict[Literal["storage_limit_exclusions"], Id] = {}


class Seed(NamedTuple):
    """A seed file that was read: `name` is what errors call it."""

    name: str
    document: Document
