"""Load a submission in a process of its own, to learn its class and its arguments.

    harness ──spec, settings──▶ child: imports the submission ──names and texts──▶ harness

The harness never imports the code of an isolated submission. It computes the hash of the code itself, from
the files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from fsdl_bench import fingerprint
from fsdl_bench.submissions.arguments import Argument
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.inputs import Tracker
from fsdl_bench.submissions.loading import LoadedSubmission, package_of
from fsdl_bench.submissions.process import Child
from fsdl_bench.submissions.specs import file_of, parse

_ARGUMENTS = TypeAdapter(dict[str, Argument])


def load_in_child(spec: str, settings: Sequence[str], sealed: Sequence[Path]) -> LoadedSubmission:
    """Return what `load_submission` would, without importing the submission here; it cannot be constructed.

    Args:
        spec: as for `load_submission`.
        settings: `key=value` each.
        sealed: folders that the submission must not be able to read.

    Raises:
        BadInput: as `load_submission`; or its code fails when it is imported.
    """
    place, class_name = parse(spec)
    by_path = place.endswith(".py")
    own = file_of(place).parent if by_path else package_of(place)
    root, package = (own, "") if by_path else (own.parent, own.name)
    there = [_absolute(setting) for setting in settings]
    named = _named(there)
    child = Child([own, *named], [], [], sealed)
    try:
        suffix = f":{class_name}" if class_name else ""
        child.send("describe", f"{file_of(place)}{suffix}" if by_path else spec, there)
        facts = child.answer()
    finally:
        child.close()
    name, file, arguments = _checked(facts, own)
    return LoadedSubmission(
        spec=f"{file if by_path else place}:{name}",
        name=name,
        factory=_not_here,
        arguments=_as_given(arguments, settings, there),
        file=file,
        root=root,
        package=package,
        digest=fingerprint.code(file, root, package),
        settings=tuple(there),
        tracker=Tracker(own),
        named=tuple(named),
    )


def _checked(facts: Mapping[str, Any], own: Path) -> tuple[str, Path, dict[str, Argument]]:
    """The name, the file and the arguments that the child tells."""
    name, file = facts.get("name"), Path(str(facts.get("file")))
    if not (isinstance(name, str) and name.isidentifier() and file.is_relative_to(own) and file.is_file()):
        raise ContractError(f"the submission's process described another submission: {str(facts)[:200]}")
    try:
        return name, file, _ARGUMENTS.validate_python(facts.get("arguments"))
    except ValidationError as error:
        raise ContractError(f"the submission's process sent arguments of the wrong form: {error}") from None


def _absolute(setting: str) -> str:
    """A setting whose value is a relative path to something that exists, with the absolute path."""
    key, equals, text = setting.partition("=")
    path = Path(text)
    like_a_path = os.sep in text or (path.suffix and not path.suffix[1:].isdigit())
    if equals and like_a_path and not path.is_absolute() and path.exists():
        return f"{key}={path.absolute()}"
    return setting


def _named(settings: Sequence[str]) -> list[Path]:
    """The files and folders that settings name by their absolute paths; of lists, each part."""
    found = []
    for setting in settings:
        for part in setting.partition("=")[2].replace(",", "\0").split("\0"):
            path = Path(part.strip(" ()[]{}'\""))
            if path.is_absolute() and path.exists():
                found.append(path)
    return found


def _as_given(
    arguments: Mapping[str, Argument], settings: Sequence[str], there: Sequence[str]
) -> dict[str, Argument]:
    """The arguments, with the paths as the user wrote them where they were made absolute."""
    written = {
        given.partition("=")[0]: given.partition("=")[2]
        for given, sent in zip(settings, there, strict=True)
        if given != sent
    }
    return {
        name: one._replace(plain=written[name]) if name in written else one for name, one in arguments.items()
    }


def _not_here(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("an isolated submission is constructed in its own process only")
