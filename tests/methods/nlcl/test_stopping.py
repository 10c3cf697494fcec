"""The stop rule on scores that are made up."""

from pellucid.methods.nlcl.stopping import StopRule


def look(rule: StopRule, step: int, score: float, mismatch: float = 0.1, removed: float = 0.2) -> bool:
    return rule.look(step, {"score": score, "mismatch": mismatch, "removed": removed})


def test_the_best_is_kept_and_patience_ends_it() -> None:
    rule = StopRule(patience=2)
    assert look(rule, 0, 0.5)
    assert look(rule, 100, 0.6) and rule.over is None
    assert not look(rule, 200, 0.6) and rule.over is None
    assert not look(rule, 300, 0.1) and rule.over == "no better for 2 looks"
    assert (rule.best, rule.best_step) == (0.6, 100)


def test_what_it_began_with_is_kept_when_nothing_is_better() -> None:
    rule = StopRule(patience=3)
    assert look(rule, 0, 0.5, mismatch=9.0)
    assert not look(rule, 100, 0.4)
    assert rule.best_step == 0


def test_networks_that_do_not_agree_do_not_count() -> None:
    rule = StopRule(patience=2)
    look(rule, 0, 0.5)
    assert not look(rule, 100, 0.9, mismatch=0.3, removed=0.2)
    assert rule.best_step == 0 and rule.waited == 1


def test_without_patience_it_is_never_over() -> None:
    rule = StopRule(patience=0)
    for step in range(50):
        look(rule, step, -step)
    assert rule.over is None


def test_it_goes_on_from_its_state() -> None:
    rule, again = StopRule(patience=2), StopRule(patience=2)
    look(rule, 0, 0.5)
    look(rule, 100, 0.4)
    again.load_state_dict(rule.state_dict())
    look(again, 200, 0.3)
    assert again.over and again.best == 0.5
