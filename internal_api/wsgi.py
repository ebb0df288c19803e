"""The application for any WSGI server, its settings from the environment.

The variables are those of `internal-api serve`: `INTERNAL_API_DATA`,
`INTERNAL_API_FOLLOW`, `INTERNAL_API_SHELL_AUTH`, `INTERNAL_API_RELATIVE_URL_ROOT`,
`INTERNAL_API_SCIM_ERRORS`; there are control routes if `INTERNAL_API_CONTROL_TOKEN`
is set.
"""

import os

from internal_api.app import create_app
from internal_api.config import from_environment
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.secret_files import read_or_create
from internal_api.standin.control import Control

config = from_environment(os.environ)
secrets = read_or_create(config)
database = Database(config.database_path)
database.create()
# The server may fork now; a connection must not be in two processes.
database.close()
control_token = os.environ.get("INTERNAL_API_CONTROL_TOKEN")
control = Control(control_token) if control_token else None
application = create_app(Service(config, database), secrets, control)
