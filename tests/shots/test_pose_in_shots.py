"""What a shot makes of how the camera looked at its product: scene, words, shadow, reflection, story."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files, shadows
from prodgen.errors import IdleSettingError, SettingError
from prodgen.pose import FLOOR_BELOW_DEG, Pose, View
from prodgen.shots import Recipe, Result, Shot, check, new_shot, prepare, shoot
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, FinalScene, Placed
from prodgen.shots.seen_from import camera_words, contradiction, view_of
from prodgen.shots.stages import GroundStage

SIDE = 320


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A turned notebook on an even floor, and its matte: a flat lay by its right angles."""
    folder = tmp_path_factory.mktemp("flat")
    matte = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(matte, [cv2.boxPoints(((160, 160), (110, 150), 20)).astype(np.int32)], 255)
    soft = matte.astype(np.float32)[..., None] / 255
    shaded = (
        0.65 * (1 - 0.5 * cv2.GaussianBlur(np.roll(soft[..., 0], (-4, -5), (0, 1)), (0, 0), 4))[..., None]
    )
    photo = shaded * (1 - soft) + np.float32([0.7, 0.3, 0.2]) * soft
    files.save(folder / "notebook.png", photo.astype(np.float32))
    cv2.imwrite(str(folder / "matte.png"), matte)
    return folder


def shot_of(photos: Path, **fields: object) -> Shot:
    return new_shot(photos / "notebook.png", "on white linen", matte=photos / "matte.png", seed=3, **fields)


def frame_of(pose: Pose | None, prompt: str = "on linen", *, backdrop: bool = False) -> Frame:
    given = Placed.__new__(Placed)
    object.__setattr__(given, "backdrop", np.zeros((4, 4, 3), np.float32) if backdrop else None)
    frame = Frame().holding(Brief(prompt), given)
    return frame if pose is None else frame.holding(pose)


FLAT = Pose(84.0, 0.9, lies_flat=True)
UNKNOWN = Pose(57.0, 0.5, lies_flat=True)


def weave_at_top(picture: np.ndarray) -> float:
    """How much fine structure the topmost eighth of a picture has, compared with the lowest."""
    grey = picture.mean(axis=2)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 3))
    edge = len(grey) // 8
    return float(fine[:edge].mean() / fine[-edge:].mean())


def test_a_flat_lay_is_found_drawn_from_above_and_told(photos: Path):
    result = shoot(
        photos / "notebook.png", "on white linen", matte=photos / "matte.png", seed=3, backend="embedded://"
    )

    assert result.pose is not None
    assert result.pose.lies_flat
    assert "flat lay, seen from above, camera pitch" in result.origin.prompt
    told = result.story()["pose"]
    assert told["known"] is True
    assert told["pitch_deg"] > 75
    standing = shoot(
        shot_of(photos).photo,
        "on white linen",
        matte=photos / "matte.png",
        seed=3,
        pose=10,
        backend="embedded://",
    )
    # No horizon: the weave is as sharp at the top as at the bottom, where a table's end is out of focus.
    assert weave_at_top(result.image) > 0.6
    assert weave_at_top(standing.image) < 0.4


def test_what_is_said_goes_before_what_is_seen(photos: Path):
    prepared = prepare(shot_of(photos, pose="12"))

    pose = prepared.frame[Pose]

    assert (pose.pitch_deg, pose.is_said, pose.is_known) == (12.0, True, True)


def test_a_shot_keeps_its_pose_in_its_story_and_its_key(photos: Path):
    said, auto = shot_of(photos, pose="flat"), shot_of(photos)

    again = Shot.from_story(said.story(), photo=photos / "notebook.png", matte=photos / "matte.png")

    assert (again.pose, auto.pose) == ("flat", "auto")
    assert said.key != auto.key
    assert again.key == said.key


def test_an_unknown_pose_is_a_notice_and_leaves_scene_and_shadow_as_they_were():
    frame = frame_of(UNKNOWN)

    assert view_of(frame) is None
    assert camera_words(frame, with_degrees=True) == ""
    assert str(UNKNOWN).startswith("unknown")


def test_degrees_are_for_renderers_and_words_for_models():
    assert camera_words(frame_of(FLAT), with_degrees=False) == "flat lay, seen from above"
    assert (
        camera_words(frame_of(FLAT), with_degrees=True)
        == "flat lay, seen from above, camera pitch 84 degrees"
    )
    assert camera_words(frame_of(Pose(18.0, 0.9)), with_degrees=False) == ""


def test_a_background_of_the_users_gets_no_words_for_its_camera():
    assert camera_words(frame_of(FLAT, backdrop=True), with_degrees=True) == ""


def test_a_prompts_own_view_counts_where_the_photograph_shows_none():
    assert view_of(frame_of(UNKNOWN, "flat lay on linen")) == View(90.0, lies_flat=True)
    assert view_of(frame_of(Pose(12.0, 0.9), "flat lay on linen")) == View(12.0)


def test_a_prompt_that_contradicts_the_photograph_is_told():
    assert "12" in (contradiction(frame_of(Pose(12.0, 0.9), "flat lay on linen")) or "")
    assert contradiction(frame_of(FLAT, "flat lay on linen")) is None
    assert contradiction(frame_of(UNKNOWN, "flat lay on linen")) is None


