-- The whole state of a gitlab-internal-api instance.
--
-- Tables and columns carry GitLab's own names. Roles, visibilities and feature levels are GitLab's integers:
--   access_level      10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner (protected refs: 0 no one, 30, 40)
--   visibility_level   0 private, 10 internal, 20 public
--   *_access_level of a project's feature: 0 disabled, 10 private (members only), 20 enabled
-- Booleans are 0 or 1. Times are UTC text `YYYY-MM-DDTHH:MM:SS.mmmZ`, so that text order is time order; dates are `YYYY-MM-DD`.
-- Secrets that GitLab keeps as digests are kept as the SHA-256 in hex (`*_digest`).

-- ---------------------------------------------------------------- the instance

CREATE TABLE application_settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    external_url TEXT NOT NULL DEFAULT 'http://localhost:3001',
    gitlab_version TEXT NOT NULL DEFAULT '15.2.0',
    gitlab_revision TEXT NOT NULL DEFAULT 'Unknown',
    gitaly_address TEXT NOT NULL DEFAULT 'unix:/run/gitaly.socket',
    gitaly_token TEXT,
    gitaly_features TEXT NOT NULL DEFAULT '{}',             -- JSON object, name -> "true" or "false"
    gitaly_storage TEXT NOT NULL DEFAULT 'default',
    gitaly_storage_path TEXT,                               -- folder that holds <relative_path>, if any
    enabled_git_access_protocol TEXT NOT NULL DEFAULT '' CHECK (enabled_git_access_protocol IN ('', 'ssh', 'http')),
    receive_max_input_size INTEGER NOT NULL DEFAULT 0 CHECK (receive_max_input_size >= 0), -- MB
    read_only INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1)),
    default_branch_protection TEXT NOT NULL DEFAULT 'full'
        CHECK (default_branch_protection IN ('full', 'developers_push', 'none')),
    error_tracking_enabled INTEGER NOT NULL DEFAULT 1 CHECK (error_tracking_enabled IN (0, 1)),
    error_tracking_access_token TEXT,
    environment TEXT NOT NULL DEFAULT 'development'
        CHECK (environment IN ('development', 'test', 'staging', 'production')),
    licensed_features TEXT NOT NULL DEFAULT '"all"',        -- JSON: "all" or a list of names
    gitlab_com INTEGER NOT NULL DEFAULT 1 CHECK (gitlab_com IN (0, 1)),
    rate_limit_per_minute INTEGER NOT NULL DEFAULT 0 CHECK (rate_limit_per_minute >= 0), -- 0: off
    merge_request_links INTEGER NOT NULL DEFAULT 1 CHECK (merge_request_links IN (0, 1)),
    http_upload_pack INTEGER NOT NULL DEFAULT 1 CHECK (http_upload_pack IN (0, 1)),
    http_receive_pack INTEGER NOT NULL DEFAULT 1 CHECK (http_receive_pack IN (0, 1)),
    ssh_key_restrictions TEXT NOT NULL DEFAULT '{}',        -- JSON object, type -> minimum bits or "forbidden"
    scim_token_digest TEXT,
    db_key_base TEXT NOT NULL DEFAULT (lower(hex(randomblob(32)))) -- keys of LFS tokens are derived from it
);
INSERT INTO application_settings (id) VALUES (1);

CREATE TABLE broadcast_messages (
    id INTEGER PRIMARY KEY,
    message TEXT NOT NULL,
    broadcast_type TEXT NOT NULL DEFAULT 'banner' CHECK (broadcast_type IN ('banner', 'notification')),
    target_path TEXT,                                       -- `*` is a wildcard; null: everywhere
    starts_at TEXT,
    ends_at TEXT
);

