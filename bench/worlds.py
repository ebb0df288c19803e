"""Worlds of any size, and what clients ask in them."""

from __future__ import annotations

import io
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jwt

from internal_api.config import Config
from internal_api.dates import iso_time
from internal_api.repository.database import Database
from internal_api.repository.users import digest
from internal_api.secret_files import Secrets, read_or_create

CHECK = "/api/v4/internal/check"
ALLOWED = "/api/v4/internal/allowed"
PRE_RECEIVE = "/api/v4/internal/pre_receive"
AGENT_INFO = "/api/v4/internal/kubernetes/agent_info"
USAGE_METRICS = "/api/v4/internal/kubernetes/usage_metrics"
TOKEN_LIFETIME_S = 86_400
KEYS_PER_PROJECT = 10
PROJECTS_PER_GROUP = 100

_NUMBERS = """WITH RECURSIVE numbers (n) AS (
    SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :number) """
# A user and an agent for each project; each user is a developer in one group, whose
# subgroup holds its projects. Nothing is due to be recorded: keys, users and tokens
# were active just now.
_STATEMENTS = (
    (
        "users",
        """INSERT INTO users (id, username, name, email, last_activity_on)
        SELECT n, 'user-' || n, 'User ' || n, n || '@example.com', :today
        FROM numbers""",
    ),
    (
        "keys",
        """INSERT INTO keys (id, user_id, title, key, fingerprint_sha256, key_type,
            bits, created_at, last_used_at)
        SELECT n, (n - 1) % :users + 1, 'Key ' || n,
            'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI' || printf('%043d', n),
            printf('%043d', n), 'ed25519', 256, :now, :now FROM numbers""",
    ),
    (
        "groups",
        """INSERT INTO namespaces (id, type, name)
        SELECT n, 'Group', 'group-' || n FROM numbers""",
    ),
    (
        "groups",
        """INSERT INTO namespaces (id, type, name, parent_id)
        SELECT :groups + n, 'Group', 'backend', n FROM numbers""",
    ),
    (
        "groups",
        """INSERT INTO routes (source_type, source_id, path)
        SELECT 'Namespace', n, 'group-' || n FROM numbers""",
    ),
    (
        "groups",
        """INSERT INTO routes (source_type, source_id, path)
        SELECT 'Namespace', :groups + n, 'group-' || n || '/backend' FROM numbers""",
    ),
    (
        "users",
        """INSERT INTO members (source_type, source_id, user_id, access_level)
        SELECT 'Namespace', (n - 1) % :groups + 1, n, 30 FROM numbers""",
    ),
    (
        "projects",
        """INSERT INTO projects (id, namespace_id, name)
        SELECT n, :groups + (n - 1) % :groups + 1, 'project-' || n FROM numbers""",
    ),
    (
        "projects",
        """INSERT INTO routes (source_type, source_id, path)
        SELECT 'Project', n,
            'group-' || ((n - 1) % :groups + 1) || '/backend/project-' || n
        FROM numbers""",
    ),
    (
        "projects",
        """INSERT INTO cluster_agents (id, project_id, name, created_by_user_id)
        SELECT n, n, 'agent-' || n, n FROM numbers""",
    ),
    (
        "projects",
        """INSERT INTO cluster_agent_tokens (token_digest, agent_id, last_used_at)
        SELECT digest('agent-' || n), n, :now FROM numbers""",
    ),
)


