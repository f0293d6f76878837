"""Lists of any length are read in little memory; what cannot be read costs its own names their check only."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import tracemalloc

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.client.knowledge import lists, names
from prodgen.client.reaching import connection, entries
from prodgen.client.reaching.addresses import parse
from prodgen.client.reaching.connection import Connection
from prodgen.dialects import ROUTES
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendLostError,
    BackendTimeoutError,
    NotABackendError,
    UnknownNameError,
)
from prodgen.schema import Lora, Txt2Img

MIB = 1 << 20


def read(text, *, size=7, keep=lambda entry: entry, most_bytes=MIB):
    data = text if isinstance(text, bytes) else text.encode()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return entries.read(pieces, keep, most_bytes=most_bytes)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


@given(entries_=st.lists(values), size=st.integers(1, 40), indent=st.sampled_from([None, 1]))
def test_a_list_is_read_as_json_reads_it_wherever_its_pieces_are_cut(entries_, size, indent):
    assert read(json.dumps(entries_, indent=indent, ensure_ascii=False), size=size) == entries_


def test_pieces_may_be_larger_than_what_is_looked_at_together(monkeypatch):
    monkeypatch.setattr(entries, "PIECE_BYTES", 10)
    wanted = [{"name": f"a{i}", "metadata": "x" * i} for i in range(200)]

    assert read(json.dumps(wanted), size=64) == wanted


def test_what_is_no_array_comes_back_as_it_is():
    assert read('  {"loaded": {}}') == b'  {"loaded": {}}'
    assert read("<html>") == b"<html>"
    assert read("") == b""


@pytest.mark.parametrize("text", ["[", "[1", '[{"a": 1}, ', "[1 2]", "[1] 2", '["a', "[nonsense]", "[1}"])
def test_an_array_that_is_broken_is_not_taken_for_a_whole_one(text):
    with pytest.raises(ValueError, match=r"entry|follows"):
        read(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'[{"name": "caf\xe9"}, {"name": "x"}]', "caf\ufffd"),
        (b'[{"name": "a\\ud83d"}, {"name": "x"}]', "a?"),
        (b'[{"name": "a\nb\tc"}, {"name": "x"}]', "a\nb\tc"),
    ],
)
def test_characters_that_are_none_cost_their_own_entry_a_question_mark_and_the_list_nothing(text, name):
    assert read(text) == [{"name": name}, {"name": "x"}]


@pytest.mark.parametrize("text", ["[" * 50_000, '[{"a": ' * 50_000])
def test_a_list_that_is_nested_without_end_is_not_whole(text):
    with pytest.raises(ValueError, match="entry 1 is not whole"):
        read(text, size=9_999)


def test_numbers_are_read_whole_and_those_that_are_none_as_servers_send_them():
    assert read("[1.5e3, -2e-1]", size=1) == [1500, -0.2]
    assert str(read('[{"scale": NaN}, {"scale": Infinity}]')) == "[{'scale': nan}, {'scale': inf}]"


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        (itertools.chain([b"["], itertools.repeat(b'{"name": "x"},')), "more than 50 entries"),
        (itertools.chain([b'["'], itertools.repeat(b"x" * 99_999)), "more than 1 MiB"),
        (itertools.chain([b"{"], itertools.repeat(b"x" * 99_999)), "more than 1 MiB"),
        (itertools.repeat(b" " * 99_999), "more than 1 MiB"),
    ],
)
def test_what_has_no_end_is_cut(monkeypatch, pieces, says):
    monkeypatch.setattr(entries, "MOST_ENTRIES", 50)
    monkeypatch.setattr(entries, "MOST_ENTRY_BYTES", MIB)

    with pytest.raises(entries.TooMuchError, match=says):
        entries.read(iter(pieces), lambda entry: entry, most_bytes=MIB)


def many_loras(count, metadata_bytes):
    """What /loras answers, in pieces: each LoRA with a table of tags."""
    tags = json.dumps({f"tag {i}": i for i in range(metadata_bytes // 14)})
    for number in range(count):
        entry = f'{{"name": "l{number}", "alias": "a{number}", "metadata": {{"ss_tag_frequency": {tags}}}}}'
        yield (b"[" if number == 0 else b", ") + entry.encode() + (b"]" if number == count - 1 else b"")


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 42} | fields))


def test_names_in_a_list_larger_than_any_other_answer_may_be_are_checked(recorded, monkeypatch):
    monkeypatch.setattr(connection, "MAX_LIST_BYTES", MIB)
    server = recorded(loras=lambda _: httpx.Response(200, content=many_loras(120, 50_000)))

    with pytest.raises(UnknownNameError) as refusal:
        server.client().txt2img(cat(loras=(Lora(name="nobody", weight=0.5),)))

    assert "l119" in refusal.value.known
    assert not server.sent("txt2img")


def test_a_list_of_any_length_is_read_in_little_memory(recorded):
    server = recorded(loras=lambda _: httpx.Response(200, content=many_loras(150, 100_000)))
    client = server.client()
    tracemalloc.start()
    try:
        found = client.service.loras()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(found) == 150  # in 15 MB
    assert peak < 8e6


def test_of_a_loras_metadata_what_is_short_is_kept(recorded):
    metadata = {"ss_base_model_version": "sd_1.5", "ss_tag_frequency": {"a": 1}, "ss_comment": "x" * 999}
    server = recorded(loras=[{"name": "mug", "metadata": metadata}])

    assert server.client().service.loras()[0].metadata == {"ss_base_model_version": "sd_1.5"}


def test_an_entry_that_is_no_object_is_left_alone():
    assert lists.without_metadata("a") == lists.with_short_metadata("a") == "a"
    assert lists.without_metadata({"name": "a", "metadata": {}}) == {"name": "a"}


def endless(_):
    return httpx.Response(200, content=itertools.chain([b"["], itertools.repeat(b'{"name": "x"},' * 999)))


def broken(_):
    return httpx.Response(200, content=b'[{"name": "x"}, {"na')


@pytest.mark.parametrize(
    ("answer", "says"),
    [(endless, "200000 entries"), (broken, "not whole JSON"), (lambda _: httpx.Response(500), "failed")],
)
def test_a_list_that_cannot_be_read_leaves_its_names_unchecked_and_all_else_as_it_is(recorded, answer, says):
    have = recorded(loras=answer).client().capabilities

    assert says in have.unread["loras"]
    assert "loras" not in have.answered
    assert "checkpoints" in have.answered


def slow(_):
    raise httpx.ReadTimeout("slow")


def test_two_lists_may_be_slow_and_a_server_that_hangs_at_three_is_given_up(recorded):
    have = recorded(loras=slow, embeddings=slow).client().capabilities
    assert have.unread.keys() == {"loras", "embeddings"}

    with pytest.raises(BackendTimeoutError):
        _ = recorded(loras=slow, embeddings=slow, upscalers=slow).client().capabilities


def test_all_lists_together_have_the_time_of_one_call_and_none_takes_the_others(recorded, monkeypatch):
    asked = []

    class Clocked(Connection):
        def get_list(self, path, keep, *, timeout_s):
            asked.append(timeout_s)
            return super().get_list(path, keep, timeout_s=timeout_s)

    server = recorded(schedulers=lambda _: time.sleep(2.0) or slow(_))
    with contextlib.closing(
        Clocked(parse("http://x"), timeout_s=10.0, transport=httpx.MockTransport(server))
    ) as connection:
        lists.ask(connection, None)

    assert asked[0] == pytest.approx(5.0, abs=0.4)
    assert asked[1] == pytest.approx(4.0, abs=0.4)


def refused(_):
    return httpx.Response(403, html="<title>403 Forbidden</title>")


def test_a_proxy_that_lets_only_some_routes_through_costs_their_names_their_check_only(recorded, captured):
    drawn = captured("core/txt2img-min")["response"]["json"]
    let_through = {"/sdapi/v1/samplers", "/sdapi/v1/options", "/sdapi/v1/txt2img"}
    server = recorded(txt2img=lambda _: httpx.Response(200, json=drawn))
    for path in [*server.answers, *ROUTES.values(), "/internal/ping", "/internal/progress"]:
        if path not in let_through:
            server[path] = refused
    client = server.client()

    assert len(client.txt2img(cat()).images) == 1
    assert client.dialect.name == "a1111"
    assert "forbidden" in client.capabilities.unread["loras"]


def test_what_a_proxy_refuses_while_an_answer_is_lost_is_taken_for_a_server_that_tells_nothing(recorded):
    server = recorded(txt2img=httpx.ReadError("gone"), progress=refused)
    server["/internal/progress"] = refused

    with pytest.raises(BackendLostError, match="does not tell whether it still draws"):
        server.client().txt2img(cat())


def test_where_a_proxy_refuses_the_question_after_a_task_an_idle_server_is_asked_again(recorded, captured):
    drawn = captured("core/txt2img-min")["response"]["json"]
    answers = [httpx.Response(200, json=drawn), httpx.Response(502)]
    server = recorded(txt2img=lambda _: answers.pop())
    server["/internal/progress"] = server["/internal/ping"] = refused

    assert len(server.client().txt2img(cat()).images) == 1
    assert len(server.sent("txt2img")) == 2


def test_a_task_cannot_be_cancelled_where_it_cannot_be_asked_after_and_why_is_told(recorded):
    server = recorded()
    server["/internal/progress"] = refused
    with pytest.raises(NotABackendError, match="does not know tasks"):
        server.client().cancel_task("prodgen-1")

    server["/sdapi/v1/progress"] = "auth/wrong-password"
    with pytest.raises(BackendAuthError):
        server.client().cancel_task("prodgen-1")


@pytest.mark.parametrize("name", ["loras", "upscalers", "sd-models", "script-info", "sd-vae"])
@pytest.mark.parametrize("form", [{"error": "no models"}, {"items": []}, "none", 0])
def test_a_list_of_another_form_is_told_and_is_not_an_empty_one(recorded, name, form):
    ours = {"sd-models": "checkpoints", "script-info": "scripts", "sd-vae": "vaes"}.get(name, name)
    have = recorded(**{name: lambda _: httpx.Response(200, json=form)}).client().capabilities

    assert have.unread == {ours: "its answer has another form"}
    assert ours not in have.answered


def test_null_is_a_list_with_nothing_in_it(recorded):
    have = recorded(loras=lambda _: httpx.Response(200, text="null")).client().capabilities

    assert "loras" in have.answered
    assert (have.loras, have.unread) == ((), {})


@pytest.mark.parametrize("name", [None, "", [], {}])
def test_an_entry_without_a_name_is_left_out_and_not_called_none(recorded, name):
    entries_ = [{"name": name, "path": "x"}, {"name": 7}, {"name": "film"}]
    have = recorded(loras=lambda _: httpx.Response(200, json=entries_)).client().capabilities

    assert have.loras == ("7", "film")


@pytest.mark.parametrize("aliases", [None, "k_euler", ["k_euler", 3, None], 7, {"a": 1}])
def test_other_names_of_another_form_cost_no_sampler_and_no_schedule_its_own(recorded, aliases):
    entry = {"name": "euler", "aliases": aliases, "options": [1]}
    have = recorded(samplers=[entry], schedulers=[entry]).client().capabilities

    assert (have.samplers, have.schedulers) == (("euler",), ("euler",))
    assert lists.samplers([entry])[0].options == {}
    assert have.sampler_aliases.keys() <= {"k_euler"}


def test_a_checkpoint_without_a_title_is_known_by_its_models_name(recorded):
    have = (
        recorded(**{"sd-models": [{"title": None, "model_name": "tiny"}, {"title": "b"}]})
        .client()
        .capabilities
    )

    assert [(x.title, x.model_name) for x in have.checkpoints] == [("tiny", "tiny"), ("b", "b")]


def test_a_name_that_cannot_be_checked_is_told_with_the_picture_and_others_are_not(recorded, captured):
    drawn = captured("core/txt2img-min")["response"]["json"]
    server = recorded(loras=broken, txt2img=lambda _: httpx.Response(200, json=drawn))

    with_lora = names.unchecked(cat(loras=(Lora(name="mug", weight=0.5),)), server.client().capabilities)
    plain = server.client().txt2img(cat())

    assert [("list of loras" in x, "'mug'" in x) for x in with_lora] == [(True, True)]
    assert not any("list of" in notice for notice in plain.notices)


def test_a_list_that_ends_in_the_middle_is_an_error_of_ours(recorded):
    with pytest.raises(AnswerError, match="entry 2 is not whole"):
        recorded(loras=broken).client().service.loras()