-- ---------------------------------------------------------------- people

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (username <> ''),
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    admin INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1)),
    state TEXT NOT NULL DEFAULT 'active'
        CHECK (state IN ('active', 'blocked', 'ldap_blocked', 'banned', 'deactivated', 'blocked_pending_approval')),
    user_type TEXT NOT NULL DEFAULT 'human',
    external INTEGER NOT NULL DEFAULT 0 CHECK (external IN (0, 1)),
    confirmed INTEGER NOT NULL DEFAULT 1 CHECK (confirmed IN (0, 1)),
    password_expired INTEGER NOT NULL DEFAULT 0 CHECK (password_expired IN (0, 1)),
    terms_accepted INTEGER NOT NULL DEFAULT 1 CHECK (terms_accepted IN (0, 1)),
    two_factor_enabled INTEGER NOT NULL DEFAULT 0 CHECK (two_factor_enabled IN (0, 1)),
    otp_secret TEXT,                                        -- Base32, as authenticator apps take it
    consumed_timestep INTEGER,                              -- of the last one-time password: Unix time / 30
    can_create_projects INTEGER NOT NULL DEFAULT 1 CHECK (can_create_projects IN (0, 1)),
    last_activity_on TEXT,                                  -- date
    provisioned_by_group_id INTEGER REFERENCES namespaces (id)
);

CREATE INDEX index_users_on_admin ON users (admin) WHERE admin;
CREATE UNIQUE INDEX index_users_on_ghost ON users (user_type) WHERE user_type = 'ghost';

CREATE TABLE emails (
    user_id INTEGER NOT NULL REFERENCES users (id),
    email TEXT NOT NULL UNIQUE COLLATE NOCASE
);
CREATE INDEX index_emails_on_user_id ON emails (user_id);

CREATE TABLE personal_access_tokens (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    token_digest TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,                                   -- JSON list, as sent
    expires_at TEXT,                                        -- date
    revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    last_used_at TEXT
);
CREATE INDEX index_personal_access_tokens_on_user_id ON personal_access_tokens (user_id);

-- GitLab: users.otp_backup_codes
CREATE TABLE otp_backup_codes (
    user_id INTEGER NOT NULL REFERENCES users (id),
    code_digest TEXT NOT NULL,
    PRIMARY KEY (user_id, code_digest)
) WITHOUT ROWID;

CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL DEFAULT 'Key' CHECK (type IN ('Key', 'DeployKey')),
    user_id INTEGER REFERENCES users (id),                  -- null: a deploy key of the ghost user
    title TEXT NOT NULL,
    key TEXT NOT NULL,                                      -- `<type> <Base64>`, without the comment
    fingerprint_sha256 TEXT NOT NULL UNIQUE,                -- Base64 without padding
    key_type TEXT NOT NULL CHECK (key_type IN ('rsa', 'dsa', 'ecdsa', 'ed25519', 'ecdsa_sk', 'ed25519_sk')),
    bits INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    usage_type TEXT NOT NULL DEFAULT 'auth_and_signing' CHECK (usage_type IN ('auth_and_signing', 'auth', 'signing')),
    last_used_at TEXT
);
CREATE INDEX index_keys_on_user_id ON keys (user_id);

-- ---------------------------------------------------------------- groups and projects

-- Groups and users' personal namespaces; one sequence of ids.
CREATE TABLE namespaces (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL CHECK (type IN ('Group', 'User')),
    name TEXT NOT NULL,
    parent_id INTEGER REFERENCES namespaces (id),
    owner_id INTEGER UNIQUE REFERENCES users (id),          -- of a personal namespace
    visibility_level INTEGER NOT NULL DEFAULT 0 CHECK (visibility_level IN (0, 10, 20)),
    CHECK ((type = 'User') = (owner_id IS NOT NULL)),
    CHECK (type = 'Group' OR parent_id IS NULL)
);
CREATE INDEX index_namespaces_on_parent_id ON namespaces (parent_id);

