"""What GitLab Shell and Gitaly ask about Git commands.

Source: documentation, "Git Authentication" and the sections after it;
`lib/api/internal/base.rb` and `lib/api/helpers/internal_helpers.rb`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import falcon

from internal_api import git_commands, repeated_pulls
from internal_api.access.decisions import bad_request
from internal_api.access.keys import console_messages
from internal_api.access.parameters import InvalidParameter
from internal_api.access.values import Container, Decision
from internal_api.auth import Scheme
from internal_api.errors import (
    BadRequest,
    NotFound,
    RecordNotFound,
    TooManyRequests,
    write_json,
)
from internal_api.git_commands import PUSH, Effects, GitCommand
from internal_api.git_repository import Run
from internal_api.lfs_token import LfsToken
from internal_api.params import (
    integer,
    mapping,
    no_text,
    optional,
    requires,
    string,
    to_text,
    validate,
)
from internal_api.post_receive import receive
from internal_api.repository import git_access, keys, projects, pushes
from internal_api.repository.database import Database
from internal_api.repository.git_access import Access
from internal_api.repository.settings import Settings
from internal_api.resources.service import Service

LOOPBACK = frozenset({"", "127.0.0.1", "::1"})
ALLOW_FILTERS = ("uploadpack.allowFilter=true", "uploadpack.allowAnySHA1InWant=true")
KEY_TYPES = {"Key": "key", "DeployKey": "deploy_key"}
BYTES_PER_MB = 1 << 20
CHECKED_BY_REF = frozenset({"project", "snippet"})
LFS_TOKEN_LIFETIME_S = {"documentation": 1800, "gitlab": 7200}
AUDITED_ACTIONS = frozenset({"git-upload-pack", PUSH})
LFS_PARAMS = (requires("oid", string), requires("gl_repository", string))
AUDIT_PARAMS = (
    requires("action", string),
    requires("protocol", string),
    requires("gl_repository", string),
    requires("changes", string),
    optional("check_ip", string),
    optional(
        "packfile_stats",
        mapping,
        members=(optional("wants", integer), optional("haves", integer)),
    ),
)


class Allowed:
    """`POST /internal/allowed`: whether a Git command may run."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._follow = service.config.follow
        self._now = service.now
        self._run = service.run

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 with what the client tells Gitaly, else 401 or 404 with why not.

        It is 422 for a project that cannot be made, and 503 where git takes too long.

        Raises:
            InvalidParameter: No repository is named, or a malformed one.
            BadRequest: The changes of a push are none.
            TooManyRequests: The rate limit is exceeded.
        """
        try:
            self._answer(req, resp)
        except InvalidParameter as error:
            self._refuse(req, bad_request(str(error)))
            raise

    def _refuse(self, req: falcon.Request, decision: Decision) -> None:
        """Count the call and note who makes it: GitLab does so before it looks further.

        Raises:
            TooManyRequests: The rate limit is exceeded.
        """
        params, now = req.context.params, self._now()
        named = {name: params.get(name) for name in git_access.ACTOR_PARAMS}
        access = git_access.ask(self._database, named)
        command = GitCommand.from_params(params, now)
        effects = git_commands.effects(access, decision, command, now)
        if any(effects):
            self._leave(req, access, decision, command, effects)

    def _answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        params, now = req.context.params, self._now()
        _require_repository(params)
        known = None
        if params.get("action") != PUSH:
            known = git_access.ask(self._database, params)
            if body := repeated_pulls.find(known, params, self._follow, now):
                resp.data = body
                return
        command = GitCommand.from_params(params, now)
        access, decision = _check(self._database, self._run, params, command, known)
        effects = git_commands.effects(access, decision, command, now)
        if any(effects):
            access, decision = self._leave(req, access, decision, command, effects)
        container = access.target.container
        if not decision.allowed or container is None:
            _write_denial(req, resp, decision)
        else:
            _require_changes(command, container)
            write_json(resp, 200, self._payload(access, container, command))
            if resp.data and not any(effects):
                answer = repeated_pulls.Answer(resp.data, now.date())
                repeated_pulls.keep(access, command, self._follow, answer)

    def _leave(
        self,
        req: falcon.Request,
        access: Access,
        decision: Decision,
        command: GitCommand,
        effects: Effects,
    ) -> tuple[Access, Decision]:
        """Write all that a command leaves behind, in one transaction.

        Raises:
            TooManyRequests: The rate limit is exceeded; nothing else is written.
        """
        params, now = req.context.params, self._now()
        attempt = refusal = None
        with self._database.writing() as connection:
            exceeds = effects.rate_limit and pushes.exceeds_rate_limit(
                connection, _rate_limit_scopes(req, access), effects.rate_limit, now
            )
            if not exceeds:
                git_commands.leave(connection, access, command, effects, now)
                if effects.creates_project:
                    refusal = git_commands.create_project(
                        connection, access, command, now
                    )
                    access, attempt = git_commands.gather(connection, params, command)
        if exceeds:
            raise TooManyRequests
        if attempt:
            decision = git_commands.decide(access, attempt, command, self._run)
        return access, refusal or decision

    def _payload(
        self, access: Access, container: Container, command: GitCommand
    ) -> dict[str, Any]:
        """The answer of a command that may run; GitLab drops null members of it."""
        settings, (key, user), _target, _answers = access
        gl_repository = git_commands.gl_repository(container)
        gl_project_path = git_commands.full_path(container)
        quarantine, project = command.quarantine, container.project
        payload: dict[str, Any] = {
            "status": True,
            "gl_repository": gl_repository,
            "gl_project_path": gl_project_path,
            "gl_id": f"user-{user.id}" if user else "",
            "gl_username": user and user.username,
            "git_config_options": self._git_config_options(settings),
            "gitaly": {
                "repository": {
                    "storage_name": settings.gitaly_storage,
                    "relative_path": git_commands.relative_path(container),
                    "git_object_directory": quarantine.object_directory,
                    "git_alternate_object_directories": quarantine.alternates,
                    "gl_repository": gl_repository,
                    "gl_project_path": gl_project_path,
                },
                "address": settings.gitaly_address,
                "token": settings.gitaly_token,
                "features": settings.gitaly_features,
            },
            "gl_console_messages": console_messages(key, command.time),
            "gl_key_type": key and KEY_TYPES[key.type],
            "gl_key_id": key and key.id,
            "gl_project_id": project and project.id,
            "gl_root_namespace_id": project and project.root_namespace_id,
            "need_audit": False,
        }
        if key and user and project:
            return payload
        return {name: value for name, value in payload.items() if value is not None}

    def _git_config_options(self, settings: Settings) -> list[str]:
        options = list(ALLOW_FILTERS) if self._follow == "gitlab" else []
        if megabytes := settings.receive_max_input_size:
            options.append(f"receive.maxInputSize={megabytes * BYTES_PER_MB}")
        return options


class LfsAuthenticate:
    """`POST /internal/lfs_authenticate`: a token for Git LFS over HTTP."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now
        self._lifetime_s = LFS_TOKEN_LIFETIME_S[service.config.follow]

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a new token; whether it opens the project is asked later.

        Raises:
            BadRequest: `gl_repository` is malformed.
            NotFound: There is no such repository, or LFS is off for it.
            RecordNotFound: There is no such key or user.
        """
        now = self._now()
        access = git_access.ask(self._database, req.context.params)
        container, actor = access.target.container, access.actor
        project = container.project if container else None
        if (
            container is None
            or container.snippet
            or not (project and project.lfs_enabled)
        ):
            why = "there is no such repository, or LFS is off for it"
            raise NotFound().because(why)
        if actor.user is None and actor.deploy_key is None:
            raise RecordNotFound().because("there is no such key or user")
        if actor.key and keys.use_is_due(actor.key, access.settings.instance, now):
            with self._database.writing() as connection:
                keys.record_use(connection, actor.key, now)
        lfs = LfsToken(actor, access.settings.db_key_base)
        url = access.settings.instance.external_url
        body = {
            "username": lfs.username,
            "lfs_token": lfs.token(now, self._lifetime_s),
            "repository_http_path": f"{url}/{git_commands.full_path(container)}.git",
            "expires_in": self._lifetime_s,
        }
        write_json(resp, 200, body)


class PreReceive:
    """`POST /internal/pre_receive`: a push begins."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Count the push; the repository need not exist.

        Raises:
            BadRequest: `gl_repository` is missing, or no text.
        """
        gl_repository = to_text(req.context.params.get("gl_repository"))
        if gl_repository is None:
            raise BadRequest(no_text("gl_repository", req.context.params))
        with self._database.writing() as connection:
            pushes.increase_counter(connection, gl_repository, self._now())
        write_json(resp, 200, {"reference_counter_increased": True})


class PostReceive:
    """`POST /internal/post_receive`: a push ended."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now
        self._run = service.run

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer what the user is to be told: alerts first, each once.

        Raises:
            InvalidParameter: No repository is named, or a malformed one.
        """
        params = req.context.params
        _require_repository(params)
        # Git may take its time: no transaction waits for it.
        names = git_commands.refs_at_hand(self._database, params, self._run)
        with self._database.writing() as connection:
            messages = receive(connection, params, self._now(), names)
        body = {"messages": messages, "reference_counter_decreased": True}
        write_json(resp, 200, body)


class LfsObject:
    """`GET /internal/lfs`: an LFS object, for Gitaly's archives.

    Source: `lib/api/internal/lfs.rb`.
    """

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._lfs_path = service.config.lfs_path

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the bytes, or where they lie if the server in front can send them.

        Raises:
            ParameterError: `oid` or `gl_repository` is missing.
            InvalidParameter: The object is there, `gl_repository` is null or malformed.
            NotFound: The project has no such object.
        """
        params = validate(LFS_PARAMS, req.context.params)
        oid = params["oid"] or ""
        path = self._lfs_path / oid[:2] / oid[2:4] / oid[4:]
        # An id is hexadecimal; any other text might lead elsewhere. Unlike
        # `Path.is_file`, this never raises.
        if not (oid.isalnum() and os.path.isfile(path)):  # noqa: PTH113
            raise NotFound().because("there is no such LFS object")
        if params["gl_repository"] is None:
            raise InvalidParameter("gl_repository is missing")
        access = git_access.ask(
            self._database, {"gl_repository": params["gl_repository"]}
        )
        container = access.target.container
        if container is None or container.type != "project" or not container.project:
            raise NotFound().because("there is no such project")
        with self._database.reading() as connection:
            linked = projects.has_lfs_object(connection, container.project.id, oid)
        if not linked:
            raise NotFound().because("the project has no such LFS object")
        resp.content_type = "application/octet-stream"
        if req.get_header("X-Sendfile-Type") == "X-Sendfile":
            # WSGI takes bytes as Latin-1.
            bytes_of_path = os.fsencode(path.absolute())
            resp.set_header("X-Sendfile", bytes_of_path.decode("latin-1"))
        else:
            resp.set_stream(path.open("rb"), path.stat().st_size)


