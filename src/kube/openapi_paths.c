/* SPDX-License-Identifier: Apache-2.0
 * openapi_paths — the operations of a resource. kubectl looks at PATCH to learn whether a kind
 * takes strategic merge patches and the parameters dryRun and fieldValidation. */
#include <string.h>

#include "base/mem.h"
#include "kube/openapi_internal.h"

#define QUERY(name, type)                                                                          \
    "{\"name\":\"" name "\",\"in\":\"query\",\"schema\":{\"type\":\"" type "\",\"uniqueItems\":"   \
    "true}}"
#define IN_PATH(name)                                                                              \
    "{\"name\":\"" name "\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\","    \
    "\"uniqueItems\":true}}"

static const char
    list_params[] = QUERY("allowWatchBookmarks", "boolean") "," QUERY("continue", "string") "," QUERY("fieldSelector", "string") "," QUERY(
        "labelSelector",
        "string") "," QUERY("limit",
                            "integer") "," QUERY("resourceVersion",
                                                 "string") "," QUERY("resourceVersionMatch",
                                                                     "string") "," QUERY("sendIniti"
                                                                                         "alEvents",
                                                                                         "boolean") "," QUERY("timeoutSeconds",
                                                                                                              "integer") "," QUERY("watch",
                                                                                                                                   "boolean");
static const char write_params[] =
    QUERY("dryRun", "string") "," QUERY("fieldManager", "string") "," QUERY("fieldValidation",
                                                                            "string");
static const char patch_params[] = QUERY("dryRun", "string") "," QUERY(
    "fieldManager",
    "string") "," QUERY("fieldValidation", "string") "," QUERY("force", "boolean");
static const char delete_params[] = QUERY("dryRun", "string") "," QUERY(
    "gracePeriodSeconds",
    "integer") "," QUERY("orphanDependents", "boolean") "," QUERY("propagationPolicy", "string");

struct operation {
    enum verb verb;
    const char *method, *action, *params; /* params may be NULL */
    bool body;
};

static const struct operation on_collection[] = {
    { VERB_LIST, "get", "list", list_params, false },
    { VERB_CREATE, "post", "post", write_params, true },
    { VERB_DELETE_COLLECTION, "delete", "deletecollection", delete_params, false },
};
static const struct operation on_item[] = {
    { VERB_GET, "get", "get", NULL, false },
    { VERB_UPDATE, "put", "put", write_params, true },
    { VERB_PATCH, "patch", "patch", patch_params, true },
    { VERB_DELETE, "delete", "delete", delete_params, false },
    { VERB_CREATE, "post", "post", write_params, true }, /* subresources only */
};

void openapi_write_gvk(struct buf *out, const struct resource *r)
{
    buf_printf(out,
               "\"x-kubernetes-group-version-kind\":{\"group\":\"%.*s\",\"kind\":\"%.*s\","
               "\"version\":\"%.*s\"}",
               STR_ARG(r->group), STR_ARG(r->kind), STR_ARG(r->version));
}

static void write_ref(struct buf *out, const struct resource *r)
{
    buf_str(out, STR("{\"schema\":{\"$ref\":\"#/components/schemas/"));
    if (r->custom)
        openapi_custom_name(out, r);
    else if (r->schema)
        openapi_name(out, r->schema->name);
    buf_str(out, STR("\"}}"));
}

static void write_patch_body(struct buf *out, const struct resource *r)
{
    static const char *const types[] = { "application/apply-patch+yaml",
                                         "application/json-patch+json",
                                         "application/merge-patch+json",
                                         "application/strategic-merge-patch+json" };
    size_t n = r->custom ? 3 : 4; /* custom resources have no strategic merge */
    for (size_t i = 0; i < n; i++)
        buf_printf(out,
                   "%s\"%s\":{\"schema\":{\"$ref\":\"#/components/schemas/"
                   "io.k8s.apimachinery.pkg.apis.meta.v1.Patch\"}}",
                   i ? "," : "", types[i]);
}

static void write_operation(struct buf *out, const struct resource *r, const struct operation *op)
{
    buf_printf(out, "\"%s\":{\"tags\":[\"%.*s_%.*s\"],\"operationId\":\"%s%.*s\"", op->method,
               STR_ARG(r->group.n ? r->group : STR("core")), STR_ARG(r->version), op->action,
               STR_ARG(r->kind));
    if (op->params)
        buf_printf(out, ",\"parameters\":[%s]", op->params);
    if (op->body) {
        buf_str(out, STR(",\"requestBody\":{\"content\":{"));
        if (op->verb == VERB_PATCH) {
            write_patch_body(out, r);
        } else {
            buf_str(out, STR("\"*/*\":"));
            write_ref(out, r);
        }
        buf_str(out, STR("},\"required\":true}"));
    }
    buf_str(out, STR(",\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{"
                     "\"application/json\":"));
    write_ref(out, r);
    buf_printf(out, "}}},\"x-kubernetes-action\":\"%s\",", op->action);
    openapi_write_gvk(out, r);
    buf_char(out, '}');
}

struct path {
    bool namespaced, item;
    const char *sub; /* NULL: none */
};

static void write_path(struct buf *out,
                       const struct resource *r,
                       const struct path *p,
                       uint32_t verbs,
                       bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
    buf_printf(out, "\"/%s%.*s%s%.*s", r->group.n ? "apis/" : "api", STR_ARG(r->group), "/",
               STR_ARG(r->version));
    buf_printf(out, "%s/%.*s%s%s%s\":{", p->namespaced ? "/namespaces/{namespace}" : "",
               STR_ARG(r->plural), p->item ? "/{name}" : "", p->sub ? "/" : "",
               p->sub ? p->sub : "");
    const struct operation *ops = p->item ? on_item : on_collection;
    size_t n = p->item ? COUNT_OF(on_item) - (p->sub ? 0 : 1) : COUNT_OF(on_collection);
    for (size_t i = 0; i < n; i++)
        if (verbs & VERB_BIT(ops[i].verb)) {
            write_operation(out, r, &ops[i]);
            buf_char(out, ',');
        }
    buf_printf(out, "\"parameters\":[%s%s%s]}", p->item ? IN_PATH("name") : "",
               p->item && p->namespaced ? "," : "", p->namespaced ? IN_PATH("namespace") : "");
}

void openapi_write_paths(struct buf *out, const struct resource *r, bool *first)
{
    struct path path = { .namespaced = r->namespaced };
    write_path(out, r, &path, r->verbs, first);
    path.item = true;
    write_path(out, r, &path, r->verbs & ~VERB_BIT(VERB_CREATE), first);
    for (size_t i = 0; i < r->n_subs; i++) {
        char sub[64];
        if (!str_eq(r->subs[i].kind, r->kind) || r->subs[i].name.n >= sizeof sub)
            continue;
        memcpy(sub, r->subs[i].name.p, r->subs[i].name.n);
        sub[r->subs[i].name.n] = '\0';
        path.sub = sub;
        write_path(out, r, &path, r->subs[i].verbs, first);
    }
    if (!r->namespaced)
        return;
    struct path everywhere = { 0 };
    write_path(out, r, &everywhere, r->verbs & VERB_BIT(VERB_LIST), first);
}
