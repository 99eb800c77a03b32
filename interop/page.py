"""docs/interop.md, from what was seen."""

from string import ascii_lowercase

INTRODUCTION = """\
# Interop

The official interop cases of gRPC (`doc/interop-test-descriptions.md` there), in both directions, each over TCP and TLS
(`concurrent_large_unary` over TCP): the chassis as server (`campus-interop-server`), the balanced client as client
(`campus-interop-client`), and opposite to them the interop programs of grpc-go {go} as they are published, and grpcio
{python} with the cases of `interop/python`. `.ci/interop` goes through all of it, and writes this page with `--write`;
a cell that is not as here fails it, also one that passes although it should not. What is expected, and why, stands in
`interop/cases.toml`.
"""


def title(pair: str) -> str:
    """A column."""
    client, server = pair.split(">")
    return f"{client} calls {server}"


def page(plan: dict, pairs: list[str], seen: dict[tuple[str, str], list[str]], versions: dict[str, str]) -> str:
    """The whole page. `seen` has what was not as expected, by case and pair."""
    notes = dict(zip(ascii_lowercase, [*plan["expected"], *plan["remarks"]], strict=False))

    def cell(case: str, pair: str) -> str:
        if (case, pair) not in seen:
            return "-"
        if seen[case, pair]:
            return "FAILED"
        here = [key for key, note in notes.items() if case in note["cases"] and pair in note["pairs"]]
        fails = any(notes[key] in plan["expected"] for key in here)
        return " ".join(["no" if fails else "yes", *(f"({key})" for key in here)])

    lines = [INTRODUCTION.format(go=versions["grpc-go"], python=versions["grpcio"])]
    lines += ["| case | " + " | ".join(map(title, pairs)) + " |", "| --- |" + " --- |" * len(pairs)]
    lines += [f"| `{case}` | " + " | ".join(cell(case, pair) for pair in pairs) + " |" for case in plan["cases"]]
    lines += ["", "yes: passed; no: it fails as it has to, for the reason given.", ""]
    lines += [f"- ({key}) {note['why']}." for key, note in notes.items()]
    lines += ["", "## Not run", "", "| case | why |", "| --- | --- |"]
    lines += [f"| `{case}` | {why} |" for case, why in plan["not_run"].items()]
    return "\n".join(lines) + "\n"
