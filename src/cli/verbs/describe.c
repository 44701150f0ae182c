/* SPDX-License-Identifier: Apache-2.0
 * describe — one object for a person: who it is, what it asks for, how it is, and its Events. */
#include "base/arena.h"
#include "cli/output.h"
#include "cli/targets.h"
#include "cli/verbs/verbs.h"
#include "codec/yaml.h"
#include "io/clock.h"

#define PART_BYTES_MAX ((size_t)4 << 20)

static void put_map(FILE *out, const char *title, struct json map)
{
    bool first = true;
    for (struct json_iter it = json_iter(map); json_next(&it); first = false)
        fprintf(out, "%-14s%.*s=%.*s\n", first ? title : "", STR_ARG(it.key),
                STR_ARG(json_str(it.value)));
    if (first)
        fprintf(out, "%-14s<none>\n", title);
}

static void put_part(FILE *out, const char *title, struct json v)
{
    if (!json_len(v))
        return;
    struct buf b;
    buf_init(&b, PART_BYTES_MAX);
    yaml_write(&b, v, YAML_AS_IS);
    fprintf(out, "%s\n", title);
    for (struct str rest = buf_view(&b); rest.p && rest.n;) {
        struct str line = str_split(&rest, '\n'); /* STR_ARG evaluates twice */
        fprintf(out, "  %.*s\n", STR_ARG(line));
    }
    buf_fini(&b);
}

static void put_object(FILE *out, const struct kobj *o)
{
    struct json root = kobj_root(o), owner = kobj_controller(o);
    fprintf(out, "%-14s%.*s\n", "Name:", STR_ARG(o->name));
    if (o->namespace.n)
        fprintf(out, "%-14s%.*s\n", "Namespace:", STR_ARG(o->namespace));
    fprintf(out, "%-14s%.*s, %.*s\n", "Kind:", STR_ARG(o->kind), STR_ARG(o->api_version));
    put_map(out, "Labels:", json_path(root, "metadata.labels"));
    put_map(out, "Annotations:", json_path(root, "metadata.annotations"));
    if (json_exists(owner))
        fprintf(out, "%-14s%.*s/%.*s\n",
                "Controlled by:", STR_ARG(json_str(json_get(owner, STR("kind")))),
                STR_ARG(json_str(json_get(owner, STR("name")))));
    for (struct json_iter it = json_iter(root); json_next(&it);) {
        static const char *const shown[] = { "apiVersion", "kind", "metadata" };
        bool skip = false;
        for (size_t i = 0; i < COUNT_OF(shown); i++)
            skip = skip || str_is(it.key, shown[i]);
        char title[128];
        snprintf(title, sizeof title, "%.*s:", STR_ARG(it.key));
        if (!skip)
            put_part(out, title, it.value);
    }
}

static struct str age_of(struct arena *a, const struct kobj *event)
{
    struct wall at = kobj_created(event);
    wall_parse(json_str(kobj_path(event, "lastTimestamp")), &at);
    char text[TIME_TEXT_MAX];
    struct str age = arena_str(a, duration_human(text, clock_wall().ns - at.ns));
    int64_t count = json_i64_or(kobj_path(event, "count"), 1);
    return count > 1 ? arena_printf(a, "%.*s (x%lld)", STR_ARG(age), (long long)count) : age;
}

static int put_events(FILE *out, struct conn *c, const struct kobj *o, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct resource *events = resource_find((struct str){ 0 }, STR("v1"), STR("events"));
    struct request r = conn_request(c, VERB_LIST, events, (struct str){ 0 });
    r.namespace = o->namespace.n ? o->namespace : STR("default");
    r.list.field_selector = arena_printf(a, "involvedObject.uid=%.*s", STR_ARG(o->uid));
    struct answer list = { 0 };
    if (conn_do(c, &r, &list, err) != 0)
        return -1;
    struct text_table t = { .a = a, .columns = 5 };
    const struct str head[] = { STR("  Type"), STR("Reason"), STR("Age"), STR("From"),
                                STR("Message") };
    text_table_row(&t, head);
    for (size_t i = 0; i < list.n_items; i++) {
        struct json e = kobj_root(list.items[i]);
        struct str row[5] = {
            arena_printf(a, "  %.*s", STR_ARG(json_str(json_get(e, STR("type"))))),
            json_str(json_get(e, STR("reason"))),
            age_of(a, list.items[i]),
            json_str(json_path(e, "source.component")),
            json_str(json_get(e, STR("message"))),
        };
        text_table_row(&t, row);
    }
    fprintf(out, "Events:%s\n", list.n_items ? "" : "       <none>");
    if (list.n_items)
        text_table_print(&t, out);
    answer_fini(&list);
    return 0;
}

static int describe_one(struct cli *cli, struct conn *c, const struct target *t, struct err *err)
{
    struct request r = conn_request(c, t->name.n ? VERB_GET : VERB_LIST, t->resource, t->name);
    struct answer a = { 0 };
    if (conn_do(c, &r, &a, err) != 0)
        return -1;
    struct kobj **items = t->name.n ? &a.object : a.items;
    size_t n = t->name.n ? 1 : a.n_items;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (i)
            fputs("\n\n", cli->out);
        put_object(cli->out, items[i]);
        rc = put_events(cli->out, c, items[i], err);
    }
    answer_fini(&a);
    return rc;
}

static int verb_describe(struct cli *cli, struct args *args, struct err *err)
{
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    struct target_vec targets = { 0 };
    if (!c)
        return -1;
    int rc = targets_parse(&targets, c, args, err);
    for (size_t i = 0; i < targets.n && rc == 0; i++)
        rc = describe_one(cli, c, &targets.items[i], err);
    target_vec_fini(&targets);
    return rc;
}

const struct cli_verb describe_verb = {
    .name = "describe",
    .usage = "TYPE [NAME…] | TYPE/NAME…",
    .help = "show one object in full, with its events",
    .examples = "  ganglion describe pod web-0",
    .client = true,
    .max_operands = -1,
    .run = verb_describe,
};
