"""Which addresses git may be given, and where their commits can be seen."""

from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.sources.gitaddress import Address, mask, without_password
from connectors.tests.repositories import Reader

REFUSED = [
    "",
    "relative/path",
    "~/shop",
    "ext::sh -c touch% /tmp/x",
    "fd::17",
    "host::x",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=touch",
    "-oProxyCommand=touch x@host:path",
    "ssh://-oProxyCommand=touch/x",
    "ssh://-oProxyCommand=touch@host/x",
    "ssh://host/x\nfetch",
    "ftp://host/x",
    "javascript://host/x",
    "https:///x",
    "https://ho st/x",
    "https://host:port/x",
    "https://host:99999/x",
    "https://[::1/x",
    "host:-x",
    "git@host:",
    "/shop\x00",
    "/" + "x" * 2_000,
    "https://user:password@host/x",
]


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_none_or_does_more_than_name_a_repository_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        Reader.of(text, tmp_path)
    assert set(refused.value.fields) == {"url"}
    assert "password@" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "repository", "commit"),
    [
        ("https://github.com/acme/shop.git", "shop", "https://github.com/acme/shop/commit/abc"),
        ("https://github.com/acme/shop/", "shop", "https://github.com/acme/shop/commit/abc"),
        ("git@github.com:acme/shop.git", "shop", "https://github.com/acme/shop/commit/abc"),
        ("ssh://git@git.example.org:2222/acme/shop.git", "shop", "https://git.example.org/acme/shop/commit/abc"),
        ("http://gitea.local:3000/acme/shop", "shop", "http://gitea.local:3000/acme/shop/commit/abc"),
        ("https://gitlab.com/a/b/shop.git", "shop", "https://gitlab.com/a/b/shop/-/commit/abc"),
        ("https://x-token-auth@bitbucket.org/acme/shop", "shop", "https://bitbucket.org/acme/shop/commits/abc"),
        ("https://[::1]:8443/acme/shop", "shop", "https://[::1]:8443/acme/shop/commit/abc"),
        ("git://git.example.org/acme/shop.git", "shop", ""),
        ("host:shop", "shop", ""),
        ("/srv/git/shop.git", "shop", ""),
        ("/home/ada/shop/.git", "shop", ""),
        ("/home/ada/my shop/", "my shop", ""),
        ("file:///srv/my%20shop.git", "my shop", ""),
        ("/", "repository", ""),
    ],
)
def test_an_address_tells_the_name_of_the_repository_and_the_page_of_a_commit(
    text: str, repository: str, commit: str
) -> None:
    address = Address.parse(text)
    assert (address.repository, address.commit_page("abc")) == (repository, commit)


@pytest.mark.parametrize(
    ("text", "address", "password"),
    [
        ("https://ada:s%40cret@host/x", "https://ada@host/x", "s@cret"),
        ("https://:token@host/x", "https://host/x", "token"),
        ("https://ada@host/x", "https://ada@host/x", ""),
        ("https://host/x:y@z", "https://host/x:y@z", ""),
        ("git@host:x", "git@host:x", ""),
        ("/srv/shop", "/srv/shop", ""),
    ],
)
def test_a_password_can_be_taken_out_of_an_address(text: str, address: str, password: str) -> None:
    assert without_password(text) == (address, password)


def test_names_and_passwords_are_masked_wherever_git_repeats_an_address() -> None:
    said = "unable to access 'https://ada:secret@host/x/': see http://token@host/"
    assert mask(said) == "unable to access 'https://host/x/': see http://host/"
