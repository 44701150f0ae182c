/* SPDX-License-Identifier: Apache-2.0
 * logs — what a pod's container wrote. */
#include "base/arena.h"
#include "cli/targets.h"
#include "cli/verbs/verbs.h"
#include "client/rest_request.h"
#include "codec/url.h"

static bool put(void *arg, struct str piece)
{
    FILE *out = arg;
    return fwrite(piece.p, 1, piece.n, out) == piece.n && fflush(out) == 0;
}

static void put_param(struct buf *b, const char *name, struct str value)
{
    if (!value.n)
        return;
    buf_printf(b, "%c%s=", str_find_char(buf_view(b), '?') < 0 ? '?' : '&', name);
    url_encode(b, value);
}

static int first_pod(struct str *out,
                     struct arena *a,
                     struct conn *c,
                     const struct target *owner,
                     struct err *err)
{
    const struct resource *pods = resource_find((struct str){ 0 }, STR("v1"), STR("pods"));
    struct answer list = { 0 }, object = { 0 };
    struct request get = conn_request(c, VERB_GET, owner->resource, owner->name);
    struct request req = conn_request(c, VERB_LIST, pods, (struct str){ 0 });
    bool found = false;
    int rc = conn_do(c, &get, &object, err);
    if (rc == 0)
        rc = conn_do(c, &req, &list, err);
    for (size_t i = 0; i < list.n_items && !found; i++) {
        found = target_has_pod(object.object, list.items[i]);
        if (found)
            *out = arena_str(a, list.items[i]->name);
    }
    if (rc == 0 && !found)
        rc = err_set(err, ERR_NOT_FOUND, "%.*s/%.*s has no pods",
                     STR_ARG(owner->resource->singular), STR_ARG(owner->name));
    answer_fini(&list);
    answer_fini(&object);
    return rc;
}

/* The pod of "pod/NAME" or "NAME"; of "job/NAME" its first pod. */
static int
pod_name(struct str *out, struct arena *a, struct conn *c, struct str word, struct err *err)
{
    struct str name = word, type = str_split(&name, '/');
    if (!name.p) {
        *out = word;
        return 0;
    }
    const struct resource *r = conn_resource(c, type, err);
    if (!r)
        return -1;
    if (!str_is(r->plural, "pods"))
        return first_pod(out, a, c, &(struct target){ r, name }, err);
    *out = name;
    return 0;
}

static int verb_logs(struct cli *cli, struct args *args, struct err *err)
{
    if (args_operands(args) != 1)
        return err_set(err, ERR_INVALID, "which pod? usage: ganglion logs POD [-f]");
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str pod = { 0 };
    if (!c || pod_name(&pod, a, c, args_operand(args, 0), err) != 0)
        return -1;
    const struct resource *pods = resource_find((struct str){ 0 }, STR("v1"), STR("pods"));
    struct request log = conn_request(c, VERB_GET, pods, pod);
    log.subresource = STR("log");
    if (conn_check(&log, err) != 0)
        return -1;
    struct buf path;
    buf_init(&path, 4096);
    buf_str(&path, rest_request_parts(a, &log).path_query);
    put_param(&path, "container", args_text(args, "container"));
    put_param(&path, "tailLines", args_text(args, "tail"));
    put_param(&path, "sinceSeconds", args_text(args, "since-seconds"));
    put_param(&path, "follow", args_flag(args, "follow") ? STR("true") : (struct str){ 0 });
    put_param(&path, "previous", args_flag(args, "previous") ? STR("true") : (struct str){ 0 });
    put_param(&path, "timestamps", args_flag(args, "timestamps") ? STR("true") : (struct str){ 0 });
    int rc = conn_stream(c, buf_view(&path), put, cli->out, err);
    buf_fini(&path);
    return rc;
}

static const struct option rows[] = {
    { .name = "container",
      .letter = 'c',
      .type = OPTION_TEXT,
      .value = "NAME",
      .fallback = "",
      .help = "of a pod with several" },
    { .name = "follow",
      .letter = 'f',
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "go on until the container ends" },
    { .name = "previous",
      .letter = 'p',
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "of the run before the last restart" },
    { .name = "tail",
      .type = OPTION_NUMBER,
      .value = "LINES",
      .fallback = "",
      .help = "only the last lines" },
    { .name = "since-seconds",
      .type = OPTION_NUMBER,
      .value = "N",
      .fallback = "",
      .help = "only lines newer than that" },
    { .name = "timestamps",
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "each line with its time" },
};

const struct cli_verb logs_verb = {
    .name = "logs",
    .usage = "POD | TYPE/NAME",
    .help = "show what a pod's container wrote",
    .examples = "  ganglion logs -f train-0-x7k2p\n"
                "  ganglion logs job/train --tail 20",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = 1,
    .run = verb_logs,
};
