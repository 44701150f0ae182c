/* SPDX-License-Identifier: Apache-2.0
 * Defaults, documents, overrides, and errors that name the key. */
#include "daemon/config.h"

#include "base/time.h"
#include "testkit/check.h"

struct sample {
    struct str address, format;
    int64_t port, wait_ns, bytes;
    bool remote;
    struct config_strs names;
    struct config_lists commands;
};

static const struct config_field fields[] = {
    CONFIG_STR(struct sample, address, "http.address", "127.0.0.1", "where to listen"),
    CONFIG_I64(struct sample, port, "http.port", "6443", "0: any", 0, 65535),
    CONFIG_BOOL(struct sample, remote, "http.allowRemote", NULL, "listen beyond loopback"),
    CONFIG_DURATION(struct sample, wait_ns, "http.limits.wait", "1m30s", "patience"),
    CONFIG_BYTES(struct sample, bytes, "http.limits.bytes", "3Mi", "largest body"),
    CONFIG_CHOICE(struct sample, format, "log.format", "text", "how lines look", "text,json"),
    CONFIG_STRS(struct sample, names, "names", "a, b", "names of things"),
    CONFIG_LISTS(struct sample, commands, "commands", NULL, "what to run"),
};
static const struct config_table table = { fields, COUNT_OF(fields) };

static struct arena *arena;

static struct sample fresh(void)
{
    struct sample s = { 0 };
    config_defaults(&s, &table, arena);
    return s;
}

static void defaults_are_set(void **state)
{
    (void)state;
    struct sample s = fresh();
    CHECK_STR(s.address, "127.0.0.1");
    CHECK_I64(s.port, 6443);
    CHECK(!s.remote);
    CHECK_I64(s.wait_ns, 90 * NS_PER_S);
    CHECK_I64(s.bytes, 3 << 20);
    CHECK_STR(s.format, "text");
    CHECK_I64(s.names.n, 2);
    CHECK_STR(s.names.items[1], "b");
}

static void documents_are_read(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct sample s = fresh();
    CHECK_OK(config_read(&s, &table, arena,
                         STR("http:\n  port: 0\n  allowRemote: true\n  limits:\n    wait: 5s\n"
                             "    bytes: 4096\nlog:\n  format: json\nnames: [u, v, w]\n"),
                         &err),
             err);
    CHECK_I64(s.port, 0);
    CHECK(s.remote);
    CHECK_I64(s.wait_ns, 5 * NS_PER_S);
    CHECK_I64(s.bytes, 4096);
    CHECK_STR(s.format, "json");
    CHECK_I64(s.names.n, 3);
    CHECK_STR(s.address, "127.0.0.1"); /* not named, so it stays */
    CHECK_OK(config_read(&s, &table, arena, STR("{\"http\":{\"address\":\"::1\"}}"), &err), err);
    CHECK_STR(s.address, "::1");
    CHECK_OK(config_read(&s, &table, arena, STR(""), &err), err);
    CHECK_OK(config_read(&s, &table, arena, STR("# nothing\nhttp:\n"), &err), err);
    CHECK_STR(s.address, "::1");
}

