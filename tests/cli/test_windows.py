"""A large one-shot at the command line: `once` opens the door and waits, and a lost window is asked for by a word."""

from pathlib import Path

from tests.system.house import House
from tests.system.mail import free_port
from tests.system.process import Vendor

INBOX = """
[webhooks]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
"""


def test_once_alone_and_a_word_beside_a_daemon(tmp_path: Path) -> None:
    """Exit 1 while a window is missing, with the command; that is carried out by the daemon, and then all is here."""
    with Vendor.open(properties=120) as vendor:
        house = House(tmp_path / "house", vendor.url, furnished=True)
        house.config.write_text(house.config.read_text() + INBOX.format(port=free_port()))
        house.job("bulk", kind="one_shot", records=100, async_above=0)
        vendor.turn("fates", {"next": ["failed"]})
        once = house.say("once bulk")
        assert (once.code, len(once.logged("window.failed"))) == (1, 1)
        assert "`leadsync resume bulk --ask-again`" in once.out
        assert "1 asked, 0 arrived, 1 failed; $0.00; `leadsync resume bulk --ask-again`" in house.say("status").out
        with house.daemon() as daemon:
            assert daemon.saw("door.opened")
            assert "asks for one window again" in house.say("resume bulk --ask-again").out
            assert daemon.saw("run.ended", job="bulk", outcome="complete")
            assert house.say("resume bulk --ask-again").code == 2
        assert house.say("once bulk").code == 0
        assert len(list(house.exported())) == vendor.bill()["records"] == 100
