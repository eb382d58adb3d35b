"""Load a submission: `model.py`, `model.py:ClassName` or `package.module:ClassName`, and its arguments.

A file is imported with its own folder first on the path, so that it can import its neighbours. Its digest
(`fingerprint.code`) covers the file and the files of its folder, or package, that it imports: a change in a
shared helper counts, a change in another model does not.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import importlib
import importlib.util
import inspect
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions.arguments import Argument, convert, describe
from fsdl_bench.submissions.inputs import Input, Tracker, first_change
from fsdl_bench.submissions.specs import HOW, file_of, parse
from fsdl_bench.submissions.watch import recording


@dataclass(frozen=True)
class LoadedSubmission:
    """A submission that can be constructed.

    Attributes:
        spec: how to load it again from any working folder; "" if it was given as an object.
        name: of the class or function that constructs it.
        factory: returns a new submission, constructed with the arguments.
        arguments: of the constructor.
        file: the file that defines it; None for an object without a source file.
        root: the folder that its imports are resolved in.
        package: follow only imports of this package when hashing code; all below `root` if empty.
        digest: hash of its code; a random number for an object.
        settings: the arguments as given, `key=value`.
        tracker: records the files that it uses, from its import on.
        named: the files and folders that the arguments name.
    """

    spec: str
    name: str
    factory: Callable[..., Any]
    arguments: Mapping[str, Argument]
    file: Path | None
    root: Path
    package: str
    digest: str
    settings: tuple[str, ...]
    tracker: Tracker
    named: tuple[Path, ...] = ()

    @property
    def places(self) -> tuple[Path, ...]:
        """Its folder or package, and the files and folders that its arguments name."""
        return (self.root / self.package, *self.named)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file that defines it, 64 hex digits; of no bytes if there is no file."""
        return hashlib.sha256(self.file.read_bytes() if self.file else b"").hexdigest()

    def construct(self) -> Any:
        """Return a new object, made with the arguments."""
        with recording(self.tracker):
            return self.factory()


def load_submission(spec: str, settings: Sequence[str] = ()) -> LoadedSubmission:
    """Import what `spec` names. Errors raised by the submission's own code are passed on.

    Args:
        spec: `path.py`, `path.py:ClassName`, `package.module:ClassName` or `fsdl_bench:MODEL`.
            Without a class name the file must define exactly one public class with `adapt`.
        settings: `key=value` each; see `arguments.convert`.

    Raises:
        BadInput: there is no such submission, the file defines several, or an argument is wrong.
    """
    place, class_name = parse(spec)
    by_path = place.endswith(".py")
    module, root, inputs = _import_file(file_of(place)) if by_path else _import_name(place, spec)
    factory = _pick(module, class_name, spec)
    file = Path(module.__file__ or "")
    package = "" if by_path else place.split(".")[0]
    name = class_name or factory.__name__  # what was asked for: two factories may share a `__name__`
    tracker = Tracker(root / package, known=inputs)
    _trackers[root / package].append(tracker)
    arguments = convert(factory, settings)
    described = {key: describe(value) for key, value in arguments.items()}
    return LoadedSubmission(
        spec=f"{file if by_path else place}:{name}",
        name=name,
        factory=functools.partial(factory, **arguments),
        arguments=described,
        file=file,
        root=root,
        package=package,
        digest=fingerprint.code(file, root, package),
        settings=tuple(settings),
        tracker=tracker,
        named=tuple(Path(path).absolute() for one in described.values() for path in one.paths),
    )


def from_object(submission: Any) -> LoadedSubmission:
    """Return a submission that exists as an object. Sessions get copies of it, and its fit is not cached."""
    pristine = copy.deepcopy(submission)
    source = None
    with contextlib.suppress(TypeError, OSError):  # a class of a notebook, or one written in C
        source = inspect.getsourcefile(type(submission))
    folder = Path(source).absolute().parent if source else Path.cwd()
    return LoadedSubmission(
        spec="",
        name=type(submission).__qualname__,
        factory=lambda: copy.deepcopy(pristine),
        arguments={},
        file=Path(source) if source else None,
        root=folder,
        package="",
        digest=secrets.token_hex(16),  # nothing tells it from another object of its class
        settings=(),
        tracker=Tracker(folder),
    )


