/* SPDX-License-Identifier: Apache-2.0
 * apply — makes objects be what files say, by server-side apply (KEP-555): one patch an object, and
 * the server says who else owns a field that would change. */
#include "cli/targets.h"
#include "cli/verbs/verbs.h"

static struct request
request_for(struct conn *c, const struct args *args, const struct resource *r, const struct kobj *o)
{
    struct request req = conn_request(c, VERB_PATCH, r, o->name);
    if (r->namespaced && o->namespace.n)
        req.namespace = o->namespace;
    req.body = kobj_root(o);
    req.write.field_manager = args_text(args, "field-manager");
    req.write.force = args_flag(args, "force-conflicts");
    req.write.dry_run = args_flag(args, "dry-run");
    req.write.field_validation = args_text(args, "validate");
    req.write.patch = PATCH_APPLY;
    if (o->name.n)
        return req;
    req.verb = VERB_CREATE; /* generateName: there is nothing to apply to */
    req.write.patch = PATCH_NONE;
    return req;
}

/* The revision before; 0: there is no such object yet. What it became says whether it changed. */
static uint64_t revision_now(struct conn *c, const struct request *apply)
{
    struct request get = *apply;
    struct answer a = { 0 };
    if (apply->verb == VERB_CREATE)
        return 0;
    get.verb = VERB_GET;
    get.body = (struct json){ 0 };
    get.write = (struct write_options){ .grace_s = -1 };
    if (conn_do(c, &get, &a, NULL) != 0)
        return 0; /* absent; other failures come back when applying */
    uint64_t revision = a.object->revision;
    answer_fini(&a);
    return revision;
}

static int apply_one(struct cli *cli,
                     struct conn *c,
                     const struct args *args,
                     const struct kobj *o,
                     struct err *err)
{
    const struct resource *r = conn_resource_kind(c, o->api_version, o->kind, err);
    if (!r)
        return -1;
    struct request req = request_for(c, args, r, o);
    struct answer a = { 0 };
    uint64_t before = revision_now(c, &req);
    if (conn_do(c, &req, &a, err) != 0)
        return err_wrap(err, "%.*s/%.*s", STR_ARG(r->singular), STR_ARG(o->name));
    const char *what = a.code == 201                  ? "created"
                       : a.object->revision == before ? "unchanged"
                                                      : "configured";
    fprintf(cli->out, "%.*s%s%.*s/%.*s %s%s\n", STR_ARG(r->singular), r->group.n ? "." : "",
            STR_ARG(r->group), STR_ARG(a.object->name), what,
            req.write.dry_run ? " (dry run)" : "");
    answer_fini(&a);
    return 0;
}

/* One object that is refused does not keep the others from being applied. */
static int apply_all(struct cli *cli,
                     struct conn *c,
                     const struct args *args,
                     const struct manifest_vec *objects,
                     struct err *err)
{
    size_t refused = 0;
    for (size_t i = 0; i < objects->n; i++) {
        struct err one = { 0 };
        if (apply_one(cli, c, args, objects->items[i], &one) == 0)
            continue;
        if (refused++)
            fprintf(cli->err, "ganglion apply: %s\n", err->msg);
        *err = one;
        if (one.kind == ERR_IO && !conn_answered(c)) /* no server: the others would say the same */
            return -1;
    }
    return refused ? -1 : 0;
}

static int verb_apply(struct cli *cli, struct args *args, struct err *err)
{
    struct manifest_vec objects = { 0 };
    if (!args_given(args, "filename"))
        return err_set(err, ERR_INVALID, "which files? usage: ganglion apply -f FILE");
    int rc = manifests_given(&objects, args, err);
    AUTO(conn_closep) struct conn *c = rc == 0 ? conn_open(args, err) : NULL;
    rc = c ? apply_all(cli, c, args, &objects, err) : -1;
    manifests_fini(&objects);
    return rc;
}

static const struct option rows[] = {
    MANIFESTS_OPTION("apply"),
    { .name = "force-conflicts",
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "take fields over that others own" },
    { .name = "field-manager",
      .type = OPTION_TEXT,
      .value = "NAME",
      .fallback = "ganglion",
      .help = "as whom to own the fields" },
    { .name = "dry-run",
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "check with the server, change nothing" },
    { .name = "validate",
      .type = OPTION_TEXT,
      .value = "Strict|Warn|Ignore",
      .fallback = "Strict",
      .help = "what to do about unknown fields" },
};

const struct cli_verb apply_verb = {
    .name = "apply",
    .usage = "-f FILE [options]",
    .help = "create or change objects to be what files say",
    .examples = "  ganglion apply -f job.yaml\n"
                "  kustomize build . | ganglion apply -f -",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .run = verb_apply,
};
