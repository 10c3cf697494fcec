import json
from dataclasses import replace
from pathlib import Path

import pytest

from pellucid.app.journal import JOURNAL_NAME, Journal
from pellucid.app.receipt import FileFacts, Receipt, receipt_path, write_receipt
from pellucid.errors import ImageError


def a_receipt(target: Path) -> Receipt:
    return Receipt(
        source=FileFacts("photo.jpg", "ab" * 32, 10, 1),
        target=FileFacts.of(target, "cd" * 32),
        model="default",
        model_sha256="ef" * 32,
        device="cpu",
        taken_for="noise",
        perceiver_sha256="01" * 32,
        perceived={"noise": 0.4},
        quality_before=0.3,
        quality_after=0.8,
        kept=None,
        tile=None,
        height=2,
        width=3,
        seconds=0.5,
        not_kept=("A thumbnail.",),
        pellucid="0.1.0",
        finished_at="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "sub" / "写真.jpg"
    path.parent.mkdir()
    path.write_bytes(b"restored")
    return path


def test_what_was_finished_is_known_to_the_next_run(tmp_path: Path, target: Path) -> None:
    Journal(tmp_path).finish(target, a_receipt(target))
    journal = Journal(tmp_path)
    assert journal.finished(target) == a_receipt(target)
    assert journal.wrote(target)


def test_a_target_that_was_changed_since_is_not_finished(tmp_path: Path, target: Path) -> None:
    Journal(tmp_path).finish(target, a_receipt(target))
    target.write_bytes(b"changed by hand")
    assert Journal(tmp_path).finished(target) is None
    target.unlink()
    assert Journal(tmp_path).finished(target) is None


def test_what_another_run_finishes_meanwhile_is_known_after_a_look(tmp_path: Path, target: Path) -> None:
    journal, other = Journal(tmp_path), Journal(tmp_path)
    other.finish(target, a_receipt(target))
    assert not journal.wrote(target)
    journal.refresh()
    assert journal.finished(target) == a_receipt(target)
    (tmp_path / JOURNAL_NAME).unlink()  # started anew
    Journal(tmp_path).fail(target, "Broken.")
    journal.refresh()
    assert journal.finished(target) is None


def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path, target: Path) -> None:
    Journal(tmp_path).finish(target, a_receipt(target))
    path = tmp_path / JOURNAL_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    journal = Journal(tmp_path)
    assert journal.finished(target) is None
    path.write_bytes(whole)
    journal.refresh()
    assert journal.finished(target) == a_receipt(target)


def test_a_line_cut_off_by_a_crash_is_passed_over_and_ended(tmp_path: Path, target: Path) -> None:
    Journal(tmp_path).finish(target, a_receipt(target))
    path = tmp_path / JOURNAL_NAME
    path.write_bytes(path.read_bytes()[:-20])
    journal = Journal(tmp_path)
    assert journal.finished(target) is None
    journal.finish(target, a_receipt(target))
    assert Journal(tmp_path).finished(target) == a_receipt(target)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"target": 3, "state": "finished"}', "\x00\xff", "not json"])
def test_lines_of_something_else_do_no_harm(tmp_path: Path, target: Path, text: str) -> None:
    (tmp_path / JOURNAL_NAME).write_text(text + "\n", encoding="latin-1")
    assert Journal(tmp_path).finished(target) is None


def test_a_receipt_of_another_version_is_not_trusted(tmp_path: Path, target: Path) -> None:
    line = {"target": "sub/写真.jpg", "state": "finished", "receipt": {"source": {}, "unknown": 1}}
    (tmp_path / JOURNAL_NAME).write_text(json.dumps(line) + "\n")
    assert Journal(tmp_path).finished(target) is None


def test_only_what_was_begun_or_finished_is_ours(tmp_path: Path, target: Path) -> None:
    journal = Journal(tmp_path)
    journal.fail(target, "Broken.")
    assert not journal.wrote(target)
    journal.begin(target)
    assert journal.wrote(target)
    journal.fail(target, "Broken.")
    assert not journal.wrote(target)
    journal.finish(target, a_receipt(target))
    journal.fail(target, "Broken.")
    assert journal.wrote(target)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Expected an output folder that can be written"):
        Journal(tmp_path / "file").begin(tmp_path / "file" / "a.jpg")


def test_a_receipt_is_plain_json_beside_the_result(target: Path) -> None:
    path = write_receipt(a_receipt(target), target)
    assert path == receipt_path(target) == target.with_name("写真.jpg.receipt.json")
    assert Receipt.from_json(json.loads(path.read_text(encoding="utf-8"))) == a_receipt(target)
    assert list(target.parent.glob("*.partial")) == []


def test_facts_notice_a_change_of_size_or_time(target: Path) -> None:
    facts = FileFacts.of(target, "")
    assert facts.looks_unchanged(target)
    assert not replace(facts, bytes=facts.bytes + 1).looks_unchanged(target)
    assert not replace(facts, modified_ns=facts.modified_ns + 1).looks_unchanged(target)
    assert not facts.looks_unchanged(target.parent / "missing")
