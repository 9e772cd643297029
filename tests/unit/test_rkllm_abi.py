"""The ctypes tables against the facts (tests/data/rkllm-abi.json), and the guard before a library."""

from __future__ import annotations

import ctypes
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from services.engines.rkllm import abi as rkllm_abi
from services.engines.rkllm import library as rkllm_library
from services.engines.rkllm.abi import GROUPS, Abi
from services.engines.worker.errors import LoadFailed
from tests.engines import ROOT
from tests.simulator import build

FACTS = json.loads((Path(__file__).parents[1] / "data" / "rkllm-abi.json").read_text())["groups"].values()
FACTS_OF = {tuple(group["releases"]): group for group in FACTS}


@pytest.fixture
def facts(abi: Abi) -> dict[str, Any]:
    """The facts of the releases of `abi`."""
    assert abi.releases in FACTS_OF, f"no group of rkllm-abi.json has exactly the releases {abi.releases}"
    found: dict[str, Any] = FACTS_OF[abi.releases]
    return found


each_group = pytest.mark.parametrize("abi", GROUPS, ids=[abi.releases[-1] for abi in GROUPS])

TYPES = {
    "int": ctypes.c_int, "int32_t": ctypes.c_int32, "int8_t": ctypes.c_int8, "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32, "size_t": ctypes.c_size_t, "float": ctypes.c_float, "bool": ctypes.c_bool,
    "const char*": ctypes.c_char_p, "char*": ctypes.c_char_p, "void*": ctypes.c_void_p, "LLMHandle": ctypes.c_void_p,
    "float*": ctypes.POINTER(ctypes.c_float), "const float*": ctypes.POINTER(ctypes.c_float),
    "int32_t*": ctypes.POINTER(ctypes.c_int32), "int*": ctypes.POINTER(ctypes.c_int),
    "uint8_t[104]": ctypes.c_uint8 * 104, "RKLLMInputType": ctypes.c_uint32, "RKLLMInferMode": ctypes.c_uint32,
    "LLMCallState": ctypes.c_uint32, "LLMTokenizerCallback": ctypes.c_void_p, "LLMGetEmbedCallback": ctypes.c_void_p,
}  # fmt: skip


def ctype(name: str, abi: Abi) -> Any:
    """The ctypes type that a C type of the facts must be."""
    if name == "LLMResultCallback":
        return abi.result_callback
    if name in TYPES:
        return TYPES[name]
    if name.endswith("*"):
        return ctypes.POINTER(ctype(name[:-1], abi))
    return abi.structs[name]


def check(kind: Any, fields: list[dict[str, Any]], abi: Abi) -> int:
    """Compare the fields of a struct or union; returns how many there were."""
    count = 0
    declared = dict(kind._fields_)
    expected = [field["name"] for field in fields if field["name"]]
    assert [name for name in declared if name not in kind._anonymous_] == expected
    for field in fields:
        name = field["name"] or kind._anonymous_[0]
        found = getattr(kind, name)
        assert (found.offset, found.size) == (field["offset"], field["size"]), (kind.__name__, name)
        if "fields" in field:
            count += check(declared[name], field["fields"], abi)
        else:
            assert declared[name] is ctype(field["type"], abi), (kind.__name__, name)
            count += 1
    return count


@each_group
def test_every_struct_and_field_is_where_the_header_has_it(abi: Abi, facts: dict[str, Any]) -> None:
    assert set(abi.structs) == set(facts["structs"])
    count = 0
    for name, struct in facts["structs"].items():
        assert ctypes.sizeof(abi.structs[name]) == struct["sizeof"], name
        count += check(abi.structs[name], struct["fields"], abi)
    assert count > 70


@each_group
def test_every_function_has_the_types_of_its_prototype(abi: Abi, facts: dict[str, Any]) -> None:
    assert set(abi.functions) == set(facts["functions"])
    for name, function in facts["functions"].items():
        result, arguments = abi.functions[name]
        assert result is ctype(function["returns"], abi), name
        assert arguments == [ctype(argument, abi) for argument in function["args"]], name


