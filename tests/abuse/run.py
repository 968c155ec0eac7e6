"""The cases, one after the other. Each begins from nothing and says how to repeat what it complains of."""

import sys
import time
import traceback

import harness
import documents
import files
import servers

CASES = {name: case for module in (files, documents, servers) for name, case in vars(module).items() if name.startswith("case_")}


def main():
    names = {name.removeprefix("case_"): case for name, case in CASES.items()}
    if "--list" in sys.argv:
        for name, case in names.items():
            print(f"{name:24} {case.__doc__.splitlines()[0]}")
        return 0
    wanted = sys.argv[1:] or list(names)
    if unknown := [name for name in wanted if name not in names]:
        print(f"no such case: {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    if not harness.SUMERU.exists():
        print(f"{harness.SUMERU} is missing: run `make build` first", file=sys.stderr)
        return 1
    harness.limit_files()
    failed = []
    for name in wanted:
        print(f"{name} ... ", end="", flush=True)
        started = time.monotonic()
        try:
            with harness.place() as place:
                note = names[name](place)
        except harness.Skipped as skipped:
            print(f"skipped: {skipped}")
        except harness.Failed as complaint:
            failed.append(name)
            print(f"FAILED ({time.monotonic() - started:.1f} s)\n{complaint}\n")
        except Exception:  # a case that stumbles has not passed
            failed.append(name)
            print(f"FAILED ({time.monotonic() - started:.1f} s)\n{traceback.format_exc()}")
        else:
            print(f"passed ({time.monotonic() - started:.1f} s){f': {note}' if note else ''}")
    print(f"\n{len(wanted) - len(failed)} of {len(wanted)} cases did not fail" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
