"""The description of the server's routes as OpenAPI 3.1.

Requests are described by the fields that `fields` reads: what gives a picture. What is taken beyond that, as
A1111 takes it, is coerced, ignored, or answered with an error of the documented forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prodgen.server import fields
from prodgen.server.answer_shapes import ANSWERS, ERROR, INVALID, PAGES, Schema
from prodgen.server.listings import LATENT_MODES, PLAIN_UPSCALERS
from prodgen.server.options_store import OptionsStore
from prodgen.server.state import Machine

_REQUESTS: Mapping[str, tuple[str, Mapping[str, fields.Spec]]] = {
    "/sdapi/v1/txt2img": ("Txt2ImgRequest", fields.TXT2IMG),
    "/sdapi/v1/img2img": ("Img2ImgRequest", fields.IMG2IMG),
    "/sdapi/v1/extra-single-image": ("ExtrasSingleRequest", fields.EXTRA_SINGLE),
    "/sdapi/v1/extra-batch-images": ("ExtrasBatchRequest", fields.EXTRA_BATCH),
    "/sdapi/v1/png-info": ("PngInfoRequest", fields.PNG_INFO),
    "/sdapi/v1/interrogate": ("InterrogateRequest", fields.INTERROGATE),
    "/internal/progress": ("TaskProgressRequest", fields.TASK_PROGRESS),
}

_NEEDED = ("image", "init_images")
"""Fields without which a request is taken and then fails, as on A1111."""

_SUMMARIES = {
    "/sdapi/v1/txt2img": "Draw pictures from words",
    "/sdapi/v1/img2img": "Draw pictures from pictures, in the whole or behind a mask",
    "/sdapi/v1/extra-single-image": "Enlarge a picture",
    "/sdapi/v1/extra-batch-images": "Enlarge several pictures",
    "/sdapi/v1/png-info": "Read the infotext of a picture",
    "/sdapi/v1/interrogate": "Describe a picture; there is no network for it here, and it says so",
    "/sdapi/v1/options": "The options of all callers",
    "/sdapi/v1/progress": "How far that is which is drawn, whoever asked for it",
    "/sdapi/v1/interrupt": "Stop what is drawn, whoever asked for it",
    "/sdapi/v1/skip": "End the iteration that is drawn",
    "/internal/progress": "How far one task is, by its force_task_id",
}


def document(routes: Mapping[str, Iterable[str]], machine: Machine) -> Schema:
    """Return the description.

    Args:
        routes: The methods of each path.
        machine: Has the options and the names of upscalers and checkpoints, which stand in it.
    """
    paths: dict[str, Any] = {
        path: {method.lower(): _operation(path, method) for method in methods}
        for path, methods in routes.items()
    }
    paths["/file={path}"] = {"get": _file()}
    schemas = {
        "Error": ERROR,
        "Invalid": INVALID,
        "Options": _options(machine.options, are_required=False),
        "OptionsShown": _options(machine.options, are_required=True),
        **{name: _request(specs, machine) for name, specs in _REQUESTS.values()},
    }
    components: Schema = {"schemas": schemas}
    described: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "prodgen serve", "version": "1.10.1", "description": "The API of AUTOMATIC1111."},
        "paths": paths,
        "components": components,
    }
    if machine.behaviour.auth is not None:
        components["securitySchemes"] = {"password": {"type": "http", "scheme": "basic"}}
        described["security"] = [{"password": []}]
    return described


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(path: str, method: str) -> Schema:
    name = path.strip("/").replace("/", "_").replace("-", "_") or "front_page"
    operation: Schema = {"operationId": f"{name}_{method.lower()}", "responses": _responses(path, method)}
    if path in _SUMMARIES:
        operation["summary"] = _SUMMARIES[path]
    if path == "/sdapi/v1/progress":
        operation["parameters"] = [
            {
                "name": "skip_current_image",
                "in": "query",
                "required": False,
                "schema": {"type": "boolean", "default": False},
            }
        ]
    asked = _REQUESTS[path][0] if path in _REQUESTS else "Options" if path == "/sdapi/v1/options" else None
    if method == "POST" and asked is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(asked)}},
        }
    return operation


def _responses(path: str, method: str) -> Schema:
    errors: Schema = {
        "default": {
            "description": "An error, in the form of A1111 or of FastAPI",
            "content": {"application/json": {"schema": _ref("Error")}},
        }
    }
    if path in PAGES:
        content: Schema = {"text/html": {"schema": {"type": "string"}}}
    elif method in ANSWERS[path]:
        content = {"application/json": {"schema": ANSWERS[path][method]}}
    else:
        return errors
    return {"200": {"description": "Successful Response", "content": content}, **errors}


def _file() -> Schema:
    kinds: Schema = {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")}
    missing = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
    return {
        "operationId": "saved_file",
        "summary": "A picture that save_images kept",
        "parameters": [{"name": "path", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "The picture", "content": kinds},
            "default": {"description": "None", "content": {"application/json": {"schema": missing}}},
        },
    }


def _request(specs: Mapping[str, fields.Spec], machine: Machine) -> Schema:
    properties = {name: spec.schema for name, spec in specs.items()}
    upscalers = [*PLAIN_UPSCALERS, *machine.inventory.upscalers]
    titles = [model.title for model in machine.inventory.checkpoints]
    known = {
        "upscaler_1": upscalers,
        "upscaler_2": upscalers,
        "hr_upscaler": [*LATENT_MODES, *upscalers, None],
        "refiner_checkpoint": ["", "None", *titles, None],
    }
    for name in known.keys() & properties.keys():
        properties[name]["enum"] = known[name]
    if "override_settings" in properties:
        either = [_ref("Options"), {"type": "null"}]
        properties["override_settings"] = {"anyOf": either, "default": None}
    needed = [name for name, spec in specs.items() if spec.required or name in _NEEDED]
    request: Schema = {"type": "object", "properties": properties, "required": needed}
    if "enable_hr" in properties:
        request["if"] = {"properties": {"enable_hr": {"const": True}}, "required": ["enable_hr"]}
        strength = {"denoising_strength": {"type": "number"}}
        request["then"] = {"properties": strength, "required": list(strength)}
    return request


_NARROWER: Mapping[str, Schema] = {
    "samples_format": {"enum": ["png", "jpg", "jpeg", "webp"]},
    "CLIP_stop_at_last_layers": {"type": "integer", "minimum": 1, "maximum": 12},
    "jpeg_quality": {"type": "integer", "minimum": 1, "maximum": 100},
    "img2img_background_color": {"pattern": "^#[0-9a-fA-F]{6}$"},
}
"""What options are when pictures are to come; others are taken and then fail, as on A1111."""


def _options(options: OptionsStore, *, are_required: bool) -> Schema:
    properties: dict[str, Schema] = {}
    for name, default in options.defaults.items():
        schema = dict(fields.spec_like(default).kind.schema)
        properties[name] = schema if are_required else {**schema, **_NARROWER.get(name, {})}
    if not are_required:
        titles = [model.title for model in options.checkpoints]
        properties["sd_model_checkpoint"] = {"type": "string", "enum": titles}
    required = {"required": list(properties)} if are_required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **required}
