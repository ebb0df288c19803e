"""GitLab's integers for roles, visibilities and feature levels.

Source: `lib/gitlab/access.rb`, `lib/gitlab/visibility_level.rb` and
`app/models/project_feature.rb`.
"""

NO_ACCESS = 0
GUEST = 10
REPORTER = 20
DEVELOPER = 30
MAINTAINER = 40
OWNER = 50

PRIVATE = 0
INTERNAL = 10
PUBLIC = 20

FEATURE_DISABLED = 0
FEATURE_PRIVATE = 10
FEATURE_ENABLED = 20

ROLES = {
    "guest": GUEST,
    "reporter": REPORTER,
    "developer": DEVELOPER,
    "maintainer": MAINTAINER,
    "owner": OWNER,
}
ROLE_NAMES = {level: name for name, level in ROLES.items()}
VISIBILITIES = {"private": PRIVATE, "internal": INTERNAL, "public": PUBLIC}
FEATURE_LEVELS = {
    "disabled": FEATURE_DISABLED,
    "private": FEATURE_PRIVATE,
    "enabled": FEATURE_ENABLED,
}
PROTECTED_REF_LEVELS = {
    "no_one": NO_ACCESS,
    "developer": DEVELOPER,
    "maintainer": MAINTAINER,
}