-- Every namespace with itself and all above it, so that one join answers what is inherited.
CREATE TABLE namespace_ancestors (
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    ancestor_id INTEGER NOT NULL REFERENCES namespaces (id),
    PRIMARY KEY (namespace_id, ancestor_id)
) WITHOUT ROWID;
CREATE INDEX index_namespace_ancestors_on_ancestor_id ON namespace_ancestors (ancestor_id);
CREATE TRIGGER namespaces_after_insert AFTER INSERT ON namespaces BEGIN
    INSERT INTO namespace_ancestors
    SELECT new.id, new.id UNION ALL
    SELECT new.id, ancestor_id FROM namespace_ancestors WHERE namespace_id = new.parent_id;
END;

CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    root_namespace_id INTEGER REFERENCES namespaces (id),   -- the namespace above all others; set by a trigger
    name TEXT NOT NULL,
    visibility_level INTEGER NOT NULL DEFAULT 0 CHECK (visibility_level IN (0, 10, 20)),
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    pending_delete INTEGER NOT NULL DEFAULT 0 CHECK (pending_delete IN (0, 1)),
    repository_access_level INTEGER NOT NULL DEFAULT 20 CHECK (repository_access_level IN (0, 10, 20)),
    wiki_access_level INTEGER NOT NULL DEFAULT 20 CHECK (wiki_access_level IN (0, 10, 20)),
    snippets_access_level INTEGER NOT NULL DEFAULT 20 CHECK (snippets_access_level IN (0, 10, 20)),
    merge_requests_access_level INTEGER NOT NULL DEFAULT 20 CHECK (merge_requests_access_level IN (0, 10, 20)),
    lfs_enabled INTEGER NOT NULL DEFAULT 1 CHECK (lfs_enabled IN (0, 1)),
    repository_exists INTEGER NOT NULL DEFAULT 1 CHECK (repository_exists IN (0, 1)),
    empty_repo INTEGER NOT NULL DEFAULT 0 CHECK (empty_repo IN (0, 1)),
    repository_read_only INTEGER NOT NULL DEFAULT 0 CHECK (repository_read_only IN (0, 1)),
    default_branch TEXT NOT NULL DEFAULT 'main'
);
CREATE INDEX index_projects_on_namespace_id ON projects (namespace_id);
CREATE TRIGGER projects_after_insert AFTER INSERT ON projects BEGIN
    UPDATE projects SET root_namespace_id = (
        SELECT a.ancestor_id FROM namespace_ancestors a
        JOIN namespaces n ON n.id = a.ancestor_id AND n.parent_id IS NULL
        WHERE a.namespace_id = new.namespace_id
    ) WHERE id = new.id;
END;

-- Full paths of namespaces and projects; found in any case, stored in the canonical one.
CREATE TABLE routes (
    source_type TEXT NOT NULL CHECK (source_type IN ('Namespace', 'Project')),
    source_id INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE COLLATE NOCASE,
    PRIMARY KEY (source_type, source_id)
) WITHOUT ROWID;
-- Every Git command looks here: bytes are compared faster than letters in any case, and it
-- finds all that it needs.
CREATE INDEX index_routes_on_lower_path ON routes (lower(path), source_type, source_id, path);

-- Paths that a project had before it was moved.
CREATE TABLE redirect_routes (
    path TEXT PRIMARY KEY COLLATE NOCASE,
    project_id INTEGER NOT NULL REFERENCES projects (id)
) WITHOUT ROWID;
CREATE INDEX index_redirect_routes_on_project_id ON redirect_routes (project_id);

CREATE TABLE members (
    source_type TEXT NOT NULL CHECK (source_type IN ('Namespace', 'Project')),
    source_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    access_level INTEGER NOT NULL CHECK (access_level IN (10, 20, 30, 40, 50)),
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'awaiting')),
    PRIMARY KEY (user_id, source_type, source_id)
) WITHOUT ROWID;
CREATE INDEX index_members_on_source ON members (source_type, source_id);

CREATE TABLE group_group_links (
    shared_group_id INTEGER NOT NULL REFERENCES namespaces (id),
    shared_with_group_id INTEGER NOT NULL REFERENCES namespaces (id),
    group_access INTEGER NOT NULL CHECK (group_access IN (10, 20, 30, 40, 50)),
    PRIMARY KEY (shared_group_id, shared_with_group_id)
) WITHOUT ROWID;

