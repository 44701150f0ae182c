/* SPDX-License-Identifier: Apache-2.0
 * delete — deletes objects by name or by file, and waits until they are gone. */
#include <stdlib.h>

#include "base/arena.h"
#include "cli/targets.h"
#include "cli/verbs/verbs.h"
#include "io/clock.h"

#define POLL_NS (100 * NS_PER_MS)

struct victim {
    struct request get;
    const struct resource *resource;
    char *uid; /* what was deleted; a new object of that name is another one */
};

static struct request request_for(struct conn *c,
                                  enum verb verb,
                                  const struct resource *r,
                                  struct str namespace,
                                  struct str name)
{
    struct request req = conn_request(c, verb, r, name);
    if (r->namespaced && namespace.n)
        req.namespace = namespace;
    return req;
}

static bool is_gone(struct conn *c, const struct victim *v)
{
    struct answer a = { 0 };
    struct err err = { 0 };
    if (conn_do(c, &v->get, &a, &err) != 0)
        return err.kind == ERR_NOT_FOUND;
    bool other = v->uid && !str_is(a.object->uid, v->uid);
    answer_fini(&a);
    return other;
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static int wait_gone(struct conn *c, const struct victim *v, int64_t timeout_s, struct err *err)
{
    int64_t deadline = clock_mono().ns + timeout_s * NS_PER_S;
    struct timer *t = timer_new(conn_loop(c), stop, conn_loop(c));
    bool gone = is_gone(c, v);
    while (!gone && clock_mono().ns < deadline) {
        timer_start(t, POLL_NS);
        loop_run(conn_loop(c));
        gone = is_gone(c, v);
    }
    timer_free(t);
    if (gone)
        return 0;
    return err_set(err, ERR_TIMEOUT, "%.*s/%.*s is still there after %lld s (finalizers?)",
                   STR_ARG(v->resource->singular), STR_ARG(v->get.name), (long long)timeout_s);
}

static int delete_one(struct cli *cli,
                      struct conn *c,
                      const struct args *args,
                      const struct resource *r,
                      struct request req,
                      struct err *err)
{
    struct answer a = { 0 };
    struct victim v = { .get = req, .resource = r };
    v.get.verb = VERB_GET;
    req.write.grace_s = args_number(args, "grace-period");
    req.write.propagation = args_text(args, "cascade");
    if (!req.write.propagation.n)
        req.write.propagation = STR("Background");
    if (conn_do(c, &req, &a, err) != 0) {
        if (err->kind == ERR_NOT_FOUND && args_flag(args, "ignore-not-found"))
            return 0;
        return -1;
    }
    fprintf(cli->out, "%.*s%s%.*s \"%.*s\" deleted\n", STR_ARG(r->singular), r->group.n ? "." : "",
            STR_ARG(r->group), STR_ARG(req.name));
    struct str uid = a.object->uid.n ? a.object->uid : json_str(kobj_path(a.object, "details.uid"));
    v.uid = uid.n ? str_dup(uid) : NULL;
    answer_fini(&a);
    int rc = args_flag(args, "wait") ? wait_gone(c, &v, args_number(args, "timeout"), err) : 0;
    free(v.uid);
    return rc;
}

static int delete_files(struct cli *cli, struct conn *c, const struct args *args, struct err *err)
{
    struct manifest_vec objects = { 0 };
    int rc = manifests_given(&objects, args, err);
    for (size_t i = objects.n; i-- > 0 && rc == 0;) {
        const struct kobj *o = objects.items[i];
        const struct resource *r = conn_resource_kind(c, o->api_version, o->kind, err);
        rc = r ? delete_one(cli, c, args, r, request_for(c, VERB_DELETE, r, o->namespace, o->name),
                            err)
               : -1;
    }
    manifests_fini(&objects);
    return rc;
}

/* All of a type that -l or --all means. */
static int delete_selected(struct cli *cli,
                           struct conn *c,
                           const struct args *args,
                           const struct resource *r,
                           struct err *err)
{
    struct answer found = { 0 };
    struct str labels = args_text(args, "selector");
    if (!labels.n && !args_flag(args, "all"))
        return err_set(err, ERR_INVALID, "which %.*s? say a name, -l LABELS or --all",
                       STR_ARG(r->plural));
    struct request list = conn_request(c, VERB_LIST, r, (struct str){ 0 });
    list.list.label_selector = labels;
    if (conn_do(c, &list, &found, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < found.n_items && rc == 0; i++) {
        const struct kobj *o = found.items[i];
        rc =
            delete_one(cli, c, args, r, request_for(c, VERB_DELETE, r, o->namespace, o->name), err);
    }
    if (found.n_items == 0)
        fputs("No resources found.\n", cli->err);
    answer_fini(&found);
    return rc;
}

static int delete_named(struct cli *cli, struct conn *c, const struct args *args, struct err *err)
{
    struct target_vec targets = { 0 };
    int rc = targets_parse(&targets, c, args, err);
    for (size_t i = 0; i < targets.n && rc == 0; i++) {
        const struct target *t = &targets.items[i];
        if (!t->name.n)
            rc = delete_selected(cli, c, args, t->resource, err);
        else
            rc = delete_one(cli, c, args, t->resource,
                            request_for(c, VERB_DELETE, t->resource, (struct str){ 0 }, t->name),
                            err);
    }
    target_vec_fini(&targets);
    return rc;
}

static int verb_delete(struct cli *cli, struct args *args, struct err *err)
{
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    if (!c)
        return -1;
    return args_given(args, "filename") ? delete_files(cli, c, args, err)
                                        : delete_named(cli, c, args, err);
}

static const struct option rows[] = {
    MANIFESTS_OPTION("delete, last first, the objects of"),
    { .name = "selector",
      .letter = 'l',
      .type = OPTION_TEXT,
      .value = "LABELS",
      .fallback = "",
      .help = "delete those with these labels: app=web,tier!=db" },
    { .name = "all",
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "delete all of the type in the namespace" },
    { .name = "cascade",
      .type = OPTION_TEXT,
      .value = "POLICY",
      .fallback = "",
      .help = "Background, Foreground or Orphan (default Background)" },
    { .name = "grace-period",
      .type = OPTION_NUMBER,
      .value = "SECONDS",
      .fallback = "-1",
      .help = "to let pods end; -1: their own" },
    { .name = "ignore-not-found",
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "what is not there is no error" },
    { .name = "wait", .type = OPTION_FLAG, .fallback = "true", .help = "until it is gone" },
    { .name = "timeout",
      .type = OPTION_NUMBER,
      .value = "SECONDS",
      .fallback = "60",
      .help = "of the wait" },
};

const struct cli_verb delete_verb = {
    .name = "delete",
    .usage = "TYPE NAME… | TYPE/NAME… | TYPE -l LABELS | TYPE --all | -f FILE",
    .help = "delete objects",
    .examples = "  ganglion delete job train\n"
                "  ganglion delete pods -l app=web\n"
                "  ganglion delete -f job.yaml",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = -1,
    .run = verb_delete,
};
