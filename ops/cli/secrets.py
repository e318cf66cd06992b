"""`./farm secrets`: `.env` sealed by age, so that it may lie beside the code. No value of it is ever shown."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from core.private import read_private
from core.settings import ROOT
from ops.cli import environment
from ops.cli.console import err, out
from ops.cli.errors import Refused
from ops.envfile import editing, files, keys, names, sealed

app = typer.Typer(
    no_args_is_help=True,
    help="Keep passwords and keys encrypted beside the code.\n\nAs the age program does it: `.env.age` is `.env`, for those whose keys are named.",
)

File = Annotated[
    Path | None,
    typer.Option("--file", help="The file of settings; .env of this checkout when left out. Beside it: FILE.age, FILE.recipients."),
]
Identity = Annotated[Path | None, typer.Option("--identity", help="File with the private key; ~/.config/tapefarm/age.key when left out.")]
Recipients = Annotated[
    list[str], typer.Option("--recipient", help="A public key of age or SSH, instead of those in .env.recipients. Repeat it.")
]


@app.command()
def keygen(file: File = None, identity: Identity = None) -> None:
    """Make a private key for this account, once.

    Its public key is shown, and added to .env.recipients. Who loses the private key can open nothing: keep a copy elsewhere.
    """
    kept, named = identity or keys.default_identity(), _beside(file, "recipients")
    public = keys.make(kept, named)
    print(public)
    err.print(f"The private key is in {kept}: keep a copy elsewhere. {named} names the public one: commit it.", markup=False)


@app.command()
def encrypt(
    file: File = None,
    recipient: Recipients = [],  # noqa: B006  # typer's way
    passphrase: bool = typer.Option(False, "--passphrase", help="Seal it by a passphrase, which is asked for, instead of by keys."),
    force: bool = typer.Option(False, "--force", help="Also over a sealed file that is newer than .env."),
) -> None:
    """Seal .env into .env.age, which is safe to commit.

    For the public keys of .env.recipients. .env stays as it is.
    """
    plain, target = _plain(file), _beside(file, "age")
    if passphrase and recipient:
        raise Refused("--passphrase and --recipient: a file of age has one or the other.", status=2)
    text = _read(plain)
    values = environment.parsed(text, str(plain))
    if not force and target.exists() and files.is_newer(target, plain):
        raise Refused(
            f"{target} is newer than {plain}, somebody has changed it: `./farm secrets decrypt` says in what; --force if yours is to stand."
        )
    to = keys.ask_passphrase(twice=True) if passphrase else keys.recipients(_beside(file, "recipients"), recipient)
    data = sealed.seal(text.encode(), to)
    if isinstance(to, list):
        _warn_if_ours_does_not_open(data, target)
    files.replace(target, data, mode=0o644)
    files.in_step(target, plain)
    if strange := names.unknown(values):
        err.print(f"Nothing here reads {', '.join(strange)}.", style="yellow", markup=False)
    out.print(f"{target} holds {_count(values)}, {_for(to)}", markup=False)


@app.command()
def decrypt(
    file: File = None,
    identity: Identity = None,
    force: bool = typer.Option(False, "--force", help="Also over a .env that says something else."),
) -> None:
    """Open .env.age into .env, for this account only.

    A .env that says something else is left alone, and told by its names, unless --force.
    """
    plain, source = _plain(file), _beside(file, "age")
    data = files.read_sealed(source)
    text = sealed.unseal(data, _opener(data, source, identity), str(source))
    values = _values(text, source)
    if plain.exists():
        current = _read(plain)
        if current == text.decode():
            out.print(f"{plain} says the same already.", markup=False)
            return
        if not force:
            newer = f"and is newer than {source}: `./farm secrets encrypt` seals it" if files.is_newer(plain, source) else f"than {source}"
            differ = names.differing(environment.parsed(current, str(plain)), values)
            raise Refused(f"{plain} says something else {newer}. They differ in {differ}. --force writes it anew.")
    files.replace(plain, text, mode=0o600)
    files.in_step(plain, source)
    out.print(f"{plain} holds {_count(values)}", markup=False)


@app.command()
def edit(
    file: File = None,
    identity: Identity = None,
    recipient: Recipients = [],  # noqa: B006  # typer's way
) -> None:
    """Change .env.age in your editor ($EDITOR).

    In memory, for this account only, wiped afterwards. What is no file of settings, or holds a name that nothing reads, is not taken. A .env that
    said the same is changed with it.
    """
    plain, target = _plain(file), _beside(file, "age")
    before = files.read_sealed(target)
    opener = _opener(before, target, identity)
    to = opener if isinstance(opener, str) else keys.recipients(_beside(file, "recipients"), recipient)
    text = sealed.unseal(before, opener, str(target))
    _values(text, target)
    with editing.private_folder(lambda sentence: err.print(sentence, style="yellow", markup=False)) as folder:
        changed = _edited(folder / ".env", text.decode()).encode()
    if changed == text:
        out.print("Nothing was changed.")
        return
    _keep(target, before, changed, opener, to)
    values = environment.parsed(changed.decode(), str(target))
    out.print(f"{target} holds {_count(values)}, {_for(to)}", markup=False)
    if plain.exists():
        _bring_along(plain, target, text.decode(), changed)


def _keep(target: Path, before: bytes, changed: bytes, opener: sealed.Opener, to: list[str] | str) -> None:
    data = sealed.seal(changed, to)
    if not isinstance(to, str):
        try:
            sealed.unseal(data, opener, str(target))
        except Refused:
            raise Refused(
                "Your own key is not among those who may open it, and would not open what you wrote: nothing was changed."
            ) from None
    if target.read_bytes() != before:
        aside = target.with_name(f"{target.name}.mine")
        files.replace(aside, data, mode=0o644)
        raise Refused(f"{target} was changed by somebody else meanwhile. What you wrote is in {aside}, sealed: bring both together.")
    files.replace(target, data, mode=0o644)


def _bring_along(plain: Path, target: Path, before: str, changed: bytes) -> None:
    if _read(plain) == before:
        files.replace(plain, changed, mode=0o600)
        files.in_step(plain, target)
        out.print(f"{plain} said the same as before and was changed with it; `./farm up` takes it over.", markup=False)
    else:
        err.print(f"{plain} says something else: `./farm secrets decrypt` tells in what.", style="yellow", markup=False)


def _edited(path: Path, text: str) -> str:
    """What can be taken; on a terminal the editor is opened again until it can be, or until nobody wants to."""
    files.replace(path, text.encode(), mode=0o600)
    while True:
        found = editing.edited(path)
        try:
            values = environment.parsed(found, "what you wrote")
            if strange := names.unknown(values):
                raise Refused(f"Nothing reads {', '.join(strange)}: nothing was changed.", status=2)  # noqa: TRY301  # told once, here
        except Refused as exc:
            if not sys.stdin.isatty() or not typer.confirm(f"{exc} Edit again?", default=True, err=True):
                raise
        else:
            return found


def _plain(file: Path | None) -> Path:
    return file if file is not None else ROOT / ".env"


def _beside(file: Path | None, what: str) -> Path:
    plain = _plain(file)
    return plain.with_name(f"{plain.name}.{what}")


def _read(plain: Path) -> str:
    try:
        return read_private(plain)
    except FileNotFoundError:
        raise Refused(f"There is no {plain}: `install -m 600 .env.example .env` begins one, `./farm secrets decrypt` opens it.") from None
    except UnicodeDecodeError:
        raise Refused(f"{plain} is no text in UTF-8.", status=2) from None


def _values(text: bytes, source: Path) -> dict[str, str]:
    try:
        return environment.parsed(text.decode(), f"what is in {source}")
    except UnicodeDecodeError:
        raise Refused(f"What is in {source} is no file of settings.") from None


def _opener(data: bytes, source: Path, identity: Path | None) -> sealed.Opener:
    return keys.ask_passphrase(twice=False) if sealed.wants_passphrase(data, str(source)) else keys.identities(identity)


def _warn_if_ours_does_not_open(data: bytes, target: Path) -> None:
    """Who has a key of their own will want to open it, and would find out too late."""
    if not keys.default_identity().is_file():
        return
    try:
        sealed.unseal(data, keys.identities(None), str(target))
    except Refused:
        err.print(f"Your own key ({keys.default_identity()}) does not open it: others do.", style="yellow", markup=False)


def _count(values: Mapping[str, str]) -> str:
    return f"{len(values)} setting{'' if len(values) == 1 else 's'}"


def _for(to: list[str] | str) -> str:
    return "by your passphrase" if isinstance(to, str) else f"for {len(to)} key{'' if len(to) == 1 else 's'}"
