from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prodgen.engines.diffusers import model_folder
from prodgen.engines.diffusers.model_folder import ModelFolder
from prodgen.errors import ModelFileError
from prodgen.server.engine import ModelFile


@pytest.fixture
def models(models_folder, tmp_path) -> Path:
    """A copy that may be changed, without what is known of its files, which are links."""
    copy, without = tmp_path / "models", shutil.ignore_patterns(".*")
    shutil.copytree(models_folder, copy, ignore=without, copy_function=lambda a, b: Path(b).symlink_to(a))
    return copy


def names(files: tuple[ModelFile, ...]) -> dict[str, str]:
    return {file.name: file.family for file in files}


def test_every_kind_of_file_is_listed_with_its_family(models):
    folder = ModelFolder(models)

    assert names(folder.checkpoints) == {
        "tiny-inpainting": "sd15",
        "tiny-sd15": "sd15",
        "tiny-sd21": "sd21",
        "tiny-sdxl": "sdxl",
        "tiny-sdxl-turbo": "sdxl-turbo",
    }
    assert names(folder.loras) == {"tiny-lora": "", "tiny-xl-lora": "sdxl"}
    assert [file.name for file in folder.vaes] == ["tiny-vae"]
    assert [file.name for file in folder.embeddings] == ["tiny-words"]
    assert [file.name for file in folder.controlnets] == ["tiny-canny"]
    assert [file.name for file in folder.upscalers] == ["tiny-x4"]
    assert folder.ic_light == {
        "FC": models / "ic-light/tiny-fc.safetensors",
        "FBC": models / "ic-light/tiny-fbc.safetensors",
    }
    assert folder.skipped == ()


def test_a_checkpoint_that_can_be_relit_comes_first_and_one_for_inpainting_last(models):
    (models / "Stable-diffusion/tiny-sd15.safetensors").rename(models / "Stable-diffusion/zebra.safetensors")

    listed = [file.name for file in ModelFolder(models).checkpoints]

    assert (listed[0], listed[-1]) == ("zebra", "tiny-inpainting")
    assert listed[1:-1] == sorted(listed[1:-1])


def test_a_checkpoint_s_digest_is_the_file_s_sha256_and_its_path_is_known(models):
    folder = ModelFolder(models)
    found = next(file for file in folder.checkpoints if file.name == "tiny-sd15")

    assert found.sha256 == hashlib.sha256(folder.path_of(found).read_bytes()).hexdigest()
    assert folder.path_of(found) == models / "Stable-diffusion/tiny-sd15.safetensors"


def test_a_lora_shows_what_its_trainer_wrote(models):
    assert ModelFolder(models).loras[0].metadata["ss_output_name"] == "tiny-lora"


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of files that were read for their hashes."""
    names: list[str] = []
    real = model_folder.sha256
    monkeypatch.setattr(model_folder, "sha256", lambda path: (names.append(path.name), real(path))[1])
    return names


def test_listing_reads_no_file_for_its_hash(models, read):
    folder = ModelFolder(models)

    assert read == []
    assert [file.known_sha256 for file in folder.checkpoints] == [None] * 5
    assert [file.title for file in folder.checkpoints] == [file.name for file in folder.checkpoints]


def test_a_file_is_hashed_once_until_it_changes(models, read):
    folder = ModelFolder(models)
    lora = folder.loras[0]
    assert lora.sha256 == lora.sha256
    assert read == ["tiny-lora.safetensors"]

    assert ModelFolder(models).loras[0].known_sha256 == lora.sha256
    folder.refresh()
    assert folder.path_of(lora) == models / "Lora/tiny-lora.safetensors"

    path = models / "Lora/tiny-lora.safetensors"
    path.unlink()
    shutil.copyfile(models / "Lora/tiny-xl-lora.safetensors", path)
    folder.refresh()
    assert folder.loras[0].known_sha256 is None
    assert folder.loras[0].sha256 == ModelFolder(models).loras[1].sha256 != lora.sha256
    with pytest.raises(ModelFileError):
        folder.path_of(lora)


def refuse_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a folder take no record, as one that may only be read."""
    real = Path.write_text

    def write(self: Path, *args: object, **kwargs: object) -> int:
        if self.parent == folder:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(Path, "write_text", write)


