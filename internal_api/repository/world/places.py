"""Groups and projects."""

from __future__ import annotations

from msgspec import UNSET

from internal_api.repository.world.columns import given, level
from internal_api.repository.world.references import Namespace, References, fold
from internal_api.repository.world.rows import Row
from internal_api.seed_document import (
    Document,
    Group,
    Maybe,
    Member,
    Project,
    ProtectedBranch,
    Role,
)
from internal_api.seed_values import FullPath, RefName, Timestamp


def load_groups_and_projects(refs: References, document: Document) -> None:
    """Load groups and projects, and then what binds them to others."""
    namespaces = _Namespaces(refs)
    groups = {f"groups[{i}]": group for i, group in enumerate(document.groups)}
    # From the top: a group that is named is not made as somebody's parent.
    for at, group in sorted(groups.items(), key=lambda item: item[1].full_path.depth):
        refs.once(f"{at}.full_path", "routes", fold(group.full_path))
        _load_group(refs, namespaces, at, group)
    projects = {f"projects[{i}]": each for i, each in enumerate(document.projects)}
    rows = {}
    for at, project in projects.items():
        refs.once(f"{at}.full_path", "routes", fold(project.full_path))
        rows[at] = _load_project(refs, namespaces, at, project)
    refs.rows.flush()
    for at, group in groups.items():
        _load_group_bonds(refs, at, group)
    for at, project in projects.items():
        row, is_new = rows[at]
        _load_project_bonds(refs, at, project, row["id"])
        _load_repository(refs, at, project, row, is_new=is_new)
    refs.rows.flush()


class _Namespaces:
    """The groups of a load: those above a path are made when they are missing.

    One that is made has a visibility that hides nothing below it.
    """

    def __init__(self, refs: References) -> None:
        self._refs = refs
        self._made: dict[int, Row] = {}

    def above(self, at: str, path: FullPath, visibility_level: int) -> Namespace:
        """The namespace that a group or a project is in."""
        parent = FullPath(path.parent)
        found = self._refs.find_namespace(parent)
        if found is None:
            if self._refs.find_project(parent):
                self._refs.fail(at, f"{parent} is a project")
            columns = {"name": parent.name, "visibility_level": visibility_level}
            row = self.make(at, parent, self._refs.next_id("namespaces"), columns)
            self._made[row["id"]] = row
            return Namespace(row["id"], "Group")
        above: int | None = found.id
        while above in self._made:
            row = self._made[above]
            row["visibility_level"] = max(row["visibility_level"], visibility_level)
            above = row["parent_id"]
        return found

    def make(self, at: str, path: FullPath, group_id: int, columns: Row) -> Row:
        """Make a group and what is missing above it."""
        parent_id = None
        if path.parent:
            parent = self.above(at, path, columns.get("visibility_level", 0))
            if parent.type == "User":
                self._refs.fail(at, f"{path.parent} is a user: it has no subgroups")
            parent_id = parent.id
        self._refs.add_namespace(path, Namespace(group_id, "Group"))
        _put_route(self._refs, "Namespace", group_id, path)
        return self._refs.rows.put(
            "namespaces",
            {"id": group_id, "type": "Group", "parent_id": parent_id} | columns,
        )


def _put_route(refs: References, source_type: str, source_id: int, path: str) -> None:
    refs.rows.put(
        "routes", {"source_type": source_type, "source_id": source_id, "path": path}
    )


def _load_group(
    refs: References, namespaces: _Namespaces, at: str, group: Group
) -> None:
    path = group.full_path
    found = refs.find_namespace(path)
    if (found and found.type == "User") or refs.find_project(path):
        refs.fail(f"{at}.full_path", "is the path of a user or a project")
    existing = refs.rows.find("namespaces", id=found.id) if found else None
    group_id = refs.identify("namespaces", f"{at}.id", existing, group.id)
    if existing is None:
        columns = {"name": path.name} | given(group)
        namespaces.make(f"{at}.full_path", path, group_id, columns)
    else:
        refs.rows.put("namespaces", given(group), existing)


def _load_project(
    refs: References, namespaces: _Namespaces, at: str, project: Project
) -> tuple[Row, bool]:
    """The project's row, and whether it is a new one."""
    path = project.full_path
    if not path.parent:
        refs.fail(f"{at}.full_path", "a project is in a group or a user's namespace")
    if refs.find_namespace(path):
        refs.fail(f"{at}.full_path", "is the path of a group")
    known = refs.find_project(path)
    existing = refs.rows.find("projects", id=known) if known else None
    project_id = refs.identify("projects", f"{at}.id", existing, project.id)
    columns: Row = {"id": project_id} | given(project)
    if existing is None:
        namespace = namespaces.above(
            f"{at}.full_path", path, columns.get("visibility_level", 0)
        )
        columns = {"name": path.name, "namespace_id": namespace.id} | columns
        _put_route(refs, "Project", project_id, path)
    refs.add_project(path, project_id)
    return refs.rows.put("projects", columns, existing), existing is None


