#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the constant tables of the protobuf decoder from the facts in src/kube/facts.

usage: kube_proto.py FACTS_DIR PROTO.c    (meson calls it; see kube/schema_internal.h)
"""
import json
import re
import sys

HEAD = "/* SPDX-License-Identifier: Apache-2.0\n * Made by tools/gen/kube_proto.py: do not edit. */\n" \
       '#include "kube/schema_internal.h"\n\n'


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def c_str(text):
    return '"' + text + '"'


def str_init(text):
    return "STR_INIT(%s)" % c_str(text)


def write_protos(out, messages, types):
    out.write(HEAD)
    wire = {"string", "bytes", "bool", "int32", "int64", "double"}
    special = {"apis.meta.v1.Time": "TIME", "apis.meta.v1.MicroTime": "MICRO_TIME", "api.resource.Quantity": "QUANTITY",
               "util.intstr.IntOrString": "INT_OR_STRING", "runtime.RawExtension": "RAW", "apis.meta.v1.FieldsV1": "RAW",
               "apiextensions.v1.JSON": "RAW", "apiextensions.v1.JSONSchemaPropsOrArray": "ONE",
               "apiextensions.v1.JSONSchemaPropsOrBool": "ONE", "apiextensions.v1.JSONSchemaPropsOrStringArray": "ONE"}
    messages = sorted(messages, key=lambda m: m["message"])
    index = {m["message"]: i for i, m in enumerate(messages)}
    table, start = "", 0
    out.write("static const struct proto_field fields[] = {\n")
    for m in messages:
        known = types.get(m["message"], {}).get("fields", {})
        plain = {re.sub("[^a-z]", "", key.lower()): key for key in known}
        for f in sorted(m["fields"], key=lambda f: f["n"]):
            kind = f.get("type") or f["map"]
            if kind not in wire and kind not in index:
                kind = m["message"].rpartition(".")[0] + "." + kind
            name = plain.get(re.sub("[^a-z]", "", f["name"].lower()), f["name"])
            flags = ["PROTO_" + flag.upper() for flag in ("repeated", "map") if flag in f]
            if f.get("inline") and kind in index and "repeated" not in f:
                flags.append("PROTO_INLINE")
            out.write("    { %s, PROTO_%s, %s, %d, %s },\n" % (
                c_str(name), kind.upper() if kind in wire else "MESSAGE", " | ".join(flags) or "0", f["n"],
                "NULL" if kind in wire else "&proto_table[%d]" % index[kind]))
        kind = "LIST" if m["message"].endswith(".ExtraValue") else special.get(m["message"], "PLAIN")
        table += "    { %s, %d, PROTO_%s, &fields[%d] },\n" % (str_init(m["message"]), len(m["fields"]), kind, start)
        start += len(m["fields"])
    out.write("};\nconst struct proto_message proto_table[] = {\n%s};\n" % table)
    out.write("const size_t proto_table_n = %d;\n" % len(messages))


def main():
    facts, proto_c = sys.argv[1:]
    types = {t["name"]: t for t in rows(facts + "/types.jsonl")}
    with open(proto_c, "w", encoding="utf-8") as out:
        write_protos(out, rows(facts + "/protobuf.jsonl"), types)


main()
