"""A notice arrives where a URL says, or it is told why not, without the URL."""

from collections.abc import Iterator

import pytest
from apprise.plugins.telegram import NotifyTelegram

from core.settings import SettingsError
from ops.alerting import delivery
from ops.alerting.notices import Notice
from ops.alerting.places import hidden, places, split
from ops.local.ports import free_port
from tests.ops.alerting.peers import Bot, Mailbox, telegram

TOKEN = "123456789:abcdefghijklmnopqrstuvwxyz0123456789"
NOTICE = Notice("Tapefarm on here: critical: disk-full /data", "97 % of <b>8</b> GiB are in use\nwhat to do: disk-full.md", "critical")


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    with telegram() as api:
        # Its host stands in the class, and no URL can change it.
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{api.port}/bot")
        yield api


def test_a_mail_arrives_as_it_was_written(mails: Mailbox) -> None:
    assert delivery.send(mails.url, NOTICE) == [delivery.Result("1 (mailto)", "")]
    ((subject, text),) = mails.mails
    assert subject == NOTICE.title
    assert text.strip() == NOTICE.body


def test_telegram_is_told_with_the_token_and_the_chat(bot: Bot) -> None:
    assert delivery.send(f"tgram://{TOKEN}/4711", NOTICE) == [delivery.Result("1 (tgram)", "")]
    ((path, body),) = bot.asked
    assert path == f"/bot{TOKEN}/sendMessage"
    assert str(body["chat_id"]) == "4711"
    assert "Tapefarm on here: critical: disk-full /data" in body["text"]
    assert "97 % of &lt;b&gt;8&lt;/b&gt; GiB" in body["text"], "what is not markup does not become one"


def test_each_place_is_told_by_itself_and_what_failed_is_named(mails: Mailbox, bot: Bot) -> None:
    bot.status = 401
    mail, chat = delivery.send(f"{mails.url}, tgram://{TOKEN}/4711", NOTICE)
    assert (mail.place, mail.why, len(mails.mails)) == ("1 (mailto)", "", 1)
    assert chat.place == "2 (tgram)" and "Unauthorized" in chat.why
    assert TOKEN not in chat.why and "abcdef" not in chat.why


def test_only_the_places_asked_for_are_told(mails: Mailbox) -> None:
    urls = f"json://127.0.0.1:{free_port()}/ {mails.url}"
    assert [result.place for result in delivery.send(urls, NOTICE, ["2 (mailto)"])] == ["2 (mailto)"]
    assert len(mails.mails) == 1


def test_a_mail_server_that_refuses_or_is_away_is_told_without_the_password(mails: Mailbox) -> None:
    mails.refuses = "550 farmer, your hunter22 is known to everybody"
    away = mails.url.replace(str(mails.port), str(free_port()))
    for url, why in ((mails.url, "550"), (away, "refused"), (mails.url.replace("hunter22", "hunter33"), "535")):
        (result,) = delivery.send(url, NOTICE)
        assert why in result.why, result.why
        assert not [secret for secret in ("hunter", "farmer") if secret in result.why], result.why


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ("json://127.0.0.1/ nosuch://secret@host", "the URL number 2 is none that Apprise can send to"),
        ("tgram://secret", "the URL number 1 is none"),
        ("secret", "the URL number 1 is none"),
        ("jsons://127.0.0.1/?verify=no", "turns the check of certificates off"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_by_its_number(urls: str, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match=sentence) as refused:
        delivery.check(urls)
    assert "secret" not in str(refused.value) + "".join(capfd.readouterr())


def test_urls_stand_apart_by_commas_and_spaces_and_keep_their_own() -> None:
    urls = "mailto://a:b@h.org?to=x@h.org,y@h.org, tgram://t/1\n json://h/ "
    assert split(urls) == ["mailto://a:b@h.org?to=x@h.org,y@h.org", "tgram://t/1", "json://h/"]
    assert list(places(urls)) == ["1 (mailto)", "2 (tgram)", "3 (json)"]
    assert split("") == split(" , ") == []


def test_what_a_url_is_made_of_is_hidden_but_for_the_host() -> None:
    urls = "mailtos://me:p%40ssw0rd@mail.example.org?to=you@example.net"
    assert hidden("me/p@ssw0rd (p%40ssw0rd) at mail.example.org", urls) == "me/… (…) at mail.example.org"