@pytest.mark.parametrize("pose", ["sideways", "91", -3])
def test_a_pose_that_is_none_is_refused_when_the_shot_is_made(photos: Path, pose: object):
    with pytest.raises(SettingError, match="pose is auto, upright, flat"):
        shot_of(photos, pose=pose)


def flat_packshot(photos: Path, *, pose: str = "flat", **settings: object) -> Result:
    given = {"size": "300x300", "fill": 0.4, **settings}
    return shoot(
        photos / "notebook.png",
        matte=photos / "matte.png",
        recipe="packshot",
        pose=pose,
        settings=given,
        seed=1,
    )


def test_what_lies_flat_has_its_shadow_all_round_it_in_a_packshot_too(photos: Path) -> None:
    def dark_above(result: Result) -> float:
        placed = result.frame[Placed]
        box = placed.placement.box
        dark = 1 - result.frame[FinalScene].image.mean(axis=2)
        return float(dark[box.top - 12 : box.top, box.left : box.right].max())

    assert dark_above(flat_packshot(photos, shadow="contact")) > 0.05
    assert dark_above(flat_packshot(photos, pose="upright", shadow="contact")) < 0.02


def test_a_packshot_without_a_shadow_does_not_ask_for_the_pose(photos: Path) -> None:
    plain = shoot(photos / "notebook.png", matte=photos / "matte.png", recipe="packshot", seed=1)

    assert plain.pose is None
    assert "pose" not in plain.seconds
    assert flat_packshot(photos, shadow="contact").pose is not None
    with pytest.raises(IdleSettingError, match="no shadow to take it"):
        flat_packshot(photos)


def test_a_recipe_without_the_stage_has_no_pose(photos: Path) -> None:
    shot = new_shot(photos / "notebook.png", matte=photos / "matte.png", recipe="cutout", pose="flat")

    with pytest.raises(IdleSettingError, match="'cutout' has no stage 'pose'"):
        check(shot)


def ground_of(photos: Path, pose: Pose, stage: GroundStage) -> tuple[Frame, np.ndarray, np.ndarray]:
    frame = prepare(shot_of(photos, recipe=Recipe.load("relight").with_settings({"place": "original"}))).frame
    placed = frame[Placed]
    linen = np.full((*placed.matte.shape, 3), 0.7, np.float32)
    there = frame.holding(pose, FinalScene(linen), replace(placed, backdrop=linen))
    done = stage.apply(there, Tools(client=lambda: None))  # type: ignore[arg-type, return-value]
    return done, done[FinalScene].image.mean(axis=2) - 0.7, placed.matte


def test_what_lies_flat_has_its_shadow_all_round_and_what_stands_at_its_foot(photos: Path):
    stage = GroundStage()
    _, lying, matte = ground_of(photos, FLAT, stage)
    _, standing, _ = ground_of(photos, Pose(18.0, 0.9), stage)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    around = (cv2.dilate(matte, np.ones((9, 9))) > 0.01) & (matte < 0.01)
    sides = [around & side for side in (ys < 100, ys > 220, xs < 110, xs > 210)]

    assert all(lying[side].mean() < -0.05 for side in sides)
    assert standing[sides[0]].mean() > lying[sides[0]].mean() + 0.03
    # A slab's shadow is short: nothing lies a third of the product away.
    far = cv2.dilate(matte, np.ones((101, 101))) < 0.01
    assert lying[far].min() > -0.02
    assert standing[far].min() < -0.02


def test_the_usual_view_is_that_of_a_product_whose_view_is_unknown(photos: Path):
    _, unknown, _ = ground_of(photos, UNKNOWN, GroundStage())
    _, usual, _ = ground_of(photos, Pose(shadows.CAMERA_PITCH_DEG - FLOOR_BELOW_DEG, 0.9), GroundStage())

    np.testing.assert_allclose(unknown, usual, atol=1e-6)


def test_an_estimate_moves_the_shadow_only_beyond_its_tolerance_and_what_is_said_always(photos: Path):
    _, usual, _ = ground_of(photos, UNKNOWN, GroundStage())
    _, near, _ = ground_of(photos, Pose(20.0, 0.9), GroundStage())
    _, far, _ = ground_of(photos, Pose(35.0, 0.9), GroundStage())
    _, said, _ = ground_of(photos, Pose(20.0, 1.0, is_said=True), GroundStage())

    np.testing.assert_array_equal(near, usual)
    assert np.abs(far - usual).max() > 0.02
    assert np.abs(said - usual).max() > 0.02


def test_what_lies_flat_has_no_mirror_image_and_that_is_said(photos: Path):
    done, _, _ = ground_of(photos, FLAT, GroundStage(shadow="none", reflection=0.5))
    plain, change, _ = ground_of(photos, Pose(18.0, 0.9), GroundStage(shadow="none", reflection=0.5))

    assert any("reflection is without effect" in notice for notice in done.notices)
    assert np.abs(done[FinalScene].image - 0.7).max() < 1e-6
    assert not any("reflection" in notice for notice in plain.notices)
    assert np.abs(change).max() > 0.02


def test_a_floor_mirrors_more_the_flatter_it_is_seen():
    shares = [shadows.mirror_share(pitch) for pitch in (0, 10, 20, 45, 90)]

    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(1.0)
    assert shares[-1] == pytest.approx(0.04)
