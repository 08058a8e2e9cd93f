"""The tools over HTTP: a Flask application."""

import json
import logging
import secrets
import time
from typing import Any

from flask import Flask, Request, Response, g, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from tools import ToolError, openapi
from tools.access import MayCall, key_of
from tools.context import Context
from tools.docs import pages
from tools.registry import BadArguments, Registry
from tools.retrieval import retrieval

LARGEST = 16 * 2**20  # bytes of a body: a workflow file of 10 MB, packed in base64
_LONGEST, _MOST = 64, 10  # signs of a name, and names of unknown arguments, in the log
access = logging.getLogger("flowstill.access")
failures = logging.getLogger("flowstill.failures")


def create_app(registry: Registry, context: Context, may_call: MayCall, server: str = "") -> Flask:
    """`server`: its address for others, which the documents name."""
    app = Flask("flowstill", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.json.sort_keys = False  # type: ignore[attr-defined]

    def base() -> str:
        return server or request.host_url.rstrip("/")

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/openapi.json")
    def document() -> dict[str, Any]:
        return openapi.full(registry, base())

    @app.get("/openapi/dify.json")
    @app.get("/openapi/coze.json")
    def document_for_platforms() -> dict[str, Any]:
        return openapi.flat(registry, base())

    @app.post("/tools/<name>")
    def call(name: str) -> Response | tuple[dict[str, Any], int]:
        key = key_of(request)
        if not may_call(key, name):
            if may_call(key):
                return _failed(f"This key is not for the tool {name!r}.", 403)
            return _failed("The key is missing or wrong: send it as `Authorization: Bearer <key>`.", 401)
        if name not in registry.tools:
            return _failed(f"There is no tool {name!r}. There are: {', '.join(registry.tools)}.", 404)
        tool, given = registry.tools[name], _given(request)
        g.unknown = [each for each in tool.unknown(given) if each.isidentifier() and len(each) <= _LONGEST][:_MOST]
        return _answer(tool.run(context, tool.validated(given)))

    app.register_blueprint(pages(registry, base))
    app.register_blueprint(retrieval(context, may_call))
    _guard(app)
    return app


def _guard(app: Flask) -> None:
    """Ids, the access log, and answers for what goes wrong."""

    @app.before_request
    def begin() -> None:
        g.id, g.started = secrets.token_hex(8), time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.id
        response.headers["X-Content-Type-Options"] = "nosniff"
        took = round((time.perf_counter() - g.started) * 1000, 1)
        told = {"id": g.id, "method": request.method, "path": request.path, "status": response.status_code, "ms": took}
        unknown = g.get("unknown")
        access.info(json.dumps(told | ({"unknown_arguments": unknown} if unknown else {}), ensure_ascii=False))
        return response

    @app.errorhandler(ToolError)
    def refused(error: ToolError) -> tuple[dict[str, Any], int]:
        if isinstance(error, BadArguments):
            return _failed(str(error), 422, fields=[vars(each) for each in error.fields])
        return _failed(str(error), 400)

    @app.errorhandler(HTTPException)
    def no_route(error: HTTPException) -> tuple[dict[str, Any], int]:
        return _failed(error.description or error.name, error.code or 500)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[dict[str, Any], int]:
        failures.exception("request %s failed", g.id, exc_info=error)
        return _failed("The tool failed; the log of the server says why, under this id.", 500)


def _given(request: Request) -> dict[str, Any]:
    """The arguments, of a form or a JSON object. ToolError: they are neither.

    curl says of all that it sends that it is a form.
    """
    body = request.get_data(cache=True, parse_form_data=False)
    if request.mimetype == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
        return request.form.to_dict()
    try:
        given = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ToolError(f"The body is no JSON: {error}.") from None
    if not isinstance(given, dict):
        raise ToolError("The body has to be a JSON object with the arguments by name.")
    return given


def _answer(made: BaseModel) -> Response:
    return Response(made.model_dump_json(), mimetype="application/json")


def _failed(message: str, status: int, **more: Any) -> tuple[dict[str, Any], int]:
    return {"error": message, **more, "request_id": g.id}, status