def _import_file(path: Path) -> tuple[ModuleType, Path, list[Input]]:
    folder = path.parent
    _forget_strangers(folder)
    _forget_changed(folder)
    content = hashlib.blake2b(path.read_bytes(), digest_size=4).hexdigest()
    name = (
        f"fsdl_submission_{path.stem}_{content}"  # of the content, so that a cached fit finds its class again
    )
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise BadInput(f"{path}: not a Python file; {HOW}")
    module = importlib.util.module_from_spec(specification)
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))  # its own neighbours come before those of another submission
    sys.modules[name] = module
    _forget_bytecode(path)
    try:
        with _importing(folder) as inputs:
            specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module, folder, inputs


def _import_name(name: str, spec: str) -> tuple[ModuleType, Path, list[Input]]:
    own = package_of(name)
    _forget_changed(own)
    try:
        with _importing(own) as inputs:
            module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise BadInput(f"{spec!r}: there is no module {error.name}; {HOW}") from None
        raise
    file = Path(getattr(module, "__file__", None) or "")
    if not file.is_file():
        raise BadInput(f"{spec!r}: {name} is not a Python file; {HOW}")
    return module, own.parent, inputs


def package_of(module: str) -> Path:
    """Return the folder of a module's outermost package, or the place of the module without its suffix."""
    name = module.split(".")[0]
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    file = Path((found.origin if found else None) or name).absolute()
    return file.parent if file.name == "__init__.py" else file.with_suffix("")


@contextmanager
def _importing(own: Path) -> Iterator[list[Input]]:
    """Record the files that an import uses: its own, and the data files of neighbours imported earlier."""
    tracker, inputs = Tracker(own), list[Input]()
    try:
        with recording(tracker):
            yield inputs
    finally:
        inputs += tracker.inputs()
        inputs += [one for one in _imports[own].values() if not one.path.endswith(".py")]
        _imports[own] |= {one.path: one for one in inputs}


def _forget_changed(own: Path) -> None:
    """Drop modules of a folder that would keep what they read when they were imported.

    These are the modules that a submission imported late, such as in its `fit`, because the next submission
    must be seen to read their files again; and every module if a file changed that one of them may have read.
    """
    early = _imports.setdefault(own, {})
    used = [one for tracker in _trackers.setdefault(own, []) for one in tracker.inputs()]
    changed = bool(first_change([*early.values(), *used]))
    late = {one.path for one in used} - early.keys()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file in late or (changed and Path(file).is_relative_to(own) and Tracker(own).counts(file)):
            del sys.modules[name]
            _forget_bytecode(file)
            parent, _, child = name.rpartition(".")
            if getattr(sys.modules.get(parent), child, None) is module:
                delattr(sys.modules[parent], child)
    _trackers[own].clear()
    if changed:
        early.clear()


def _forget_bytecode(file: Path | str) -> None:
    """Remove a source's bytecode, which Python uses after a change in the same second to the same size."""
    with contextlib.suppress(OSError, NotImplementedError):
        Path(importlib.util.cache_from_source(file)).unlink()


def _forget_strangers(folder: Path) -> None:
    """Drop modules of another submission's folder that have the name of a neighbour in this one."""
    names = {path.stem for path in folder.glob("*.py")}
    names |= {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in names & sys.modules.keys():
        old = Path(getattr(sys.modules[name], "__file__", None) or "")
        if not old.is_relative_to(folder) and any(old.is_relative_to(other) for other in _folders):
            for stale in [known for known in sys.modules if known == name or known.startswith(name + ".")]:
                del sys.modules[stale]
    _folders.add(folder)


_folders: set[Path] = set()
"""The folders that submissions of this process came from."""

_imports: dict[Path, dict[str, Input]] = {}
"""For each folder of submissions the files that importing them used, their sources included."""

_trackers: dict[Path, list[Tracker]] = {}
"""For each folder of submissions those that were loaded from it since its modules were last dropped."""


def _pick(module: ModuleType, name: str, spec: str) -> Callable[..., Any]:
    if name:
        found = getattr(module, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        raise BadInput(f"{spec!r}: {module.__file__} has no class {name}; it has {_names(_classes(module))}")
    fitting = [entry for entry in _classes(module) if callable(getattr(entry, "adapt", None))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise BadInput(
            f"{spec}: defines several submissions: {_names(fitting)}; name one: {spec}:{fitting[0].__name__}"
        )
    raise BadInput(
        f"{spec}: expected a class with a method `adapt(self, support)`, found {_names(_classes(module))}"
    )


def _classes(module: ModuleType) -> list[type]:
    return [
        entry
        for name, entry in vars(module).items()
        if inspect.isclass(entry) and entry.__module__ == module.__name__ and not name.startswith("_")
    ]


def _names(classes: Sequence[type]) -> str:
    return ", ".join(entry.__name__ for entry in classes) or "no public class"