def _load_group_bonds(refs: References, at: str, group: Group) -> None:
    """Members, shares, and what lets people in from outside."""
    group_id = refs.group(at, group.full_path)
    _load_members(refs, at, ("Namespace", group_id), group.members)
    if group.shared_with is not UNSET:
        refs.rows.delete("group_group_links", shared_group_id=group_id)
        for path, role in group.shared_with.items():
            refs.rows.put(
                "group_group_links",
                {
                    "shared_group_id": group_id,
                    "shared_with_group_id": refs.group(f"{at}.shared_with", path),
                    "group_access": level("group_access", role),
                },
            )
    if group.saml is None:
        refs.rows.delete("saml_providers", group_id=group_id)
    elif group.saml is not UNSET:
        existing = refs.rows.find("saml_providers", group_id=group_id)
        columns = {"group_id": group_id} | given(group.saml)
        refs.rows.put("saml_providers", columns, existing)
    _load_scim_token(refs, at, group_id, group)
    if group.ssh_certificate_authorities is not UNSET:
        refs.rows.delete("group_ssh_certificates", namespace_id=group_id)
        for index, text in enumerate(group.ssh_certificate_authorities):
            key = f"{at}.ssh_certificate_authorities[{index}]"
            table = "group_ssh_certificates"
            refs.claim(key, table, "namespace_id", group_id, fingerprint=text)
            refs.rows.put(table, {"fingerprint": text, "namespace_id": group_id})


def _load_scim_token(refs: References, at: str, group_id: int, group: Group) -> None:
    digest, table = group.scim_digest, "scim_oauth_access_tokens"
    if digest is UNSET:
        return
    refs.rows.delete(table, group_id=group_id)
    if digest is not None:
        key = f"{at}.scim_token"
        refs.claim(key, table, "group_id", group_id, token_digest=digest)
        refs.rows.put(table, {"group_id": group_id, "token_digest": digest})


def _load_members(
    refs: References,
    at: str,
    source: tuple[str, int],
    members: Maybe[dict[str, Role | Member]],
) -> None:
    if members is UNSET:
        return
    columns = {"source_type": source[0], "source_id": source[1]}
    refs.rows.delete("members", **columns)
    for username, said in members.items():
        member = said if isinstance(said, Member) else Member(access_level=said)
        refs.rows.put(
            "members",
            columns
            | {
                "user_id": refs.user(f"{at}.members", username),
                "access_level": level("access_level", member.access_level),
                "state": member.state,
            },
        )


def _load_project_bonds(
    refs: References, at: str, project: Project, project_id: int
) -> None:
    """Members, shares and former paths."""
    _load_members(refs, at, ("Project", project_id), project.members)
    if project.shared_with is not UNSET:
        refs.rows.delete("project_group_links", project_id=project_id)
        for path, role in project.shared_with.items():
            refs.rows.put(
                "project_group_links",
                {
                    "project_id": project_id,
                    "group_id": refs.group(f"{at}.shared_with", path),
                    "group_access": level("group_access", role),
                },
            )
    if project.redirects is not UNSET:
        table = "redirect_routes"
        refs.rows.delete(table, project_id=project_id)
        for index, path in enumerate(project.redirects):
            key = f"{at}.redirects[{index}]"
            refs.claim(key, table, "project_id", project_id, path=fold(path))
            refs.rows.put(table, {"path": path, "project_id": project_id})


def _load_repository(
    refs: References, at: str, project: Project, row: Row, *, is_new: bool
) -> None:
    """Refs and the rules for them, and what else a project's repository has."""
    default = RefName(row["default_branch"])
    branches, rules = project.branches, project.protected_branches
    if is_new and branches is UNSET:
        branches = [] if row["empty_repo"] else [default]
    if is_new and rules is UNSET:
        rules = [ProtectedBranch(name=default)]
    _replace_refs(refs, row["id"], "refs/heads/", branches)
    _replace_refs(refs, row["id"], "refs/tags/", project.tags)
    opened, tracking = project.merge_requests_open, project.error_tracking_keys
    for key, table, entries, name in (
        ("protected_branches", "protected_branches", rules, "name"),
        ("protected_tags", "protected_tags", project.protected_tags, "name"),
        ("merge_requests_open", "merge_requests", opened, "iid"),
        ("error_tracking_keys", "error_tracking_client_keys", tracking, "public_key"),
    ):
        if entries is not UNSET:
            refs.rows.delete(table, project_id=row["id"])
            for index, entry in enumerate(entries):
                named = (row["id"], getattr(entry, name))
                refs.once(f"{at}.{key}[{index}].{name}", table, named)
                refs.rows.put(table, {"project_id": row["id"]} | given(entry))
    _replace_policies(refs, at, project, row["id"])
    if project.lfs_objects is not UNSET:
        refs.rows.delete("lfs_objects_projects", project_id=row["id"])
        for oid in dict.fromkeys(project.lfs_objects):
            columns = {"project_id": row["id"], "oid": oid}
            refs.rows.put("lfs_objects_projects", columns)


def _replace_refs(
    refs: References, project_id: int, prefix: str, names: Maybe[list[RefName]]
) -> None:
    if names is UNSET:
        return
    refs.rows.connection.execute(
        "DELETE FROM git_refs WHERE project_id = ? AND name GLOB ?",
        (project_id, f"{prefix}*"),
    )
    for name in dict.fromkeys(names):
        refs.rows.put("git_refs", {"project_id": project_id, "name": prefix + name})


def _replace_policies(
    refs: References, at: str, project: Project, project_id: int
) -> None:
    policies, table = project.scan_execution_policies, "scan_execution_policies"
    if policies is UNSET:
        return
    keys = [{"project_id": project_id, "name": policy.name} for policy in policies]
    before = [refs.rows.find(table, **key) for key in keys]
    refs.rows.delete(table, project_id=project_id)
    now = Timestamp.read(refs.now.isoformat())
    for index, (policy, known) in enumerate(zip(policies, before, strict=True)):
        refs.once(f"{at}.{table}[{index}].name", table, (project_id, policy.name))
        columns = {"description": None, "enabled": 1} | given(policy)
        own = {"project_id": project_id, "position": index, "updated_at": now}
        if known and all(known[name] == columns[name] for name in columns):
            own["updated_at"] = known["updated_at"]
        refs.rows.put(table, own | columns)
