#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C file that holds texts: usage: embed.py NAME OUT FILE... gives
`const struct str NAME[]` and `const size_t NAME_count`. Runs in the build."""
import sys

name, out, files = sys.argv[1], sys.argv[2], sys.argv[3:]


def quoted(text):
    lines = []
    for line in text.splitlines():
        escaped = line.encode("unicode_escape").decode().replace('"', '\\"')
        lines.append(f'"{escaped}\\n"')
    return "\n    ".join(lines)


with open(out, "w", encoding="utf-8") as f:
    f.write('#include "base/str.h"\n#include "base/mem.h"\n\n')
    f.write(f"extern const struct str {name}[];\nextern const size_t {name}_count;\n\n")
    f.write(f"const struct str {name}[] = {{\n")
    for path in files:
        with open(path, encoding="utf-8") as text:
            f.write(f"    STR_INIT({quoted(text.read())}),\n")
    f.write(f"}};\nconst size_t {name}_count = {len(files)};\n")