class GitAuditEvent:
    """`POST /internal/shellhorse/git_audit_event`: a transfer through Gitaly ended.

    Source: `lib/api/internal/shellhorse.rb`. No audit event is ever needed here.
    """

    authentication = Scheme.SHELL_JWT

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now
        self._run = service.run

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check the access once more and say that nothing is to be recorded.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            InvalidParameter: `gl_repository` is null or malformed.
            BadRequest: The changes of a push are none.
        """
        sent = req.context.params
        params = {**sent, **validate(AUDIT_PARAMS, sent)}
        if params["action"] not in AUDITED_ACTIONS:
            req.context.reason = f"action {params['action']!r} is not audited"
            body = {"status": False, "message": "No valid action specified"}
            write_json(resp, 400, body)
            return
        _require_repository(params)
        command = GitCommand.from_params(params, self._now())
        access, decision = _check(self._database, self._run, params, command)
        container = access.target.container
        if not decision.allowed or container is None:
            _write_denial(req, resp, decision)
            return
        _require_changes(command, container)
        body = {"status": False, "message": "No git audit event needed"}
        write_json(resp, 200, body)


def _require_repository(params: Mapping[str, Any]) -> None:
    if params.get("gl_repository") is None and params.get("project") is None:
        raise InvalidParameter("gl_repository or project is missing")


def _require_changes(command: GitCommand, container: Container) -> None:
    """Refuse a push of changes that are none, where they would be looked at."""
    if command.problem and container.type in CHECKED_BY_REF:
        raise BadRequest(command.problem)


def _check(
    database: Database,
    run: Run,
    params: Mapping[str, Any],
    command: GitCommand,
    known: Access | None = None,
) -> tuple[Access, Decision]:
    access, attempt = git_commands.ask(database, params, command, known)
    # Git may take its time: no transaction waits for it.
    return access, git_commands.decide(access, attempt, command, run)


def _rate_limit_scopes(req: falcon.Request, access: Access) -> list[str]:
    """Who and from where, for this action and project; this machine has no limit."""
    params, (key, user) = req.context.params, access.actor
    callers = [f"key {key.id}" if key else f"user {user and user.id}"]
    if req.remote_addr not in LOOPBACK:
        callers.append(f"ip {req.remote_addr}")
    what = f"{params.get('action')} {params.get('project')}"
    return [f"{what} {caller}" for caller in callers]


def _write_denial(
    req: falcon.Request, resp: falcon.Response, decision: Decision
) -> None:
    if decision.status == BadRequest.status:
        raise BadRequest(decision.reason)
    req.context.reason = decision.reason
    body = {"status": False, "message": decision.message}
    write_json(resp, decision.status, body)
