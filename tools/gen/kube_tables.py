#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the constant C tables of src/kube from the facts in src/kube/facts.

usage: kube_tables.py FACTS_DIR SCHEMA.c KIND.c    (meson calls it; see kube/schema_internal.h)
"""
import json
import re
import sys

HEAD = "/* SPDX-License-Identifier: Apache-2.0\n * Made by tools/gen/kube_tables.py: do not edit. */\n" \
       '#include "kube/schema_internal.h"\n\n'
SCALARS = {("string", None): "STRING", ("string", "byte"): "BYTES", ("string", "date-time"): "TIME",
           ("string", "int-or-string"): "INT_OR_STRING", ("integer", "int32"): "INT", ("integer", "int64"): "INT",
           ("number", "double"): "NUMBER", ("boolean", None): "BOOL", ("object", None): "ANY", (None, None): "ANY"}
TYPES = {"api.resource.Quantity": "QUANTITY", "apis.meta.v1.MicroTime": "MICRO_TIME",
         "apis.meta.v1.Patch": "OBJECT", "apiextensions.v1.CustomResourceSubresourceStatus": "OBJECT"}
WANTED = re.compile("SCHEMA_FIELD_(ALWAYS|DEFAULT|EMPTY)")


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def c_str(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def str_init(text):
    return "STR_INIT(%s)" % c_str(text)


class Lists:
    """Lists of strings, each written once: `static const struct str NAME[] = {...}`."""

    def __init__(self, prefix):
        self.prefix, self.known = prefix, {}

    def ref(self, values):
        return "%s_%d" % (self.prefix, self.known.setdefault(tuple(values), len(self.known)))

    def write(self, out):
        for values, i in self.known.items():
            out.write("static const struct str %s_%d[] = { %s };\n" % (self.prefix, i, ", ".join(map(str_init, values))))


class Schemas:
    def __init__(self, types, wire):
        self.types = {t["name"]: t for t in types}
        self.names = sorted(self.types)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.wire = {z["name"]: z for z in wire}
        self.anonymous, self.fields, self.strs = {}, [], Lists("strs")

    def ref(self, node):
        """The index in schema_table of the type that a field has."""
        if "ref" in node:
            assert "default" not in node
            return self.index[node["ref"]]
        row = self.row(node)
        return self.anonymous.setdefault(row, len(self.names) + len(self.anonymous))

    def row(self, node):
        flags, parts = [], []
        if node.get("type") == "array":
            parts.append(".type = SCHEMA_LIST, .elem = &schema_table[%d]" % self.ref(node["items"]))
            parts.append(".list = SCHEMA_LIST_%s" % node.get("list", "atomic").upper())
            if "merge" in node.get("patch", ""):
                flags.append("SCHEMA_PATCH_MERGE")
            if "retainKeys" in node.get("patch", ""):
                flags.append("SCHEMA_RETAIN_KEYS")
            if node.get("keys"):
                parts.append(".keys = %s, .n_keys = %d" % (self.strs.ref(node["keys"]), len(node["keys"])))
            if node.get("mergeKey"):
                parts.append(".merge_key = %s" % str_init(node["mergeKey"]))
        elif "map" in node:
            parts.append(".type = SCHEMA_MAP, .elem = &schema_table[%d]" % self.ref(node["map"]))
            if node.get("mapType") == "atomic":
                flags.append("SCHEMA_ATOMIC")
        else:
            parts.append(".type = SCHEMA_" + SCALARS[node.get("type"), node.get("format")])
            if node.get("format") == "int32":
                flags.append("SCHEMA_INT32")
        if "enum" in node:
            parts.append(".enums = %s, .n_enums = %d" % (self.strs.ref(node["enum"]), len(node["enum"])))
        if "default" in node:
            parts.append(".default_json = %s" % str_init(json.dumps(node["default"])))
        return ", ".join(parts + [".flags = " + " | ".join(flags)] if flags else parts)

    def field(self, t, name, node):
        flags = []
        wire = self.wire.get(t["name"], {})
        if name in wire.get("default", {}):
            node = dict(node, default=wire["default"][name])
        if name in t.get("required", ()):
            flags.append("SCHEMA_FIELD_REQUIRED")
        if node.get("patch") == "replace":
            flags.append("SCHEMA_FIELD_REPLACE")
        if node.get("patch") == "retainKeys":
            flags.append("SCHEMA_FIELD_RETAIN_KEYS")
        if node.get("mapType") == "granular":
            flags.append("SCHEMA_FIELD_GRANULAR")
        if name in wire.get("always", ()) or node.get("ref") == "apis.meta.v1.ObjectMeta":
            flags.append("SCHEMA_FIELD_ALWAYS")
        if "default" in node:
            flags.append("SCHEMA_FIELD_DEFAULT")
        required = name in t.get("required", ()) and "default" not in node
        if name in wire.get("empty", ()) or required and node.get("type") in ("string", "array", "object"):
            flags.append("SCHEMA_FIELD_EMPTY")
        text = node.get("type") in ("string", "array", "object") and name not in t.get("required", ())
        if name in wire.get("drop", ()) or text and name not in wire.get("keep", ()):
            flags.append("SCHEMA_FIELD_DROP_ZERO")
        return "    { %s, &schema_table[%d], %d, %s },\n" % (c_str(name), self.ref(node), len(name), " | ".join(flags) or "0")

    def named(self, name):
        t = self.types[name]
        kind = TYPES.get(name) or ("OBJECT" if "fields" in t else SCALARS[t.get("type"), t.get("format")])
        parts = [".type = SCHEMA_" + kind, ".name = " + str_init(name)]
        if t.get("mapType") == "atomic":
            parts.append(".flags = SCHEMA_ATOMIC")
        if "PropsOr" in name:  # a JSONSchemaProps, a list of them, or something plain
            parts.append(".elem = &schema_table[%d]" % self.index["apiextensions.v1.JSONSchemaProps"])
        if t.get("fields"):
            rows = [self.field(t, key, t["fields"][key]) for key in sorted(t["fields"])]
            wanted = sum(1 for row in rows if WANTED.search(row))
            parts.append(".fields = &fields[%d], .n_fields = %d, .n_wanted = %d" % (len(self.fields), len(rows), wanted))
            self.fields += rows
        return ", ".join(parts)

    def write(self, out):
        named = [self.named(name) for name in self.names]
        gvks = sorted((gvk, self.index[name]) for name in self.names for gvk in self.types[name].get("gvk", ()))
        out.write(HEAD)
        self.strs.write(out)
        out.write("static const struct schema_field fields[] = {\n%s};\n" % "".join(self.fields))
        out.write("const struct schema schema_table[] = {\n")
        for row in named + list(self.anonymous):
            out.write("    { %s },\n" % row)
        out.write("};\nconst size_t schema_table_named = %d;\n" % len(named))
        out.write("const struct schema_gvk schema_gvks[] = {\n")
        for gvk, i in gvks:
            out.write("    { &schema_table[%d], %s },\n" % (i, str_init(gvk)))
        out.write("};\nconst size_t schema_gvks_n = %d;\n" % len(gvks))
        return dict(gvks)


def verbs(row):
    return " | ".join("VERB_BIT(VERB_%s)" % v.upper().replace("DELETECOLLECTION", "DELETE_COLLECTION") for v in row["verbs"])


def write_kinds(out, resources, gvks):
    strs = Lists("strs")
    main = sorted((r for r in resources if "/" not in r["name"]), key=lambda r: (r["group"], r["version"], r["name"]))
    body, table = "", ""
    for i, r in enumerate(main):
        subs = [s for s in resources if s["name"].startswith(r["name"] + "/")
                and (s["group"], s["version"]) == (r["group"], r["version"])]
        columns = "".join("    { %s, %s, %s, %s, %d, STR_INIT(\"\") },\n" % (
            str_init(c["name"]), str_init(c["type"]), str_init(c.get("format", "")), str_init(c.get("description", "")),
            c.get("priority", 0)) for c in r.get("columns", ()))
        parts = [".group = %s, .version = %s" % (str_init(r["group"]), str_init(r["version"])),
                 ".plural = %s, .singular = %s" % (str_init(r["name"]), str_init(r["singularName"])),
                 ".kind = %s, .list_kind = %s" % (str_init(r["kind"]), str_init(r["kind"] + "List")),
                 ".namespaced = %s, .verbs = %s" % (str(r["namespaced"]).lower(), verbs(r))]
        for key, member in (("shortNames", "short_names"), ("categories", "categories")):
            if r.get(key):
                parts.append(".%s = %s, .n_%s = %d" % (member, strs.ref(r[key]), member, len(r[key])))
        if columns:
            body += "static const struct column columns_%d[] = {\n%s};\n" % (i, columns)
            parts.append(".columns = columns_%d, .n_columns = %d" % (i, len(r["columns"])))
        if subs:
            names = [s["name"].split("/")[1] for s in subs]
            body += "static const char *const names_%d[] = { %s, NULL };\n" % (i, ", ".join(map(c_str, names)))
            body += "static const struct subresource subs_%d[] = {\n" % i
            for name, s in zip(names, subs):
                gv = s.get("bodyGroupVersion", "")
                body += "    { %s, %s, %s, %s, %s },\n" % (str_init(name), str_init(s["kind"]), str_init(gv.rpartition("/")[0]),
                                                         str_init(gv.rpartition("/")[2]), verbs(s))
            body += "};\n"
            parts.append(".subresources = names_%d, .subs = subs_%d, .n_subs = %d" % (i, i, len(subs)))
        gvk = "%s/%s/%s" % (r["group"], r["version"], r["kind"])
        if gvk in gvks:
            parts.append(".schema = &schema_table[%d]" % gvks[gvk])
        table += "    { %s },\n" % ",\n      ".join(parts)
    out.write(HEAD)
    strs.write(out)
    out.write(body + "const struct resource resource_table[] = {\n%s};\n" % table)
    out.write("const size_t resource_table_n = %d;\n" % len(main))


def main():
    facts, schema_c, kind_c = sys.argv[1:]
    schemas = Schemas(rows(facts + "/types.jsonl"), rows(facts + "/wire.jsonl"))
    with open(schema_c, "w", encoding="utf-8") as out:
        gvks = schemas.write(out)
    with open(kind_c, "w", encoding="utf-8") as out:
        write_kinds(out, rows(facts + "/resources.jsonl"), gvks)


main()
