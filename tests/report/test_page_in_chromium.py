"""report.html in a real browser: Debian's chromium, driven by Playwright, opened from the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from prodgen import files
from prodgen.report import PlaceFacts, RunFacts, write_report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]  # a browser starts slowly on a busy machine

HOSTILE = "</script><img src=x onerror=window.hacked=1><svg onload=window.hacked=1>"
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

THUMBNAILS = {"before": "t-before.jpg", "after": "t-after.jpg"}

NAMELESS = """() => [...document.querySelectorAll("button, input, select, a[href], summary")]
  .filter((one) => one.checkVisibility() && !(one.getAttribute("aria-label") || one.innerText).trim())
  .map((one) => one.outerHTML)"""

FAINT = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (one) => {
    const color = parts(getComputedStyle(one).backgroundColor);
    if (color.length === 3 || color[3] > 0.5) { return color; }
    return one.parentElement ? ground(one.parentElement) : [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.disabled
      && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => { const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))];
      return [one.className || one.tagName, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]; })
    .filter((pair) => pair[1] < 4.5);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as engine:
        # A container has no user namespaces for the sandbox; the pages are our own.
        browser = engine.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report of rows; what went wrong on the page is in `page.said`."""
    contexts = []

    def go(rows, *, size=DESKTOP, anchor="", run=None, **options):
        write_report(tmp_path, rows, title="spring.xlsx", run=run)
        for name in THUMBNAILS.values():
            picture(tmp_path, name)
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri() + anchor)
        return page

    yield go
    for context in contexts:
        context.close()


def catalogue(row, count=3000):
    """Many rows; every tenth warns, one fails, one was not made."""
    for n in range(count - 2):
        yield row(
            f"P{n:05}",
            status="pass" if n % 10 else "warn",
            prompt=f"product {n} on a table",
            **THUMBNAILS,
        )
    yield row("FAILS", status="fail", reasons=("the print changed",), **THUMBNAILS)
    yield row("LOST", failure={"kind": "ImageError", "reason": "'LOST.jpg' does not exist", "whose": "row"})


def skus(page):
    return page.locator("article .sku").all_inner_texts()


def picture(folder, name):
    files.save(folder / name, np.full((30, 40, 3), 0.5, np.float32))


def test_only_what_is_near_the_screen_is_in_the_page(opened, row):
    page = opened(catalogue(row))

    assert 5 < page.locator("article").count() < 60
    assert page.locator("#list").bounding_box()["height"] > 3000 * 50
    assert page.said == []


def test_the_worst_comes_first_and_other_orders_can_be_chosen(opened, row):
    rows = [
        row("b", status="warn", identity={"detail": 0.7}),
        row("c", status="warn", identity={"detail": 0.5}),
        row("a10", finished_at=30.0),
        row("a9", finished_at=99.0),
        row("d", status="fail"),
        row("e", failure={"kind": "ImageError", "reason": "gone", "whose": "row"}),
    ]
    page = opened(rows)

    assert skus(page) == ["e", "d", "c", "b", "a10", "a9"]
    page.locator("#sort").select_option("sku")
    assert skus(page) == ["a9", "a10", "b", "c", "d", "e"]
    page.locator("#sort").select_option("sheet")
    assert skus(page) == ["b", "c", "a10", "a9", "d", "e"]


def test_scrolling_to_the_end_never_shows_an_empty_window(opened, row):
    page = opened(catalogue(row))
    empty = page.evaluate(
        """async () => {
          let empty = 0;
          const end = document.documentElement.scrollHeight - innerHeight;
          for (let step = 0; step <= 30; step += 1) {
            scrollTo(0, end * step / 30);
            await new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
            const there = document.elementFromPoint(innerWidth / 2, innerHeight - 60);
            if (scrollY > 400 && !there.closest("article")) { empty += 1; }
          }
          return empty;
        }"""
    )

    assert empty == 0
    assert skus(page)[-1] == "P02997"


def test_totals_are_filters_and_the_search_looks_into_reasons(opened, row):
    page = opened(catalogue(row, 500))

    assert page.locator("#filters button").all_inner_texts() == [
        "all\n500",
        "pass\n448",
        "warn\n50",
        "fail\n1",
        "not made\n1",
    ]
    page.locator("[data-filter=fail]").click()
    assert skus(page) == ["FAILS"]
    assert page.locator("#count").inner_text() == "Showing 1 of 500"
    page.locator("[data-filter=all]").click()
    page.locator("#search").fill("does NOT exist")
    page.locator("#count", has_text="Showing 1 of 500").wait_for()
    assert skus(page) == ["LOST"]
    page.locator("#search").fill("nowhere")
    page.locator("#reset").click()
    assert len(skus(page)) > 4


