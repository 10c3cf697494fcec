"""The command line: arguments to one call of `app`, an error to one sentence, and nothing else."""

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from pellucid.cli.degrade import degrade
from pellucid.cli.evaluate import evaluate
from pellucid.cli.log import set_up_log
from pellucid.cli.models import models
from pellucid.cli.restore import restore
from pellucid.cli.train import train
from pellucid.errors import PellucidError
from pellucid.version import __version__

REFUSED, INTERRUPTED = 2, 130

app = App(
    name="pellucid",
    help="Restore degraded photographs: noise, blur, JPEG, rain, haze, dark.",
    help_format="markdown",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
for verb in (restore, train, evaluate, degrade, models):
    app.command(verb)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command. Returns the status for the shell.

    Args:
        tokens: as typed after `pellucid`; those of the process when absent.
    """
    set_up_log()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files need not be valid text
    try:
        status = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except (PellucidError, CycloptsError) as error:
        return _refused(str(error))
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _refused(f"{error.strerror or type(error).__name__}: {error.filename or 'a file'}.")
    except KeyboardInterrupt:
        print("Stopped; run the same command again to go on.", file=sys.stderr)
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _refused(message: str) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return REFUSED