def test_hashes_of_a_folder_that_may_only_be_read_are_kept_in_the_user_s_cache(
    models, read, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    refuse_in(models, monkeypatch)
    first = ModelFolder(models).checkpoints[0].sha256

    assert ModelFolder(models).checkpoints[0].known_sha256 == first
    assert read == ["tiny-sd15.safetensors"]
    assert [path.name for path in (tmp_path / "cache").rglob("*.json")] == [".prodgen-weights.json"]


def test_without_a_home_hashes_are_read_again(models, read, monkeypatch):
    def nobody(_: Path) -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nobody)
    refuse_in(models, monkeypatch)

    assert ModelFolder(models).checkpoints[0].sha256 == ModelFolder(models).checkpoints[0].sha256
    assert len(read) == 2


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_without_models_there_is_nothing_and_no_error(folder, tmp_path):
    (tmp_path / "empty").mkdir()

    found = ModelFolder(tmp_path / folder)

    assert (found.checkpoints, found.loras, found.ic_light, found.skipped) == ((), (), {}, ())


def test_the_usual_folder_is_the_one_that_the_environment_names(models, monkeypatch):
    monkeypatch.setenv("PRODGEN_MODELS", str(models))

    assert ModelFolder().root == models


def test_names_are_a1111_s(models):
    sub = models / "Stable-diffusion/photo"
    sub.mkdir()
    (models / "Stable-diffusion/tiny-sd15.safetensors").rename(sub / "mug.v2.safetensors")
    (models / "Lora/style").mkdir()
    (models / "Lora/tiny-lora.safetensors").rename(models / "Lora/style/soft.v1.safetensors")

    folder = ModelFolder(models)

    assert "photo_mug.v2" in names(folder.checkpoints)
    assert "soft.v1" in names(folder.loras)


def test_what_is_left_out_is_named_with_the_reason(models):
    checkpoints = models / "Stable-diffusion"
    (checkpoints / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    (checkpoints / "cut.safetensors").write_bytes(b"\x10")
    (checkpoints / "a-lora.safetensors").symlink_to(models / "Lora/tiny-lora.safetensors")
    (checkpoints / "loop.safetensors").symlink_to(checkpoints / "loop.safetensors")
    (models / "Lora/again").mkdir()
    (models / "Lora/again/tiny-lora.safetensors").symlink_to(models / "Lora/tiny-xl-lora.safetensors")
    (models / "VAE/lora.safetensors").symlink_to(models / "Lora/tiny-lora.safetensors")
    (models / "ic-light/lora.safetensors").symlink_to(models / "Lora/tiny-lora.safetensors")
    (models / "ControlNet/lora.safetensors").symlink_to(models / "Lora/tiny-lora.safetensors")
    (checkpoints / "readme.txt").write_text("not a model")

    folder = ModelFolder(models)

    reasons = {skipped.path.relative_to(models).as_posix(): skipped.reason for skipped in folder.skipped}
    expected = {
        "Stable-diffusion/old.ckpt": "pickle",
        "Stable-diffusion/cut.safetensors": "cut off",
        "Stable-diffusion/a-lora.safetensors": "a LoRA: it belongs in the folder Lora",
        "Stable-diffusion/loop.safetensors": "cannot be read",
        "Lora/tiny-lora.safetensors": "has its name already",
        "VAE/lora.safetensors": "no VAE",
        "ic-light/lora.safetensors": "no IC-Light",
        "ControlNet/lora.safetensors": "no ControlNet",
    }
    expected["Lora/again/tiny-lora.safetensors"] = expected.pop("Lora/tiny-lora.safetensors")
    assert reasons.keys() == expected.keys()
    for path, part in expected.items():
        assert part in reasons[path]


def test_links_that_lead_in_circles_end(models):
    (models / "Stable-diffusion/again").symlink_to(models / "Stable-diffusion")

    assert len(ModelFolder(models).checkpoints) == 5


def test_a_file_that_is_not_listed_has_no_path(models):
    with pytest.raises(ModelFileError, match="refresh the list of models"):
        ModelFolder(models).path_of(ModelFile("other"))


def test_listing_models_needs_no_torch(models):
    code = (
        "import sys; from pathlib import Path;"
        "from prodgen.engines.diffusers.model_folder import ModelFolder;"
        f"assert ModelFolder(Path({str(models)!r})).checkpoints;"
        "assert not {'torch', 'diffusers', 'transformers', 'safetensors'} & sys.modules.keys()"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
