"""The command line: arguments to one call of `app`, an error to one sentence, and nothing else."""

import io
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from pellucid.cli.blend import blend
from pellucid.cli.colorize import colorize
from pellucid.cli.degrade import degrade
from pellucid.cli.evaluate import evaluate
from pellucid.cli.inpaint import inpaint
from pellucid.cli.lab import lab
from pellucid.cli.learn import learn
from pellucid.cli.log import is_debugging, set_up_log
from pellucid.cli.models import models
from pellucid.cli.perceive import perceive
from pellucid.cli.restore import restore
from pellucid.cli.train import train
from pellucid.errors import PellucidError
from pellucid.version import __version__

REFUSED, BROKEN, INTERRUPTED = 2, 70, 130

app = App(
    name="pellucid",
    help="Restore degraded photographs: noise, blur, JPEG, rain, haze, dark.",
    help_format="markdown",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
for verb in (restore, blend, inpaint, colorize, perceive, train, learn, evaluate, lab, degrade, models):
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
    except Exception as error:
        return _broken(error)
    return status if isinstance(status, int) else 0


def _broken(error: Exception) -> int:
    """The last resort: what nobody has foreseen is one sentence, too; who wants to look into it gets the traceback."""
    if is_debugging():
        traceback.print_exc()
    text = " ".join(str(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    print(
        f"Expected to finish, but something unforeseen happened ({what}): set PELLUCID_DEBUG=1 for the traceback, and "
        "please report it.",
        file=sys.stderr,
    )
    return BROKEN


def _refused(message: str) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return REFUSED