CREATE TABLE project_group_links (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    group_id INTEGER NOT NULL REFERENCES namespaces (id),
    group_access INTEGER NOT NULL CHECK (group_access IN (10, 20, 30, 40, 50)),
    PRIMARY KEY (project_id, group_id)
) WITHOUT ROWID;

CREATE TABLE deploy_keys_projects (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    deploy_key_id INTEGER NOT NULL REFERENCES keys (id),
    can_push INTEGER NOT NULL DEFAULT 0 CHECK (can_push IN (0, 1)),
    PRIMARY KEY (project_id, deploy_key_id)
) WITHOUT ROWID;
CREATE INDEX index_deploy_keys_projects_on_deploy_key_id ON deploy_keys_projects (deploy_key_id);

CREATE TABLE group_ssh_certificates (
    fingerprint TEXT PRIMARY KEY,                           -- SHA-256 of the CA key, Base64 without padding
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id)
);
CREATE INDEX index_group_ssh_certificates_on_namespace_id ON group_ssh_certificates (namespace_id);

-- ---------------------------------------------------------------- repositories

-- The refs a project's repository is said to have: the service holds no Git objects.
CREATE TABLE git_refs (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL CHECK (name LIKE 'refs/heads/_%' OR name LIKE 'refs/tags/_%'),
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;

CREATE TABLE protected_branches (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,                                     -- `*` is a wildcard
    push_access_level INTEGER NOT NULL DEFAULT 40 CHECK (push_access_level IN (0, 30, 40)),
    merge_access_level INTEGER NOT NULL DEFAULT 40 CHECK (merge_access_level IN (0, 30, 40)),
    allow_force_push INTEGER NOT NULL DEFAULT 0 CHECK (allow_force_push IN (0, 1)),
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;

CREATE TABLE protected_tags (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,                                     -- `*` is a wildcard
    create_access_level INTEGER NOT NULL DEFAULT 40 CHECK (create_access_level IN (0, 30, 40)),
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;

-- Open merge requests within a project.
CREATE TABLE merge_requests (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    iid INTEGER NOT NULL,
    source_branch TEXT NOT NULL,
    target_branch TEXT NOT NULL,
    allow_collaboration INTEGER NOT NULL DEFAULT 0 CHECK (allow_collaboration IN (0, 1)),
    merging_sha TEXT,                                       -- the commit being merged right now
    PRIMARY KEY (project_id, iid)
) WITHOUT ROWID;

CREATE TABLE lfs_objects_projects (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    oid TEXT NOT NULL,
    PRIMARY KEY (project_id, oid)
) WITHOUT ROWID;

CREATE TABLE snippets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES users (id),
    project_id INTEGER REFERENCES projects (id),            -- null: a personal snippet
    visibility_level INTEGER NOT NULL DEFAULT 0 CHECK (visibility_level IN (0, 10, 20))
);
CREATE INDEX index_snippets_on_author_id ON snippets (author_id);

CREATE TABLE error_tracking_client_keys (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    public_key TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    PRIMARY KEY (project_id, public_key)
) WITHOUT ROWID;

-- Pushes that are under way, per repository (GitLab: Gitlab::ReferenceCounter in Redis).
CREATE TABLE reference_counters (
    gl_repository TEXT PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value > 0),
    expires_at TEXT NOT NULL
) WITHOUT ROWID;

-- What a user is told once, after the next push (GitLab: Gitlab::Checks::PostPushMessage in Redis).
CREATE TABLE post_push_messages (
    user_id INTEGER NOT NULL REFERENCES users (id),
    gl_repository TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('container_moved', 'project_created')),
    message TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (user_id, gl_repository, type)
) WITHOUT ROWID;

-- Calls of /allowed within a minute (GitLab: Gitlab::ApplicationRateLimiter in Redis).
CREATE TABLE rate_limits (
    scope TEXT NOT NULL,
    minute INTEGER NOT NULL,                                -- Unix time / 60
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, scope)
) WITHOUT ROWID;