@each_group
def test_the_callback_and_the_enums_are_those_of_the_header(abi: Abi, facts: dict[str, Any]) -> None:
    callback = facts["callbacks"]["LLMResultCallback"]
    assert abi.result_callback._restype_ is ctype(callback["returns"], abi)
    assert list(abi.result_callback._argtypes_) == [ctype(argument, abi) for argument in callback["args"]]
    ours = {
        f"RKLLM_{prefix}{name}": getattr(rkllm_abi, name)
        for prefix, names in {
            "RUN_": ("NORMAL", "WAITING", "FINISH", "ERROR"),
            "": ("INPUT_PROMPT", "INPUT_TOKEN", "INPUT_EMBED", "INPUT_MULTIMODAL"),
            "INFER_": ("GENERATE", "GET_LAST_HIDDEN_LAYER", "GET_LOGITS"),
        }.items()
        for name in names
    }
    assert ours == {name: value for enum in facts["enums"].values() for name, value in enum["values"].items()}
    assert all(enum["sizeof"] == 4 and enum["underlying"] == "unsigned int" for enum in facts["enums"].values())


@each_group
def test_the_features_are_those_of_the_header(abi: Abi, facts: dict[str, Any]) -> None:
    infer = {field["name"] for field in facts["structs"]["RKLLMInferParam"]["fields"]}
    assert abi.features.sampling_per_run == ("sampling_params" in infer)
    assert abi.features.limit_per_run == ("max_new_tokens" in infer)
    assert abi.features.callback_struct == ("RKLLMCallback" in facts["structs"])


def test_the_releases_are_those_of_the_facts() -> None:
    assert list(rkllm_abi.SUPPORTED) == [release for group in FACTS for release in group["releases"]]


@pytest.mark.parametrize("release", build.RELEASES)
def test_a_release_is_read_from_the_bytes_whatever_the_file_is_called(release: str, tmp_path: Path) -> None:
    copy = tmp_path / "librkllmrt.so"
    shutil.copy(build.library(release), copy)
    assert rkllm_library.choose(str(copy), "") == (copy, release)
    library, abi = rkllm_library.load_library(copy, release)
    assert release in abi.releases
    assert library.rkllm_createDefaultParam().top_k == 40


def renamed(path: Path, release: str) -> Path:
    """Write the simulated 1.3.1 under another number of as many digits."""
    path.write_bytes(build.library("1.3.1").read_bytes().replace(b"version: 1.3.1", f"version: {release}".encode()))
    return path


def test_a_release_whose_header_was_not_read_is_called_as_its_neighbour_and_says_so(tmp_path: Path) -> None:
    file = build.library("1.3.1")
    assert rkllm_library.choose(str(file), "") == (file, "1.3.1")
    library, abi = rkllm_library.load_library(file, "1.3.1")
    assert abi is rkllm_abi.of_release("1.3.0")
    assert "1.3.1" not in abi.releases
    assert library.rkllm_createDefaultParam().top_k == 40


def test_a_newer_release_needs_the_owners_word_and_an_older_one_gets_no_layout(tmp_path: Path) -> None:
    newer, older = renamed(tmp_path / "a.so", "1.3.9"), renamed(tmp_path / "b.so", "1.1.4")
    with pytest.raises(LoadFailed, match=r"is 1\.3\.9\. Supported.*set runtime_layout to 1\.3\.0"):
        rkllm_library.choose(str(newer), "")
    assert rkllm_library.choose(str(newer), "", "1.3.0") == (newer, "1.3.9")
    assert rkllm_library.load_library(newer, "1.3.9", "1.3.0")[1] is rkllm_abi.of_release("1.3.0")
    with pytest.raises(LoadFailed, match=r"is 1\.1\.4\. Supported"):
        rkllm_library.choose(str(older), "", "1.3.0")
    with pytest.raises(LoadFailed, match=r"runtime_layout is 1\.4; needed is one of 1\.2\.1"):
        rkllm_library.choose(str(newer), "", "1.4")


