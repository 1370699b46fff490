"""Parse the command line, and end with one line and an exit code whatever goes wrong."""

import argparse
import errno
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from temper.errors import ConfigError, TemperError

EXAMPLES = """examples:
  temper run smoke                          every stage on a tiny random model, a few minutes
  temper run demo sft.epochs=2              a preset with a change
  temper run demo --until sft               stop after a stage; run again to go on
  temper run .temper/runs/ID/config.yaml    exactly what a run did
  temper report                             what the latest run showed
  temper import chats.jsonl --as sft --out own/sft --redact
  temper rollback automotive-demo           make the previous champion the champion again

exit codes: 0 done, 2 settings, 3 data, 4 store, 5 stage, 6 engine, 7 servers, 8 gate refused, 9 missing model
"""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `temper`; returns the exit code."""
    options = _parsed(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: what was started is stopped
    try:
        return command(options)
    except TemperError as error:
        print(f"temper: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("temper: stopped; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # whoever read our output has seen enough
    except OSError as error:
        print(f"temper: {error.filename or _where(error)}: {error.strerror or error}", file=sys.stderr)
        return 1


def _where(error: OSError) -> str:
    """What an error is about that names no file: a full disk is the home's, where everything is written."""
    from temper.home import home

    return f"{home()} (TEMPER_HOME)" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else "system"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Arguments, where changes may also follow an option: argparse itself takes them only before the first one."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not (hasattr(options, "overrides") and all("=" in word and word[0] != "-" for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides += rest
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="temper",
        description="Customise a compact language model for a multi-agent system and prove that it is as good.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a preset", epilog=EXAMPLES, formatter_class=parser.formatter_class)
    run.add_argument("preset", help="name of a preset, or a YAML file such as a run's resolved config")
    run.add_argument("overrides", nargs="*", metavar="key=value", help="changes, for example sft.epochs=2")
    run.add_argument("--until", metavar="STAGE", help="stage to stop after")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="print every stage's settings and command lines, and whether it fits; run nothing",
    )
    run.set_defaults(command=_run)

    own = commands.add_parser("import", help="make your own data into a training set (docs/how-to/own-data.md)")
    own.add_argument("files", nargs="+", type=Path, help="jsonl, json, csv, parquet, txt, md, or folders")
    own.add_argument("--as", dest="name", required=True, choices=("sft", "dpo", "cpt"), help="what they are for")
    own.add_argument("--out", required=True, type=Path, help="folder for the rows and the report")
    own.add_argument(
        "--redact",
        action="store_true",
        help="replace e-mail and IP addresses, numbers of telephones, cards and accounts, and access keys",
    )
    own.add_argument("--distinct", action="store_true", help="leave out rows that equal an earlier one")
    own.add_argument("--region", help="country whose national telephone numbers to find, for example DE")
    own.set_defaults(command=_import)

    rollback = commands.add_parser("rollback", help="make the previous champion the champion again")
    rollback.add_argument("name", help="registered model")
    promote = commands.add_parser("promote", help="make a registered version the champion, whatever its gate said")
    promote.add_argument("name", help="registered model")
    promote.add_argument("version", help="its version, or an alias of it")
    for moving, command in ((rollback, _rollback), (promote, _promote)):
        moving.add_argument("--why", default="", help="the reason, kept with the version that leaves its place")
        moving.add_argument("--store", help="where its files are kept, as runtime.store of its run")
        moving.set_defaults(command=command)

    report = commands.add_parser("report", help="what a run showed")
    report.add_argument("run", nargs="?", default="latest", help="run id; the latest by default")
    report.add_argument("--json", action="store_true", help="for programs (docs/reference/report.md)")
    report.set_defaults(command=_report)

    ui = commands.add_parser("ui", help="start Prefect's and MLflow's pages and wait for Ctrl-C")
    ui.add_argument("--prefect-port", type=int, default=4200, help="4200 by default; 0 takes a free one")
    ui.add_argument("--mlflow-port", type=int, default=5000, help="5000 by default; 0 takes a free one")
    ui.set_defaults(command=_ui)

    domain = commands.add_parser("domain", help="what a domain of your own still lacks (docs/how-to/own-domain.md)")
    domain.add_argument("action", choices=("check",))
    domain.add_argument("domain", help="a built-in domain's name, or the folder of yours")
    domain.set_defaults(command=_domain)

    clean = commands.add_parser("clean", help="remove what no run needs any more")
    clean.add_argument(
        "--older", type=int, default=7, metavar="DAYS", help="days that it was not touched; 7 by default"
    )
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed; remove nothing")
    clean.set_defaults(command=_clean)

    doctor = commands.add_parser("doctor", help="what is missing on this machine, with the remedy for each")
    doctor.set_defaults(command=_doctor)
    presets = commands.add_parser("presets", help="the presets there are")
    presets.set_defaults(command=_presets)
    return parser


def _run(options: argparse.Namespace) -> int:
    from temper.cli.run import run

    return run(options.preset, options.overrides, until=options.until, dry_run=options.dry_run)


def _import(options: argparse.Namespace) -> int:
    from temper.traces.bring import bring, show

    imported = bring(
        options.files,
        options.name,
        options.out,
        redact=options.redact,
        region=options.region,
        distinct=options.distinct,
    )
    show(imported, options.out, options.redact)
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from temper.cli.champion import rollback

    return rollback(options.name, options.why, options.store)


def _promote(options: argparse.Namespace) -> int:
    from temper.cli.champion import promote

    return promote(options.name, options.version, options.why, options.store)


def _report(options: argparse.Namespace) -> int:
    from temper.report import show

    return show(options.run, options.json)


def _ui(options: argparse.Namespace) -> int:
    from temper.cli.run import ui

    return ui(options.prefect_port, options.mlflow_port)


def _domain(options: argparse.Namespace) -> int:
    from temper.domains import load_domain
    from temper.synthesis.domain_check import problems

    faults = list(problems(load_domain(options.domain)))
    print("\n".join(faults) or f"{options.domain}: keeps every promise of the protocol")
    if faults:
        raise ConfigError(f"{options.domain}: {len(faults)} to mend")
    return 0


def _clean(options: argparse.Namespace) -> int:
    from temper.cli.clean import clean

    return clean(options.older, dry_run=options.dry_run)


def _doctor(_: argparse.Namespace) -> int:
    from temper.doctor import check

    return check()


def _presets(_: argparse.Namespace) -> int:
    from temper.config import presets

    for name, path in presets().items():
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        print(f"{name:<10} {first.lstrip('# ')}")
    return 0