def test_names_and_prompts_from_outside_run_nothing(opened, row):
    rows = [
        row(HOSTILE, prompt=HOSTILE, headline=HOSTILE, reasons=(HOSTILE,), place=HOSTILE, slot=HOSTILE),
        row("b", failure={"kind": HOSTILE, "reason": HOSTILE, "whose": "row"}),
    ]
    page = opened(rows, run=RunFacts(why=HOSTILE, places=(PlaceFacts(HOSTILE, 1),)))
    assert HOSTILE in page.locator("article .sku").all_text_contents()
    for details in page.locator("details:visible summary").all():
        details.click()
    page.locator(".open").first.click()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    page.locator("[data-view=sheet]").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0
    assert page.locator(".sku", has_text=HOSTILE).count() >= 1
    assert page.evaluate("document.querySelector('svg')") is None


def test_long_mixed_and_right_to_left_texts_keep_the_row_as_high_as_the_others(opened, row):
    rows = [
        row("مرحبا-9", prompt="شاي على طاولة"),
        row("👩‍🎨🫖", prompt="🫖" * 2500),
        row("x" * 300, prompt="word " * 1000),
    ]
    page = opened(rows, size=PHONE)

    heights = {round(box["height"]) for box in (one.bounding_box() for one in page.locator("article").all())}
    assert len(heights) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_nothing_is_fetched_but_the_runs_own_files(opened, row, tmp_path):
    for name in ("a/b.png", "thumbnails/ab/a-before.jpg", "thumbnails/ab/a-after.jpg"):
        picture(tmp_path, name)
    page = opened([row("a", output="a/b.png", photo="https://shop.example/a.jpg")])
    page.locator(".open").click()
    page.wait_for_function("document.querySelector('dialog .after').src.endsWith('b.png')")

    assert all(url.startswith(tmp_path.as_uri()) for url in page.asked)
    assert page.said == []


@pytest.mark.parametrize("name", ["a b#c?d%41&e.png", "grün/ü — é.png", "'\"<b>.png", "colon:name.png"])
def test_links_lead_to_files_of_any_name(opened, row, tmp_path, name):
    picture(tmp_path, name)
    page = opened([row("a", output=name, before="", after=name)])

    page.locator("article .after").evaluate("(one) => one.decode()")
    with page.expect_navigation() as gone:
        page.locator("article .file").click()
    assert gone.value.status == 200


@pytest.mark.skipif(os.name == "nt", reason="names on Windows are Unicode")
def test_links_lead_to_files_whose_name_is_no_text(opened, row, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    picture(tmp_path, name)
    page = opened([row("a", output=name, before="", after=name)])

    page.locator("article .after").evaluate("(one) => one.decode()")


def test_the_slider_is_moved_by_keys_and_by_dragging(opened, row, tmp_path):
    picture(tmp_path, "thumbnails/ab/a-before.jpg")
    picture(tmp_path, "thumbnails/ab/a-after.jpg")
    page = opened([row("a")])
    slider, clip = page.locator("article input"), "(one) => getComputedStyle(one).clipPath"

    slider.focus()
    page.keyboard.press("End")
    assert page.locator("article .after").evaluate(clip) == "inset(0px 0px 0px 100%)"
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.up()
    assert page.locator("article .after").evaluate(clip) == "inset(0px 0px 0px 25%)"


def test_the_slider_is_moved_by_a_finger(opened, row):
    page = opened([row("a")], size=PHONE, is_mobile=True, has_touch=True)
    box = page.locator("article input").bounding_box()

    page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + 30)

    assert abs(int(page.locator("article input").input_value()) - 80) <= 2


def test_the_large_view_goes_from_picture_to_picture_and_can_be_linked_to(opened, row, tmp_path):
    rows = [row("a", status="fail"), row("b", status="warn", reasons=("look at its print",)), row("c")]
    page = opened(rows, anchor="#b%2Fkitchen%2F1")
    title = page.locator("#compare-title bdi")

    assert title.inner_text() == "b"
    assert "look at its print" in page.locator("dialog .right").inner_text()
    page.keyboard.press("j")
    assert title.inner_text() == "c"
    assert page.locator("#next").is_disabled()
    page.locator("#previous").click()
    page.keyboard.press("k")
    assert title.inner_text() == "a"
    assert page.url.endswith("#a%2Fkitchen%2F1")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_numbers_are_judged_in_the_page_as_prodgen_judges_them(opened, row):
    numbers = {"delta_e_mean": 4.0, "detail": 0.5, "outline_growth_percent": -3.0, "light_kept": 0.9}
    page = opened([row("a", status="fail", identity=numbers)])
    page.locator(".open").click()

    cells = [line.locator("td").all_inner_texts() for line in page.locator("dialog tbody tr").all()]
    assert {line[0]: line[4] for line in cells} == {
        "colour": "warn",
        "detail": "fail",
        "outline growth": "fail",
        "light kept": "pass",
    }


def test_what_is_wrong_is_told_as_facts_and_the_advice_for_the_terminal_on_request(opened, row):
    advice = "the product's surface has other detail: try --strength"
    cut_out = {"score": 0.81, "status": "warn"}
    page = opened([row("a", status="fail", identity={"detail": 0.5}, cut_out=cut_out, reasons=(advice,))])

    told = page.locator("article .reasons").inner_text()
    assert told == "the cut-out is right with a probability of 81 % · detail 0.5, below 0.55"
    page.locator(".open").click()
    assert not page.get_by_text("try --strength").last.is_visible()
    page.locator("dialog summary").click()
    assert page.locator("dialog li", has_text="try --strength").is_visible()


