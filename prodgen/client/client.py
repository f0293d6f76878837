"""A typed client of one backend: one method per way of making a picture.

Each takes a request, or its fields as keywords with everything but the essential left open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prodgen import files
from prodgen.client.knowledge import names, upscalers
from prodgen.client.session import Session
from prodgen.client.work import asking, results, upscaler_proof
from prodgen.client.work.calling import Call
from prodgen.files import PictureSource
from prodgen.images import RgbImage, resize
from prodgen.schema import (
    Enlargement,
    Generation,
    ICLight,
    Img2Img,
    Lora,
    Progress,
    Proof,
    Txt2Img,
    Upscale,
)

OnProgress = Callable[[Progress], None]
"""A function that is told how far a call is, about every half second, from another thread."""


class Client(Session):
    """A connection to one backend.

        from prodgen import Client

        with Client() as client:
            picture = client.txt2img(prompt="a wooden table by a window, morning light")
            picture.save("table.png")
            print(picture.seed, picture.image.shape)

            again = client.txt2img(prompt="a wooden table by a window, morning light", seed=picture.seed)
            larger = client.upscale(image=again.image)
            larger.save("table-large.png")

    One call at a time; a second thread waits for the first. Only `progress`, `interrupt` and
    questions may come in between.
    """

    def txt2img(
        self,
        request: Txt2Img | None = None,
        *,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        cfg_scale: float | None = None,
        sampler_name: str | None = None,
        scheduler: str | None = None,
        batch_size: int | None = None,
        checkpoint: str | None = None,
        loras: Sequence[Lora] | None = None,
        ic_light: ICLight | None = None,
        on_progress: OnProgress | None = None,
    ) -> Generation:
        """Draw from a prompt.

            client.txt2img(prompt="a bag").save("bag.png")

        Args:
            request: Everything that can be asked for, as one value; in place of the fields below.
            prompt: What to draw.
            negative_prompt: What to avoid.
            seed: Decides the picture; unset: drawn at random, and in the result.
            width: Pixels, a multiple of 8; unset: what the server's checkpoint was made for.
            height: Pixels, a multiple of 8; unset: what the server's checkpoint was made for.
            steps: Sampling steps; unset: 20, with IC-Light 25.
            cfg_scale: How closely the prompt is followed; unset: the server's own, usually 7.
            sampler_name: One of the server's samplers; unset: the server's own.
            scheduler: One of the server's noise schedules; unset: the sampler's own.
            batch_size: Pictures, with seed, seed + 1, ...; unset: one.
            checkpoint: One of the server's models, for this call; unset: the one it has loaded.
            loras: LoRAs of the server to apply.
            ic_light: A product to relight.
            on_progress: Called every half second from another thread while the server works.

        Returns:
            The pictures, with what provably ran.

        Raises:
            SettingError: If it names something that this server does not have; nothing was sent.
            UnsupportedFeatureError: If this kind of server cannot do it; nothing was sent.
            NotAppliedError: If something asked for did not run.
            BackendError: If the server fails or cannot be reached.
        """
        given = asking.given_fields(locals())
        asked = names.as_listed(asking.txt2img(request, given, self.capabilities), self.capabilities)
        with self._server.in_its_words():
            return self._drawer.draw(
                asked,
                lambda task_id: self.dialect.txt2img(asked, self.capabilities, task_id=task_id),
                on_progress,
            )

    def img2img(
        self,
        request: Img2Img | None = None,
        *,
        init_image: PictureSource | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        denoising_strength: float | None = None,
        inpaint_mask: PictureSource | None = None,
        seed: int | None = None,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        cfg_scale: float | None = None,
        sampler_name: str | None = None,
        scheduler: str | None = None,
        batch_size: int | None = None,
        checkpoint: str | None = None,
        loras: Sequence[Lora] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Generation:
        """Draw over a picture.

            client.img2img(init_image="bag.png", prompt="a red bag", denoising_strength=0.5).save("red.png")

        Args:
            request: Everything that can be asked for, as one value; in place of the fields below.
            init_image: The picture to start from: a path, bytes, a file object, an array, a Pillow picture.
            prompt: What to draw.
            negative_prompt: What to avoid.
            denoising_strength: 0 keeps the picture, 1 ignores it; unset: the server's own, 0.75.
            inpaint_mask: White where to repaint, of the same size; unset: everywhere.
            seed: Decides the picture; unset: drawn at random, and in the result.
            width: Pixels, a multiple of 8; unset: the init picture's, made smaller where the server's
                checkpoint is not made for so many.
            height: Pixels, a multiple of 8; unset: as for `width`.
            steps: Sampling steps; unset: 20.
            cfg_scale: How closely the prompt is followed; unset: the server's own, usually 7.
            sampler_name: One of the server's samplers; unset: the server's own.
            scheduler: One of the server's noise schedules; unset: the sampler's own.
            batch_size: Pictures, with seed, seed + 1, ...; unset: one.
            checkpoint: One of the server's models, for this call; unset: the one it has loaded.
            loras: LoRAs of the server to apply.
            on_progress: Called every half second from another thread while the server works.

        Returns:
            The pictures, with what provably ran.

        Raises:
            SettingError: If it names something that this server does not have; nothing was sent.
            ImageError: If a picture cannot be read; nothing was sent.
            UnsupportedFeatureError: If this kind of server cannot do it; nothing was sent.
            NotAppliedError: If something asked for did not run.
            BackendError: If the server fails or cannot be reached.
        """
        given = asking.given_fields(locals())
        asked = names.as_listed(asking.img2img(request, given, self.capabilities), self.capabilities)
        with self._server.in_its_words():
            return self._drawer.draw(
                asked,
                lambda task_id: self.dialect.img2img(asked, self.capabilities, task_id=task_id),
                on_progress,
            )

    def upscale(
        self,
        request: Upscale | None = None,
        *,
        image: PictureSource | None = None,
        upscaler_1: str | None = None,
        upscaling_resize: float | None = None,
        upscaling_resize_w: int | None = None,
        upscaling_resize_h: int | None = None,
        upscaling_crop: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> Enlargement:
        """Enlarge a picture with one of the server's upscalers.

        A server whose upscaler lacks its weights resizes by a formula under the upscaler's name. That is seen
        in the picture: an upscaler that was named is refused then, otherwise the next one is tried.

            client.upscale(image="bag.png").save("bag-large.png")

        Args:
            request: Everything that can be asked for, as one value; in place of the fields below.
            image: The picture: a path, bytes, a file object, an array, a Pillow picture. Its
                transparency does not go to the server; it is enlarged here.
            upscaler_1: One of the server's upscalers; unset: the best of them that works.
            upscaling_resize: Factor; unset, with no size given: 2.
            upscaling_resize_w: Pixels, together with `upscaling_resize_h`, in place of a factor.
            upscaling_resize_h: Pixels, together with `upscaling_resize_w`.
            upscaling_crop: With a size: cut what sticks out instead of leaving the result larger.
            on_progress: Called every half second from another thread while the server works.

        Returns:
            The picture, which upscaler made it, and how that is known.

        Raises:
            SettingError: If there is no such upscaler; nothing was sent.
            ImageError: If the picture cannot be read; nothing was sent.
            NotAppliedError: If the result is not larger as asked, or only resized by a formula.
            BackendError: If the server fails or cannot be reached.
        """
        given = asking.given_fields(locals())
        photo = None if image is None else files.load(image)
        asked = asking.upscale(
            request, given if photo is None else given | {"image": photo}, self.capabilities
        )
        names.check_upscale(asked, self.capabilities)
        is_named = request is not None or upscaler_1 is not None
        with self._server.in_its_words():
            picture, ran, proof, notices = self._enlarged(asked, is_named=is_named, on_progress=on_progress)
        alpha = asked.matte if photo is None else photo.matte
        matte = None if alpha is None else resize(alpha, picture.shape[1], picture.shape[0])
        return Enlargement(picture, ran, self.name, matte, proof, notices)

    def _enlarged(
        self, asked: Upscale, *, is_named: bool, on_progress: OnProgress | None
    ) -> tuple[RgbImage, str, Proof, tuple[str, ...]]:
        """Return the picture, the upscaler that provably made it, how that is known, and what to tell."""
        idle = self._server.idle_upscalers
        names_to_try = [asked.upscaler_1] if is_named else upscalers.in_turn(self.capabilities, without=idle)
        for name in names_to_try:
            attempt = asked.model_copy(update={"upscaler_1": name})
            payload = self.dialect.upscale(attempt)
            wanted_w, wanted_h = upscaler_proof.wanted_size(attempt)
            answer = self._drawer.do(Call(payload, "", int(4 * wanted_w * wanted_h), on_progress), [])
            what = "the enlarged picture"
            photo, is_lossless = results.single(self._connection, payload.path, answer, name=what)
            picture = photo.rgb
            upscaler_proof.check_enlarged(self.address, attempt, picture)
            proof = upscaler_proof.judge(attempt, picture, is_lossless=is_lossless)
            if proof is not None:
                return picture, name, proof, upscaler_proof.told(name, idle, is_named=is_named)
            idle.add(name)
        if is_named:
            raise upscaler_proof.only_resized(self.address, asked.upscaler_1, self.capabilities, without=idle)
        ran = upscalers.PLAIN
        return picture, ran, Proof("picture", 0.0), upscaler_proof.told(ran, idle, is_named=False)
