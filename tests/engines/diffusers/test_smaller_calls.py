"""A network that has no memory for all rows of a call is asked for fewer at a time."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from prodgen.engines.diffusers.cuda_graphs import UnetCaller
from prodgen.engines.diffusers.guidance import NetworkInput


class SmallMemory:
    """A network that has memory for a few rows, and answers with what each row was given."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.asked: list[int] = []

    def __call__(self, latents, timestep, *, encoder_hidden_states, added_cond_kwargs, **residuals):
        self.asked.append(len(latents))
        if len(latents) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        answer = latents + encoder_hidden_states.mean(dim=(1, 2))[:, None, None, None]
        if added_cond_kwargs is not None:
            answer = answer + added_cond_kwargs["text_embeds"].mean(dim=1)[:, None, None, None]
        if residuals["mid_block_additional_residual"] is not None:
            answer = answer + residuals["mid_block_additional_residual"]
            answer = answer + residuals["down_block_additional_residuals"][0]
        return (answer,)


def a_call(rows: int, side: int = 8, *, is_steered: bool = False) -> NetworkInput:
    dice = torch.Generator().manual_seed(3)

    def some(*shape: int):
        return torch.randn(rows, *shape, generator=dice)

    steered = ((some(4, side, side),), some(4, side, side)) if is_steered else (None, None)
    return NetworkInput(some(4, side, side), 5.0, some(77, 3), some(6), *steered)


def called(network: SmallMemory, call: NetworkInput):
    return UnetCaller(network, with_graphs=False)(call)


@pytest.mark.parametrize("is_steered", [False, True])
def test_rows_that_do_not_fit_together_are_asked_for_one_by_one_and_none_is_mixed_up(is_steered):
    call = a_call(5, is_steered=is_steered)
    small = SmallMemory(1)

    torch.testing.assert_close(called(small, call), called(SmallMemory(5), call))
    assert small.asked == [5, 3, 2, 1, 1, 1, 1, 1]


def test_it_is_remembered_for_that_size_alone():
    network = SmallMemory(1)
    caller = UnetCaller(network, with_graphs=False)
    caller(a_call(2))
    caller(a_call(2))
    network.rows = 2
    caller(a_call(2, side=4))

    assert network.asked == [2, 1, 1, 1, 1, 2]


def test_one_row_that_does_not_fit_is_an_error():
    network = SmallMemory(0)
    with pytest.raises(torch.OutOfMemoryError):
        called(network, a_call(2))

    assert network.asked == [2, 1]
