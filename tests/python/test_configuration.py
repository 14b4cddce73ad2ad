"""Configuration files: three formats, one meaning; every problem has its file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import headworks
from headworks._config import read_document
from headworks.errors import ConfigurationError

YAML = """\
version: 1
backends:
  - name: one
    api_base_url: https://one.example/v1
    api_key: ${KEY_ONE}
    rpm_limt: 40
  - name: two
    api_base_url: https://two.example/v1
    api_key: ${KEY_TWO}
    model_mappings:
      "qwen-*": {model: "qwen/*", context_tokens: many}
"""
TOML = """\
version = 1

[[backends]]
name = "one"
api_base_url = "https://one.example/v1"
api_key = "${KEY_ONE}"
rpm_limt = 40

[[backends]]
name = "two"
api_base_url = "https://two.example/v1"
api_key = "${KEY_TWO}"

[backends.model_mappings."qwen-*"]
model = "qwen/*"
context_tokens = "many"
"""
JSON = """\
{"version": 1,
 "backends": [
  {"name": "one",
   "api_base_url": "https://one.example/v1",
   "api_key": "${KEY_ONE}",
   "rpm_limt": 40},
  {"name": "two",
   "api_base_url": "https://two.example/v1",
   "api_key": "${KEY_TWO}",
   "model_mappings": {"qwen-*": {"model": "qwen/*",
\t"context_tokens": "many"}}}
 ]}
"""
WRONG_LINES = {"headworks.yaml": (6, 11), "headworks.toml": (7, 16), "headworks.json": (6, 11)}
TEXTS = {"headworks.yaml": YAML, "headworks.toml": TOML, "headworks.json": JSON}


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_problems_have_file_line_path_and_hint(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, TEXTS[name])

    problems = headworks.check_configuration(path)

    assert [(one.file, one.line) for one in problems] == [(str(path), line) for line in WRONG_LINES[name]]
    assert problems[0].path == "$.backends[0].rpm_limt"
    assert "rpm_limit" in problems[0].hint
    assert problems[1].path == '$.backends[1].model_mappings["qwen-*"].context_tokens'
    assert str(problems[0]).startswith(f"{path}:{WRONG_LINES[name][0]}: $.backends[0].rpm_limt: ")


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    documents = [
        json.loads(read_document(written(tmp_path, name, text)).json_text) for name, text in TEXTS.items()
    ]

    assert documents[0] == documents[1] == documents[2]


def test_a_valid_document_has_no_problems(tmp_path: Path) -> None:
    right = YAML.replace("rpm_limt", "rpm_limit").replace("many", "128000")

    assert headworks.check_configuration(written(tmp_path, "headworks.yml", right)) == []


def test_a_missing_field_stands_where_its_row_does(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", "version: 1\nbackends:\n\n  - name: one\n")

    (problem,) = headworks.check_configuration(path)

    assert (problem.line, problem.path) == (4, "$.backends[0].api_base_url")


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("a.yaml", "version: 1\nversion: 1\n", 2, "twice"),
        ("a.yaml", "version: [1\n", None, ""),
        ("a.yaml", "a: &a [*a]\n", None, ""),
        ("a.yaml", "a: &a [1,1]\nb: &b [*a,*a]\n<<: *b\n", 3, "merge"),
        ("a.yaml", "version: !!python/object:os.system {}\n", 1, ""),
        ("a.json", '{"version": 1,\n "version": 1}', None, "twice"),
        ("a.json", '{"version": 1,\n}', 2, ""),
        ("a.json", '{"version": NaN}', None, "NaN"),
        ("a.json", "[" * 100_000, None, "deep"),
        ("a.toml", "version = 1\nversion = 1\n", 2, ""),
        ("a.ini", "version: 1\n", None, "extension"),
        ("none.yaml", None, None, "No such file"),
    ],
)
def test_what_is_not_of_its_format_is_one_problem(
    tmp_path: Path, name: str, text: str | None, line: int | None, said: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)

    (problem,) = headworks.check_configuration(path)

    assert said in problem.message
    assert problem.file == str(path)
    if line is not None:
        assert problem.line == line


def test_aliases_cannot_multiply_without_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    (problem,) = headworks.check_configuration(written(tmp_path, "bomb.yaml", "\n".join(lines)))

    assert "endless" in problem.message


@pytest.mark.parametrize("text", ["no", "1:30", "2026-01-01", "0x", "on"])
def test_yaml_keeps_plain_words(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "a.yaml", f"word: {text}\n")

    assert json.loads(read_document(path).json_text) == {"word": text}


def test_a_value_is_judged_like_a_file() -> None:
    (problem,) = headworks.check_configuration({"version": 1, "setings": {}})

    assert (problem.path, problem.file, problem.line) == ("$.setings", None, None)
    assert "settings" in problem.hint


def test_an_invalid_document_raises_with_all_problems() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_document({"version": 1, "setings": {}, "pool": []}).expect_valid()

    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 3