static void errors_name_the_key(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *want;
    } bad[] = {
        { STR_INIT("http:\n  prot: 1\n"),
          "unknown key \"http.prot\"; did you mean \"http.port\"?" },
        { STR_INIT("zzzzzzzzzzzz: 1\n"), "unknown key \"zzzzzzzzzzzz\"" },
        { STR_INIT("http:\n  port: high\n"), "http.port: \"high\" is not a whole number" },
        { STR_INIT("http:\n  port: \"1\"\n"), "http.port: \"1\" is not a whole number" },
        { STR_INIT("http:\n  port: 65536\n"), "http.port: 65536 is not from 0 to 65535" },
        { STR_INIT("http:\n  allowRemote: 1\n"), "http.allowRemote: \"1\" is not true or false" },
        { STR_INIT("http: 3\n"), "\"http\" is a section, not a value" },
        { STR_INIT("log:\n  format: xml\n"), "log.format: \"xml\" is not one of text,json" },
        { STR_INIT("names: [1]\n"), "names: \"1\" is not a list of texts" },
        { STR_INIT("http:\n  limits:\n    bytes: 1Pi\n"), "is not a size" },
        { STR_INIT("commands: [a]\n"), "commands: \"[\"a\"]\" is not a mapping of names" },
        { STR_INIT("commands:\n  a: 3\n"), "commands.a: wants a text or a list of texts" },
        { STR_INIT("commands: {a: []}\n"), "commands.a: wants a text" },
        { STR_INIT("commands: {\"\": x}\n"), "commands.: wants a text" },
        { STR_INIT("http: {address: \"a\\0b\"}\n"), "http.address: holds a NUL character" },
        { STR_INIT("- a\n"), "a mapping of keys" },
        { STR_INIT("a: 1\n---\nb: 2\n"), "one document, not 2" },
        { STR_INIT("a: [\n"), "line" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        struct sample s = fresh();
        CHECK_FAILS(config_read(&s, &table, arena, bad[i].text, &err), err, ERR_INVALID);
        if (!strstr(err.msg, bad[i].want))
            CHECK_CSTR(err.msg, bad[i].want);
    }
}

static void flags_override(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct sample s = fresh();
    CHECK_OK(config_override(&s, &table, arena, STR("--http.port=1"), &err), err);
    CHECK_OK(config_override(&s, &table, arena, STR("--http.allowRemote"), &err), err);
    CHECK_OK(config_override(&s, &table, arena, STR("--names="), &err), err);
    CHECK_OK(config_override(&s, &table, arena, STR("--http.limits.bytes=1Gi"), &err), err);
    CHECK_I64(s.port, 1);
    CHECK(s.remote);
    CHECK_I64(s.names.n, 0);
    CHECK_I64(s.bytes, 1 << 30);
    CHECK_FAILS(config_override(&s, &table, arena, STR("--http.prt=1"), &err), err, ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "\"http.port\"") != NULL);
    CHECK_FAILS(config_override(&s, &table, arena, STR("--http.port"), &err), err, ERR_INVALID);
    CHECK_FAILS(config_override(&s, &table, arena, STR("--http.port=x"), &err), err, ERR_INVALID);
}

static void mappings_of_lists(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct sample s = fresh();
    CHECK_OK(config_read(&s, &table, arena,
                         STR("commands:\n  b:1.36: [sh, -c, \"a, b\"]\n  one: x\n"), &err),
             err);
    CHECK_I64(s.commands.n, 2);
    CHECK_STR(s.commands.items[0].name, "b:1.36");
    CHECK_STR(s.commands.items[0].values.items[2], "a, b");
    CHECK_STR(s.commands.items[1].values.items[0], "x");
    CHECK_OK(config_override(&s, &table, arena, STR("--commands=one=y,z"), &err), err);
    CHECK_OK(config_override(&s, &table, arena, STR("--commands=new=w"), &err), err);
    CHECK_I64(s.commands.n, 3);
    CHECK_STR(s.commands.items[1].values.items[1], "z");
    CHECK_FAILS(config_override(&s, &table, arena, STR("--commands=w"), &err), err, ERR_INVALID);
}

static void rows_document_themselves(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    config_help(&b, &table);
    CHECK(str_find(buf_view(&b), STR("--http.port=…\n        0: any (default 6443)\n")) >= 0);
    CHECK(str_find(buf_view(&b), STR("--log.format=text,json\n")) >= 0);
    buf_clear(&b);
    config_reference(&b, &table);
    CHECK(str_find(buf_view(&b), STR("| `http.port` | a whole number | `6443` | 0: any |\n")) >= 0);
    buf_fini(&b);
}

int main(void)
{
    arena = arena_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_set),         cmocka_unit_test(documents_are_read),
        cmocka_unit_test(errors_name_the_key),      cmocka_unit_test(flags_override),
        cmocka_unit_test(rows_document_themselves), cmocka_unit_test(mappings_of_lists),
    };
    int rc = CHECK_MAIN(tests);
    arena_free(arena);
    return rc;
}