def test_a_named_layout_leaves_known_releases_alone(tmp_path: Path) -> None:
    for release in ("1.2.3", "1.3.1", "1.3.9"):
        fake_library(tmp_path / f"librkllmrt-{release}.so", release)
    assert rkllm_library.choose(str(tmp_path), "", "1.2.3")[1] == "1.2.3"
    assert rkllm_library.choose(str(tmp_path), "1.3.1")[1] == "1.3.1"
    assert rkllm_abi.of_release("1.2.3", "1.3.0") is GROUPS[0]
    assert rkllm_abi.of_release("1.2.1b1", "1.2.1") is None


def test_a_library_with_other_layouts_is_recognised_by_its_default_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RKLLM_SIM_SHIFTED", "1")
    with pytest.raises(
        LoadFailed, match=r"has not the layouts of 1\.3\.0.*default values are top_p .*enabled_cpus_num 0"
    ):
        rkllm_library.load_library(build.library("1.3.1"), "1.3.1")


def fake_library(path: Path, release: str) -> Path:
    path.write_bytes(
        b"\x7fELF" + b"\0" * 5000 + f"RKLLM SDK (version: {release} (abc), build: x)".encode() + b"\0" * 50
    )
    return path


@pytest.mark.parametrize("release", ["1.1.4", "1.2.0", "1.2.1b1", "9.9.9", "2.0.0", "1.2.30"])
def test_another_release_is_refused_with_what_is_supported(release: str, tmp_path: Path) -> None:
    file = fake_library(tmp_path / "librkllmrt.so", release)
    with pytest.raises(LoadFailed, match=rf"{release}\. Supported are the releases .*1\.3\.1.*release-v"):
        rkllm_library.choose(str(file), "")
    with pytest.raises(LoadFailed):
        rkllm_library.load_library(file, release)


@pytest.mark.parametrize("content", [b"", b"\x7fELF nothing of the kind" * 100])
def test_a_file_that_names_no_release_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "librkllmrt.so").write_bytes(content)
    with pytest.raises(LoadFailed, match="names no release"):
        rkllm_library.choose(str(tmp_path / "librkllmrt.so"), "")


def test_a_file_with_the_right_words_that_is_no_library_is_refused(tmp_path: Path) -> None:
    file = fake_library(tmp_path / "librkllmrt.so", "1.2.3")
    with pytest.raises(LoadFailed, match=r"cannot be loaded.*libgomp1"):
        rkllm_library.load_library(*rkllm_library.choose(str(file), ""))


def test_a_missing_library_is_told_with_where_it_comes_from(tmp_path: Path) -> None:
    newest = re.escape(rkllm_abi.SUPPORTED[-1])
    with pytest.raises(LoadFailed, match=rf"not found at .*release-v{newest}.*RKLLM_RUNTIME_LIBRARY"):
        rkllm_library.choose(str(tmp_path / "nothing.so"), "")
    with pytest.raises(LoadFailed, match="not found"):
        rkllm_library.choose(str(tmp_path), "")


def test_a_folder_gives_the_wanted_release_else_the_newest(tmp_path: Path) -> None:
    for release in ("1.2.2", "1.2.3", rkllm_abi.SUPPORTED[-1], "9.9.9"):
        fake_library(tmp_path / f"librkllmrt-{release}.so", release)
    assert rkllm_library.choose(str(tmp_path), "")[1] == rkllm_abi.SUPPORTED[-1]
    assert rkllm_library.choose(str(tmp_path), "1.2.2") == (tmp_path / "librkllmrt-1.2.2.so", "1.2.2")
    with pytest.raises(LoadFailed, match=r"The model wants release 1\.2\.1"):
        rkllm_library.choose(str(tmp_path), "1.2.1")


def test_a_table_of_another_group_is_out_of_reach() -> None:
    """Which table a library gets follows from its bytes alone."""
    for release in build.RELEASES:
        path, found = rkllm_library.choose(str(build.library(release)), "")
        assert rkllm_library.load_library(path, found)[1] is rkllm_abi.of_release(release)


def test_the_document_names_every_release() -> None:
    text = (ROOT / "docs" / "npu.md").read_text()
    assert [release for release in rkllm_library.KNOWN if not re.search(rf"\b{re.escape(release)}\b", text)] == []


def test_one_release_of_every_group_is_simulated() -> None:
    assert [rkllm_abi.of_release(release) for release in build.RELEASES] == list(GROUPS)
