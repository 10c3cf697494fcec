"""What restoring made worse: pictures below their input, which a mean over a set hides."""

from collections.abc import Sequence

from pellucid.evaluation.degrading import Untouched
from pellucid.evaluation.evaluate import INPUT, Result


def changes(result: Result, results: Sequence[Result]) -> tuple[float, ...]:
    """PSNR of every picture of `result` less that of its input, in dB.

    Args:
        result: of one contestant in one trial.
        results: of the same run, that of the input among them.

    Returns:
        One number per picture. None where the input was not measured, is the contestant itself, or is the clean
        picture, which nothing can come above.
    """
    if result.contestant == INPUT or is_untouched(result):
        return ()
    inputs = (other for other in results if other.contestant == INPUT)
    before = next((other for other in inputs if (other.trial, other.seed) == (result.trial, result.seed)), None)
    if before is None:
        return ()
    psnr = {score.index: score.psnr for score in before.scores}
    return tuple(score.psnr - psnr[score.index] for score in result.scores if score.index in psnr)


def is_untouched(result: Result) -> bool:
    """Whether the input was the clean picture itself."""
    return isinstance(result.trial.protocol.input, Untouched)


def num_below(changed: Sequence[float]) -> int:
    """How many pictures came out worse than they went in."""
    return sum(change < 0 for change in changed)