-- ---------------------------------------------------------------- kas

CREATE TABLE cluster_agents (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    created_by_user_id INTEGER REFERENCES users (id),
    UNIQUE (project_id, name)
);

CREATE TABLE cluster_agent_tokens (
    token_digest TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL REFERENCES cluster_agents (id),
    revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    last_used_at TEXT
);
CREATE INDEX index_cluster_agent_tokens_on_agent_id ON cluster_agent_tokens (agent_id);

-- What an agent's configuration lets others use (GitLab: agent_{project,group}_authorizations and their user_access twins).
CREATE TABLE agent_authorizations (
    agent_id INTEGER NOT NULL REFERENCES cluster_agents (id),
    access TEXT NOT NULL CHECK (access IN ('ci', 'user')),
    project_id INTEGER REFERENCES projects (id),
    group_id INTEGER REFERENCES namespaces (id),
    config TEXT NOT NULL DEFAULT '{}',                      -- JSON object
    CHECK ((project_id IS NULL) <> (group_id IS NULL))
);
CREATE UNIQUE INDEX index_agent_authorizations_on_target
    ON agent_authorizations (agent_id, access, coalesce(project_id, -group_id));

CREATE TABLE scan_execution_policies (
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    position INTEGER NOT NULL,                              -- order within the project
    description TEXT,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    yaml TEXT NOT NULL,
    updated_at TEXT NOT NULL,                               -- `YYYY-MM-DDTHH:MM:SS+00:00`
    PRIMARY KEY (project_id, name)
);

CREATE TABLE vulnerability_findings (
    uuid TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    agent_id INTEGER NOT NULL REFERENCES cluster_agents (id),
    state TEXT NOT NULL DEFAULT 'detected' CHECK (state IN ('detected', 'confirmed', 'dismissed', 'resolved')),
    name TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'unknown', 'low', 'medium', 'high', 'critical')),
    confidence TEXT,
    location TEXT NOT NULL DEFAULT '{}',                    -- JSON object
    identifiers TEXT NOT NULL DEFAULT '[]',                 -- JSON list
    scanner TEXT NOT NULL DEFAULT '{}'                      -- JSON object
);
CREATE INDEX index_vulnerability_findings_on_project_id ON vulnerability_findings (project_id, agent_id);

CREATE TABLE alert_management_alerts (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    title TEXT NOT NULL,
    fingerprint TEXT,                                       -- SHA-1 in hex
    events INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'triggered' CHECK (state IN ('triggered', 'acknowledged', 'resolved', 'ignored')),
    payload TEXT NOT NULL DEFAULT '{}'                      -- JSON object
);
CREATE INDEX index_alert_management_alerts_on_fingerprint ON alert_management_alerts (project_id, fingerprint);

CREATE TABLE usage_counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE usage_unique_counters (
    name TEXT NOT NULL,
    member INTEGER NOT NULL,
    PRIMARY KEY (name, member)
) WITHOUT ROWID;

CREATE TABLE ci_builds (
    id INTEGER PRIMARY KEY,
    token_digest TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    pipeline_id INTEGER NOT NULL,
    environment TEXT
);

-- ---------------------------------------------------------------- CustomersDot

CREATE TABLE gitlab_subscriptions (
    namespace_id INTEGER PRIMARY KEY REFERENCES namespaces (id),
    plan_code TEXT,                                         -- GitLab: hosted_plan_id; null: no plan
    seats INTEGER NOT NULL DEFAULT 0,
    seats_in_use INTEGER NOT NULL DEFAULT 0,                -- as counted last
    max_seats_used INTEGER DEFAULT 0,
    seats_owed INTEGER NOT NULL DEFAULT 0,
    start_date TEXT NOT NULL,
    end_date TEXT,
    trial INTEGER NOT NULL DEFAULT 0 CHECK (trial IN (0, 1)),
    trial_starts_on TEXT,
    trial_ends_on TEXT,
    trial_extension_type INTEGER CHECK (trial_extension_type IN (1, 2)), -- 1 extended, 2 reactivated
    auto_renew INTEGER CHECK (auto_renew IN (0, 1)),
    max_seats_used_changed_at TEXT,
    updated_at TEXT
);

