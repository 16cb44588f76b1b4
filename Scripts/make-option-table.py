#!/usr/bin/env python3
"""make-option-table.py SIFTOOL > Sources/SIFTool/SiftoolOptions.swift

The options of every command, from what the commands themselves say of them, as the table that the grammar of the command
line reads (docs/decisions/0010-command-line.md). A test compares the file with what this prints.
"""
import json
import subprocess
import sys


def commands(command, path):
    if path == ["help"]:
        return
    words, starts_program = [], False
    for argument in command.get("arguments", []):
        if argument["kind"] == "positional":
            starts_program |= argument["parsingStrategy"] == "allRemainingInput"
            continue
        names = {}
        for name in argument["names"]:
            names.setdefault(name["kind"], []).append(name["name"])
        if names["long"] == ["help"]:
            continue
        word = "|".join(names["long"])
        if "short" in names:
            word = f"{names['short'][0]}/{word}"
        if argument["kind"] == "option":
            if argument["isRepeating"]:
                word += "=+"
            else:
                word += "!" if argument["parsingStrategy"] == "unconditional" else "="
        words.append(word)
    yield " ".join(path) + ("..." if starts_program else "") + ": " + " ".join(words)
    for sub in command.get("subcommands", []):
        yield from commands(sub, path + [sub["commandName"]])


def wrapped(line, width):
    lines = [""]
    for word in line.split(" "):
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word + " "
    return [text if text is not lines[-1] else text.rstrip() for text in lines]


tree = json.loads(subprocess.check_output([sys.argv[1], "--experimental-dump-help"]))["command"]
print(f"""// Made by Scripts/make-option-table.py.

import CommandKit

extension OptionTable {{
  /// The options of `{tree["commandName"]}`'s commands.
  static let {tree["commandName"]} = OptionTable(
    tool: "{tree["commandName"]}",
    lines: [""")
for line in commands(tree, []):
    parts = wrapped(line, 98)
    if len(parts) == 1:
        print(f'      "{line}",')
        continue
    print('      """')
    for part in parts:
        print("      " + part.rstrip() + (" \\" if part.endswith(" ") else ""))
    print('      """,')
print("    ])\n}")