def test_a_slot_that_is_the_sku_is_not_said_twice(opened, row):
    page = opened([row("a", slot="a"), row("b", slot="b/kitchen/2"), row("c", slot="other")])

    assert page.locator("article .slot").all_inner_texts() == ["", "kitchen/2", "other"]


def test_a_phone_tells_the_pictures_of_one_product_apart_and_cuts_no_sku_for_it(opened, row):
    rows = [row("4006381333931", slot=f"4006381333931/a long table in a kitchen/{one}") for one in (1, 2)]
    page = opened(rows, size=PHONE)

    assert page.locator("article .slot").first.is_visible()
    assert page.locator("article .sku").evaluate_all(
        "all => all.every((one) => one.scrollWidth <= one.clientWidth)"
    )


def test_the_head_says_when_pictures_were_made_where_the_last_run_made_none(opened, row):
    rows = [row("a", finished_at=1_795_000_000.0), row("b", finished_at=1_795_007_200.0)]
    page = opened(
        rows, run=RunFacts(1_795_100_000.0, 1_795_100_000.2, "complete"), timezone_id="UTC", locale="en-GB"
    )

    assert (
        "2 pictures of 2 · made 18 Nov 2026, 11:06–13:06 · complete"  # as the language writes a range
        in page.locator("#run").inner_text()
    )
    page = opened(
        rows, run=RunFacts(1_795_000_000.0, 1_795_007_260.0, "deadline"), timezone_id="UTC", locale="en-GB"
    )
    assert (
        page.locator("#run").inner_text().endswith("18 Nov 2026, 11:06, 2 h 1 min · stopped at its deadline")
    )


def test_a_picture_that_is_gone_is_said(opened, row):
    page = opened([row("a")])
    page.locator(".open").click()

    page.locator("dialog .tag", has_text="the picture is not in its place").wait_for()


def test_the_contact_sheet_keeps_the_pictures_of_a_product_together(opened, row):
    rows = [row("two", slot=f"two/{n}") for n in range(3)] + [row(f"one{n}") for n in range(4)]
    page = opened(rows)
    page.locator("#sort").select_option("sheet")
    page.locator("[data-view=sheet]").click()

    assert page.locator(".head").all_inner_texts() == ["two\n3 pictures"]
    assert [line.locator(".tile").count() for line in page.locator(".tiles").all()] == [3, 4]
    page.locator(".tile").nth(5).click()
    assert page.locator("#compare-title bdi").inner_text() == "one2"


def test_what_stands_out_side_by_side_is_named_and_can_be_opened(opened, row):
    usual = {"fill": 0.6, "exposure_l": 62.0, "warmth_b": 3.0, "product_stops": 0.1}
    page = opened([*(row(f"P{n}") for n in range(8)), row("DARK", look={**usual, "exposure_l": 25.0})])

    page.locator("[data-filter=outlier]").click()
    assert skus(page) == ["DARK"]
    page.locator("#side summary").click()
    page.locator("#side button", has_text="DARK").click()
    assert "lightness of the scene 25 L*, typically 62 L*" in page.locator("dialog .right").inner_text()


def test_why_rows_were_not_made_leads_to_them(opened, row):
    page = opened(catalogue(row, 40))
    page.locator("#why summary").click()

    assert "'LOST.jpg' does not exist" in page.locator("#why").inner_text()
    page.locator("#why button").click()
    assert skus(page) == ["LOST"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_has_a_name_and_can_be_read(opened, row, scheme, size):
    page = opened(
        catalogue(row, 60),
        size=size,
        color_scheme=scheme,
        run=RunFacts(1.0, 9000.0, "complete", (PlaceFacts("box", 3),)),
    )
    page.locator("#why summary").click()

    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(FAINT) == []
    page.locator(".open").nth(1).click()
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


def test_the_keyboard_alone_gets_from_the_search_to_a_picture_and_down_the_list(opened, row):
    page = opened(catalogue(row, 400))
    page.locator("#search").focus()
    for _ in range(80):
        page.keyboard.press("Tab")
    page.wait_for_timeout(50)

    focused = page.evaluate("document.activeElement.closest('article')?.getAttribute('aria-posinset')")
    assert int(focused) > 15
    assert page.evaluate("document.activeElement.getBoundingClientRect().bottom <= innerHeight + 1")


def test_a_browser_without_scripts_shows_the_first_500_rows(opened, row):
    page = opened(catalogue(row, 600), java_script_enabled=False)

    assert page.locator("noscript tbody tr").count() == 500
    assert "500 of 600" in page.locator("noscript p").inner_text()


def test_on_paper_is_what_was_chosen(opened, row):
    page = opened(catalogue(row, 60))
    page.locator("[data-filter=warn]").click()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.locator("#print tbody tr").count() == 6
    assert page.locator("#print").is_visible()
    assert not page.locator("#list").is_visible()