class Question(NamedTuple):
    """What a client asks; the names of its headers are those of WSGI."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"

    def request(self) -> bytes:
        """As it goes over the wire, on a connection of its own."""
        own = "".join(
            f"{name.removeprefix('HTTP_').replace('_', '-')}: {value}\r\n"
            for name, value in self.headers.items()
        )
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\n"
            "Host: 127.0.0.1\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            "Content-Type: application/json\r\n"
            f"{own}"
            "Accept-Encoding: gzip\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + self.body

    def environ(self) -> dict[str, Any]:
        """As a WSGI server hands it over."""
        return {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "3001",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(self.body)),
            "CONTENT_TYPE": "application/json",
            "HTTP_HOST": "127.0.0.1",
            **self.headers,
            "HTTP_ACCEPT_ENCODING": "gzip",
            "HTTP_CONNECTION": "close",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": sys.stderr,
        }


def make_token(secrets: Secrets, number: int = 0) -> str:
    """A token of GitLab Shell; each number gives another one."""
    return _signed({"iss": "gitlab-shell"}, secrets.shell, number)


def make_kas_token(secrets: Secrets, number: int = 0) -> str:
    """A token of the agent server; each number gives another one."""
    return _signed({"iss": "gitlab-kas", "aud": ["gitlab"]}, secrets.kas, number)


def _signed(claims: Mapping[str, object], key: bytes, number: int) -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + TOKEN_LIFETIME_S + number}
    return jwt.encode({**claims, **times}, key, algorithm="HS256")


def shell_headers(token: str) -> Mapping[str, str]:
    """What GitLab Shell says of itself."""
    return {"HTTP_USER_AGENT": "GitLab-Shell", "HTTP_GITLAB_SHELL_API_REQUEST": token}


def kas_headers(token: str) -> Mapping[str, str]:
    """What the agent server says of itself."""
    return {"HTTP_USER_AGENT": "gitlab-kas", "HTTP_GITLAB_KAS_API_REQUEST": token}


class World:
    """A data directory with projects, and ten keys and an agent for each.

    Args:
        data: The directory, which is made.
        projects: How many; a multiple of 100.
    """

    def __init__(self, data: Path, projects: int = 100) -> None:
        self.data = data
        self._sizes = {
            "users": projects,
            "keys": projects * KEYS_PER_PROJECT,
            "groups": projects // PROJECTS_PER_GROUP,
            "projects": projects,
        }
        self._random = random.Random(projects)  # noqa: S311 - no secret
        self.config = Config(data)
        self.secrets = read_or_create(self.config)
        self._fill()

    def _fill(self) -> None:
        now = datetime.now(UTC)
        values = {**self._sizes, "now": iso_time(now), "today": iso_time(now)[:10]}
        database = Database(self.config.database_path)
        database.create()
        with database.writing() as connection:
            connection.create_function("digest", 1, digest, deterministic=True)
            for number, statement in _STATEMENTS:
                values["number"] = self._sizes[number]
                connection.execute(_NUMBERS + statement, values)
        database.close()

    def limit_rate(self) -> None:
        """Let each pull be counted, and none be too many."""
        database = Database(self.config.database_path)
        with database.writing() as connection:
            connection.execute(
                "UPDATE application_settings SET rate_limit_per_minute = 1000000000"
            )
        database.close()

    def pull(self, token: str, *, by_name: bool = False) -> Question:
        """A random key, or user, may fetch a random project of the user's group."""
        groups = self._sizes["groups"]
        key = self._random.randrange(self._sizes["keys"])
        group = key % self._sizes["users"] % groups
        project = self._random.randrange(PROJECTS_PER_GROUP) * groups + group
        body = {
            "action": "git-upload-pack",
            "project": f"group-{group + 1}/backend/project-{project + 1}.git",
            "changes": "_any",
            "protocol": "ssh",
            "check_ip": "127.0.0.1",
        }
        if by_name:
            body["username"] = f"user-{key % self._sizes['users'] + 1}"
        else:
            body["key_id"] = str(key + 1)
        return Question(ALLOWED, json.dumps(body).encode(), shell_headers(token))

    def pulls(self, number: int, *, by_name: bool = False) -> list[Question]:
        """Each of another key, or user, and project, by one client within a second."""
        token = make_token(self.secrets)
        return [self.pull(token, by_name=by_name) for _ in range(number)]

    def push(self, token: str) -> Question:
        """A push to a random project begins, which is written down."""
        project = self._random.randrange(self._sizes["projects"]) + 1
        body = {"gl_repository": f"project-{project}"}
        return Question(PRE_RECEIVE, json.dumps(body).encode(), shell_headers(token))

    def pulls_and_pushes(self, number: int) -> Iterator[Question]:
        """In turn, with tokens that change."""
        for count in range(number // 2):
            token = make_token(self.secrets, count)
            yield self.pull(token)
            yield self.push(token)

    def agent_info(self, token: str) -> Question:
        """A random agent asks who it is."""
        agent = self._random.randrange(self._sizes["projects"]) + 1
        own = {"HTTP_AUTHORIZATION": f"Bearer agent-{agent}"}
        return Question(AGENT_INFO, b"", {**kas_headers(token), **own}, "GET")

    def usage_metrics(self, token: str) -> Question:
        """The agent server has seen a random user, which is written down."""
        user = self._random.randrange(self._sizes["users"]) + 1
        body = {
            "counters": {"k8s_api_proxy_request": 1},
            "unique_counters": {"agent_users_using_ci_tunnel": [user]},
        }
        return Question(USAGE_METRICS, json.dumps(body).encode(), kas_headers(token))