-- What a subscription was before an update.
CREATE TABLE gitlab_subscription_histories (
    id INTEGER PRIMARY KEY,
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    created_at TEXT NOT NULL,                               -- when it was updated
    plan_code TEXT,
    seats INTEGER NOT NULL DEFAULT 0,
    max_seats_used INTEGER DEFAULT 0,
    start_date TEXT NOT NULL,
    end_date TEXT,
    trial INTEGER NOT NULL DEFAULT 0 CHECK (trial IN (0, 1)),
    trial_starts_on TEXT,
    trial_ends_on TEXT,
    trial_extension_type INTEGER CHECK (trial_extension_type IN (1, 2)),
    auto_renew INTEGER CHECK (auto_renew IN (0, 1))
);
CREATE INDEX index_gitlab_subscription_histories_on_namespace_id
    ON gitlab_subscription_histories (namespace_id);

CREATE TABLE subscription_add_on_purchases (
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    add_on TEXT NOT NULL CHECK (add_on <> ''),              -- its name; GitLab: subscription_add_on_id
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    expires_on TEXT NOT NULL,                               -- date
    purchase_xid TEXT NOT NULL CHECK (length(purchase_xid) BETWEEN 1 AND 255),
    PRIMARY KEY (namespace_id, add_on)
) WITHOUT ROWID;

CREATE TABLE namespaces_storage_limit_exclusions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- answered, so that none comes again
    namespace_id INTEGER NOT NULL UNIQUE REFERENCES namespaces (id),
    reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 255)
);

CREATE TABLE ci_minutes_additional_packs (
    id INTEGER PRIMARY KEY,
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    number_of_minutes INTEGER NOT NULL,
    expires_at TEXT NOT NULL,                               -- date
    purchase_xid TEXT NOT NULL UNIQUE CHECK (length(purchase_xid) BETWEEN 1 AND 32)
);
CREATE INDEX index_ci_minutes_additional_packs_on_namespace_id ON ci_minutes_additional_packs (namespace_id);

CREATE TABLE upcoming_reconciliations (
    namespace_id INTEGER PRIMARY KEY REFERENCES namespaces (id),
    next_reconciliation_date TEXT NOT NULL,
    display_alert_from TEXT NOT NULL
);

-- ---------------------------------------------------------------- SCIM

CREATE TABLE saml_providers (
    group_id INTEGER PRIMARY KEY REFERENCES namespaces (id),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    default_membership_role INTEGER NOT NULL DEFAULT 10 CHECK (default_membership_role IN (10, 20, 30, 40, 50)),
    verified_domains TEXT NOT NULL DEFAULT '[]',            -- JSON list
    allowed_domains TEXT NOT NULL DEFAULT '[]'              -- JSON list
);

CREATE TABLE scim_oauth_access_tokens (
    group_id INTEGER PRIMARY KEY REFERENCES namespaces (id),
    token_digest TEXT NOT NULL UNIQUE
);

-- What identity providers call users: within a group, or, without one, on the whole instance.
CREATE TABLE scim_identities (
    id INTEGER PRIMARY KEY,
    group_id INTEGER REFERENCES namespaces (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    extern_uid TEXT NOT NULL COLLATE NOCASE CHECK (extern_uid <> ''),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    UNIQUE (group_id, extern_uid),
    UNIQUE (group_id, user_id)
);
CREATE UNIQUE INDEX index_scim_identities_on_extern_uid_without_group
    ON scim_identities (extern_uid) WHERE group_id IS NULL;
CREATE UNIQUE INDEX index_scim_identities_on_user_id_without_group
    ON scim_identities (user_id) WHERE group_id IS NULL;
