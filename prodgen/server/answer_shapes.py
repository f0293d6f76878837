"""JSON schemas of what each route answers with 200, by path and method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.server.fields import PICTURE

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
NULL: Schema = {"type": "null"}
NOTHING: Schema = {"type": "object", "additionalProperties": False}


def list_of(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def nullable(schema: Schema) -> Schema:
    """Return a schema that takes null too."""
    return {**schema, "type": [schema["type"], "null"]}


def exactly(**properties: Schema) -> Schema:
    """Return the schema of an object that has these entries, all of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_DRAWN = exactly(
    images=list_of({**PICTURE, "description": "[grid], results, IC-Light's extras."}),
    parameters=OBJECT | {"description": "The request with its defaults; init images only if asked for."},
    info=STRING | {"description": "JSON in a text: seeds, infotexts, sizes and names."},
)
_STATE = exactly(
    skipped=BOOLEAN,
    interrupted=BOOLEAN,
    stopping_generation=BOOLEAN,
    job=STRING,
    job_count=INTEGER,
    job_timestamp=STRING,
    job_no=INTEGER,
    sampling_step=INTEGER,
    sampling_steps=INTEGER,
)
_TASK_PROGRESS = exactly(
    active=BOOLEAN,
    queued=BOOLEAN,
    completed=BOOLEAN,
    progress=nullable(NUMBER),
    eta=nullable(NUMBER),
    live_preview=nullable(STRING),
    id_live_preview=INTEGER,
    textinfo=nullable(STRING),
)
_SCRIPT_ARG = exactly(
    label=STRING,
    value={},
    minimum=nullable(NUMBER),
    maximum=nullable(NUMBER),
    step=nullable(NUMBER),
    choices=nullable(list_of(STRING)),
)
_SCHEDULER = exactly(
    name=STRING,
    label=STRING,
    aliases=nullable(list_of(STRING)),
    default_rho=NUMBER,
    need_inner_model=BOOLEAN,
)
_CHECKPOINT = exactly(
    title=STRING,
    model_name=STRING,
    hash=nullable(STRING),
    sha256=nullable(STRING),
    filename=STRING,
    config=nullable(STRING),
)
_UPSCALER = exactly(
    name=STRING,
    model_name=nullable(STRING),
    model_path=nullable(STRING),
    model_url=nullable(STRING),
    scale=NUMBER,
)

ANSWERS: Mapping[str, Mapping[str, Schema]] = {
    "/sdapi/v1/txt2img": {"POST": _DRAWN},
    "/sdapi/v1/img2img": {"POST": _DRAWN},
    "/sdapi/v1/extra-single-image": {"POST": exactly(html_info=STRING, image=dict(PICTURE))},
    "/sdapi/v1/extra-batch-images": {"POST": exactly(html_info=STRING, images=list_of(dict(PICTURE)))},
    "/sdapi/v1/png-info": {
        "POST": exactly(info=STRING, items=OBJECT | {"additionalProperties": STRING}, parameters=OBJECT)
    },
    "/sdapi/v1/interrogate": {},
    "/sdapi/v1/options": {"GET": {"$ref": "#/components/schemas/OptionsShown"}, "POST": NULL},
    "/sdapi/v1/progress": {
        "GET": exactly(
            progress=NUMBER | {"minimum": 0, "maximum": 1},
            eta_relative=NUMBER,
            state=_STATE,
            current_image=nullable(dict(PICTURE)),
            textinfo=nullable(STRING),
        )
    },
    "/internal/progress": {"POST": _TASK_PROGRESS},
    "/internal/ping": {"GET": NOTHING},
    "/internal/pending-tasks": {"GET": exactly(size=INTEGER, tasks=list_of(STRING))},
    "/queue/status": {"GET": OBJECT},
    "/user": {"GET": NULL},
    "/token": {"GET": exactly(token=NULL, user=NULL)},
    "/login_check": {"GET": NULL},
    "/startup-events": {"GET": BOOLEAN},
    "/app_id": {"GET": exactly(app_id=INTEGER)},
    "/sdapi/v1/samplers": {"GET": list_of(exactly(name=STRING, aliases=list_of(STRING), options=OBJECT))},
    "/sdapi/v1/schedulers": {"GET": list_of(_SCHEDULER)},
    "/sdapi/v1/upscalers": {"GET": list_of(_UPSCALER)},
    "/sdapi/v1/latent-upscale-modes": {"GET": list_of(exactly(name=STRING))},
    "/sdapi/v1/sd-models": {"GET": list_of(_CHECKPOINT)},
    "/sdapi/v1/sd-vae": {"GET": list_of(exactly(model_name=STRING, filename=STRING))},
    "/sdapi/v1/loras": {"GET": list_of(exactly(name=STRING, alias=STRING, path=STRING, metadata=OBJECT))},
    "/sdapi/v1/embeddings": {"GET": exactly(loaded=OBJECT, skipped=OBJECT)},
    "/sdapi/v1/hypernetworks": {"GET": list_of(OBJECT)},
    "/sdapi/v1/face-restorers": {"GET": list_of(exactly(name=STRING, cmd_dir=nullable(STRING)))},
    "/sdapi/v1/realesrgan-models": {"GET": list_of(OBJECT)},
    "/sdapi/v1/prompt-styles": {"GET": list_of(OBJECT)},
    "/sdapi/v1/extensions": {"GET": list_of(OBJECT)},
    "/sdapi/v1/scripts": {"GET": exactly(txt2img=list_of(STRING), img2img=list_of(STRING))},
    "/sdapi/v1/script-info": {
        "GET": list_of(
            exactly(name=STRING, is_alwayson=BOOLEAN, is_img2img=BOOLEAN, args=list_of(_SCRIPT_ARG))
        )
    },
    "/sdapi/v1/memory": {"GET": exactly(ram=OBJECT, cuda=OBJECT)},
    "/sdapi/v1/cmd-flags": {"GET": OBJECT},
    "/sdapi/v1/interrupt": {"POST": NOTHING},
    "/sdapi/v1/skip": {"POST": NULL},
    "/sdapi/v1/unload-checkpoint": {"POST": NOTHING},
    "/sdapi/v1/reload-checkpoint": {"POST": NOTHING},
    "/sdapi/v1/refresh-checkpoints": {"POST": NULL},
    "/sdapi/v1/refresh-vae": {"POST": NULL},
    "/sdapi/v1/refresh-loras": {"POST": NULL},
    "/sdapi/v1/refresh-embeddings": {"POST": NULL},
    "/openapi.json": {"GET": OBJECT},
}
"""A method without an answer here never gives 200: there is no captioning network to interrogate."""

PAGES = ("/", "/docs")
"""Paths that answer HTML."""

FAULT: Schema = {
    "type": "object",
    "properties": {"loc": {"type": "array"}, "msg": STRING, "type": STRING},
    "required": ["loc", "msg", "type"],
}
INVALID = exactly(detail=list_of(FAULT))
ERROR: Schema = {
    "anyOf": [
        exactly(error=STRING, detail=STRING, body=STRING, errors=STRING),
        exactly(detail=STRING),
        INVALID,
    ]
}
"""A1111 has a form of its own, FastAPI another for a route that is not there, a third for a wrong field."""
