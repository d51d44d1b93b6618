"""Orders that come as files: taken, and amended by another file once it was shown what that changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from page import PATIENCE_SECONDS, Page, longer_texts, screen, until_served
from selenium.webdriver import Chrome

from benches.brokers import free_port
from benches.station_bench import Bench, order_csv
from benches.station_daemon import running_daemon
from station.people.operators import Operators, PersonRole

pytestmark = pytest.mark.browser
PIN = "24681357"


@pytest.mark.timeout(PATIENCE_SECONDS * 20)
async def test_an_order_is_taken_from_its_file_and_amended_as_it_was_shown(
    bench: Bench, browser: Chrome, pictures: Path, tmp_path: Path
) -> None:
    desk, port, page = tmp_path / "desk.sock", free_port(), Page(browser)
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, desk_socket=str(desk))
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    operators.set_pin(operators.pseudonym_of("Sue", PersonRole.SUPERVISOR), PIN)
    first, second, third = (bench.hub() for _ in range(3))
    file, nonsense = tmp_path / "WO-2.csv", tmp_path / "nonsense.csv"
    file.write_bytes(order_csv(first, second, order="WO-2"))
    nonsense.write_text("neither heading nor hub")
    taking, amending = "[data-request=import_order]", "[data-request=revise_order]"

    async def sign(form: str, button: str, kind: str) -> None:
        await page.fill(f"{form} [name=pin]", PIN)
        await page.press(f"{form} {button}", kind)

    with screen(desk, port) as process:
        await until_served(port)
        async with running_daemon(settings):
            await page.open(port, "/orders")
            await page.fill(f"{taking} [type=file]", file)
            await page.press(f"{taking} [type=submit]", "refused")  # nobody has said who they are
            await page.fill(f"{taking} [type=file]", nonsense)
            await page.fill(f"{taking} [name=by]", "Sue")
            await sign(taking, "[type=submit]", "refused")
            assert await page.script("return document.querySelector('.problems li').textContent !== ''")
            await page.fill(f"{taking} [type=file]", file)
            await sign(taking, "[type=submit]", "taken")
            await page.until("location.search === '?order=WO-2'")

            file.write_bytes(order_csv(first, third, order="WO-2"))
            await page.fill(f"{amending} [type=file]", file)
            await page.fill(f"{amending} [name=by]", "Sue")
            await sign(amending, ".compare", "taken")
            shown = str(await page.script("return document.querySelector('.difference').innerText"))
            assert str(second.chf) in shown, shown
            assert str(third.chf) in shown, shown
            await page.pictures(pictures, "order-amending")
            await page.axe("order-amending")
            file.write_text("what was shown is what is signed for")
            await page.fill(f"{amending} [name=reason]", "one hub for another")
            await sign(amending, "[type=submit]", "taken")
            await page.until(
                "document.querySelector('.answer').textContent.startsWith('order WO-2 is revision 2 now')"
            )
            await page.until(
                "document.querySelector('main').innerText.includes(arguments[0])", str(third.chf)
            )
        longer = settings.model_copy(update={"language": str(longer_texts(tmp_path / "long.toml"))})
        async with running_daemon(longer):
            await page.open(port, "/orders/show?order=WO-2")
            await page.until_loaded("document.querySelector('h2').textContent.includes('ee')")
            file.write_bytes(order_csv(second, third, order="WO-2"))
            await page.fill(f"{amending} [type=file]", file)
            await page.fill(f"{amending} [name=by]", "Sue")
            await sign(amending, ".compare", "taken")
            await page.pictures(pictures, "order-amending-longer")
        process.terminate()
