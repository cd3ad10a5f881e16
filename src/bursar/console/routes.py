"""All pages of the console, for an app to mount: `create_app(route_handlers=...)`."""

import psycopg
from litestar import Router
from litestar.types import ControllerRouterHandler

from bursar.console.charts import charts_routes
from bursar.console.checks import checks
from bursar.console.do import task_routes
from bursar.console.door import Door, answer_database, answer_problem, answer_refusal
from bursar.console.inbox import inbox_routes
from bursar.console.journal import journal_routes
from bursar.console.overview import overview_routes
from bursar.console.sales import claims, jobs, purchases
from bursar.console.session import Sessions
from bursar.console.sign_in import sign_in_routes
from bursar.console.switches import switches_routes
from bursar.console.transactions import transaction, transactions
from bursar.console.wallet import wallet
from bursar.console.wallets import wallets
from bursar.errors import BursarError
from bursar.http.problem import ProblemError
from bursar.settings import Settings

BODY_BYTES_MAX = 64 * 1024


def console_routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the route handlers of the console, all behind its door."""
    sessions = Sessions(settings)
    return [
        Router(
            "/console",
            route_handlers=[
                overview_routes(),
                wallets,
                wallet,
                transactions,
                transaction,
                purchases,
                claims,
                jobs,
                inbox_routes(settings),
                switches_routes(settings),
                charts_routes(),
                checks,
                journal_routes(),
                sign_in_routes(sessions),
                task_routes(settings),
            ],
            before_request=Door(sessions).admit,
            request_max_body_size=BODY_BYTES_MAX,
            exception_handlers={
                ProblemError: answer_problem,
                BursarError: answer_refusal,
                psycopg.Error: answer_database,
            },
        )
    ]
