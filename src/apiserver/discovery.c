/* SPDX-License-Identifier: Apache-2.0
 * discovery — what a client asks first: versions, groups, resources, OpenAPI. Built from the
 * registry at each question; custom groups come and go. */
#include <stdio.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/crd.h"
#include "apiserver/front_internal.h"

#define DISCOVERY_BYTES_MAX ((size_t)32 << 20)
#define KUBERNETES_VERSION "v1.36.0"
#ifdef __x86_64__
#define PLATFORM "amd64"
#else
#define PLATFORM "arm64"
#endif

static void put_str(struct buf *b, const char *key, struct str value)
{
    buf_printf(b, "\"%s\":", key);
    json_write_str(b, value);
}

static void put_strs(struct buf *b, const char *key, const struct str *list, size_t n)
{
    buf_printf(b, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_write_str(b, list[i]);
    }
    buf_char(b, ']');
}

/* In alphabetical order, as Kubernetes lists them. */
static void put_verbs(struct buf *b, uint32_t verbs)
{
    static const enum verb order[] = { VERB_CREATE, VERB_DELETE, VERB_DELETE_COLLECTION,
                                       VERB_GET,    VERB_LIST,   VERB_PATCH,
                                       VERB_UPDATE, VERB_WATCH };
    buf_str(b, STR("\"verbs\":["));
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        if (!(verbs & VERB_BIT(order[i])))
            continue;
        if (!first)
            buf_char(b, ',');
        first = false;
        json_write_str(b, verb_name(order[i]));
    }
    buf_char(b, ']');
}

/* ---- subresources: what kind they speak, and their verbs ---- */

static const struct sub_kind {
    const char *sub, *group, *version, *kind; /* group and version NULL: those of the resource */
    uint32_t verbs;
} sub_kinds[] = {
    { "approval", NULL, NULL, NULL,
      VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_UPDATE) },
    { "attach", NULL, NULL, "PodAttachOptions", VERB_BIT(VERB_CREATE) | VERB_BIT(VERB_GET) },
    { "binding", NULL, NULL, "Binding", VERB_BIT(VERB_CREATE) },
    { "ephemeralcontainers", NULL, NULL, "Pod",
      VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_UPDATE) },
    { "eviction", "policy", "v1", "Eviction", VERB_BIT(VERB_CREATE) },
    { "exec", NULL, NULL, "PodExecOptions", VERB_BIT(VERB_CREATE) | VERB_BIT(VERB_GET) },
    { "finalize", NULL, NULL, NULL, VERB_BIT(VERB_UPDATE) },
    { "log", NULL, NULL, "Pod", VERB_BIT(VERB_GET) },
    { "portforward", NULL, NULL, "PodPortForwardOptions",
      VERB_BIT(VERB_CREATE) | VERB_BIT(VERB_GET) },
    { "proxy", NULL, NULL, "*ProxyOptions",
      VERB_BIT(VERB_CREATE) | VERB_BIT(VERB_DELETE) | VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) |
          VERB_BIT(VERB_UPDATE) },
    { "resize", NULL, NULL, "Pod",
      VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_UPDATE) },
    { "scale", "autoscaling", "v1", "Scale",
      VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_UPDATE) },
    { "status", NULL, NULL, NULL,
      VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_UPDATE) },
    { "token", "authentication.k8s.io", "v1", "TokenRequest", VERB_BIT(VERB_CREATE) },
};

static struct sub_kind sub_kind_of(const char *sub)
{
    for (size_t i = 0; i < COUNT_OF(sub_kinds); i++) {
        if (str_is(str_from(sub), sub_kinds[i].sub))
            return sub_kinds[i];
    }
    return (struct sub_kind){ .sub = sub, .verbs = VERB_BIT(VERB_GET) };
}

static void put_sub_kind(struct buf *b, const struct resource *r, const struct sub_kind *k)
{
    struct str kind = k->kind ? str_from(k->kind) : r->kind;
    if (kind.n > 0 && kind.p[0] == '*') { /* "*ProxyOptions": NodeProxyOptions */
        kind = str_skip(kind, 1);
        buf_printf(b, "\"kind\":\"%.*s%.*s\"", STR_ARG(r->kind), STR_ARG(kind));
        return;
    }
    put_str(b, "kind", kind);
}

/* ---- the classic form ---- */

static void put_uses(struct buf *b, const struct resource *r)
{
    put_verbs(b, r->verbs);
    if (r->n_short_names > 0)
        put_strs(b, "shortNames", r->short_names, r->n_short_names);
    if (r->n_categories > 0)
        put_strs(b, "categories", r->categories, r->n_categories);
}

static void put_resource(struct buf *b, const struct resource *r)
{
    buf_char(b, '{');
    put_str(b, "name", r->plural);
    buf_char(b, ',');
    put_str(b, "singularName", r->singular);
    buf_printf(b, ",\"namespaced\":%s,", r->namespaced ? "true" : "false");
    put_str(b, "kind", r->kind);
    buf_char(b, ',');
    put_uses(b, r);
    buf_char(b, '}');
}

static void put_subresource(struct buf *b, const struct resource *r, const char *sub)
{
    struct sub_kind k = sub_kind_of(sub);
    buf_printf(b, ",{\"name\":\"%.*s/%s\",\"singularName\":\"\",\"namespaced\":%s",
               STR_ARG(r->plural), sub, r->namespaced ? "true" : "false");
    if (k.group)
        buf_printf(b, ",\"group\":\"%s\",\"version\":\"%s\"", k.group, k.version);
    buf_char(b, ',');
    put_sub_kind(b, r, &k);
    buf_char(b, ',');
    put_verbs(b, k.verbs);
    buf_char(b, '}');
}

static void
put_resource_list(struct buf *b, struct apiserver *s, struct str group, struct str version)
{
    buf_str(b, STR("{\"kind\":\"APIResourceList\","));
    if (group.n > 0)
        buf_printf(b, "\"apiVersion\":\"v1\",\"groupVersion\":\"%.*s/%.*s\"", STR_ARG(group),
                   STR_ARG(version));
    else
        buf_str(b, STR("\"groupVersion\":\"v1\""));
    buf_str(b, STR(",\"resources\":["));
    bool first = true;
    for (size_t i = 0; i < s->registry.all.n; i++) {
        const struct resource *r = s->registry.all.items[i]->res;
        if (!str_eq(r->group, group) || !str_eq(r->version, version))
            continue;
        if (!first)
            buf_char(b, ',');
        first = false;
        put_resource(b, r);
        for (const char *const *sub = r->subresources; sub && *sub; sub++)
            put_subresource(b, r, *sub);
    }
    buf_str(b, STR("]}"));
}

/* ---- groups ---- */

/* How a version ranks: v2 > v1 > v1beta2 > v1beta1 > v1alpha1. */
static int64_t version_rank(struct str v)
{
    int64_t major = 0, minor = 0;
    size_t i = 1;
    for (; i < v.n && v.p[i] >= '0' && v.p[i] <= '9'; i++)
        major = major * 10 + (v.p[i] - '0');
    struct str rest = str_skip(v, i < v.n ? i : v.n);
    int64_t stage = rest.n == 0 ? 3 : str_starts(rest, STR("beta")) ? 2 : 1;
    for (size_t k = 0; k < rest.n; k++) {
        if (rest.p[k] >= '0' && rest.p[k] <= '9')
            minor = minor * 10 + (rest.p[k] - '0');
    }
    return stage * 100000000 + major * 10000 + minor;
}

#define VERSIONS_MAX 64

/* The versions of a group, best first. */
static size_t versions_of(struct apiserver *s, struct str group, struct str *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s->registry.all.n; i++) {
        const struct resource *r = s->registry.all.items[i]->res;
        bool known = !str_eq(r->group, group);
        for (size_t k = 0; k < n && !known; k++)
            known = str_eq(out[k], r->version);
        if (known || n == VERSIONS_MAX)
            continue;
        size_t at = n++;
        for (; at > 0 && version_rank(out[at - 1]) < version_rank(r->version); at--)
            out[at] = out[at - 1];
        out[at] = r->version;
    }
    return n;
}

static void put_group_version(struct buf *b, struct str group, struct str version)
{
    buf_printf(b, "{\"groupVersion\":\"%.*s/%.*s\",\"version\":\"%.*s\"}", STR_ARG(group),
               STR_ARG(version), STR_ARG(version));
}

static void put_group(struct buf *b, struct apiserver *s, struct str group, bool alone)
{
    struct str versions[VERSIONS_MAX];
    size_t n = versions_of(s, group, versions);
    buf_str(b, alone ? STR("{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",") : STR("{"));
    put_str(b, "name", group);
    buf_str(b, STR(",\"versions\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(b, ',');
        put_group_version(b, group, versions[i]);
    }
    buf_str(b, STR("],\"preferredVersion\":"));
    put_group_version(b, group, versions[0]);
    buf_char(b, '}');
}

/* Calls fn once per group other than the core one, in the order of the registry. */
static void each_group(struct apiserver *s,
                       struct buf *b,
                       void (*fn)(struct buf *b, struct apiserver *s, struct str group))
{
    bool first = true;
    for (size_t i = 0; i < s->registry.all.n; i++) {
        struct str group = s->registry.all.items[i]->res->group;
        bool seen = group.n == 0;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_eq(s->registry.all.items[k]->res->group, group);
        if (seen)
            continue;
        if (!first)
            buf_char(b, ',');
        first = false;
        fn(b, s, group);
    }
}

static void put_group_item(struct buf *b, struct apiserver *s, struct str group)
{
    put_group(b, s, group, false);
}

/* ---- the aggregated form ---- */

static void put_response_kind(struct buf *b, const struct resource *r, const struct sub_kind *k)
{
    struct str group = k && k->group ? str_from(k->group) : STR("");
    struct str version = k && k->version ? str_from(k->version) : STR("");
    if (r->custom && !(k && k->group)) {
        group = r->group;
        version = r->version;
    }
    buf_str(b, STR("\"responseKind\":{"));
    put_str(b, "group", group);
    buf_char(b, ',');
    put_str(b, "version", version);
    buf_char(b, ',');
    if (k)
        put_sub_kind(b, r, k);
    else
        put_str(b, "kind", r->kind);
    buf_char(b, '}');
}

static void put_aggregated_subs(struct buf *b, const struct resource *r)
{
    if (!r->subresources || !*r->subresources)
        return;
    buf_str(b, STR(",\"subresources\":["));
    for (const char *const *sub = r->subresources; *sub; sub++) {
        struct sub_kind k = sub_kind_of(*sub);
        if (sub != r->subresources)
            buf_char(b, ',');
        buf_printf(b, "{\"subresource\":\"%s\",", *sub);
        put_response_kind(b, r, &k);
        buf_char(b, ',');
        put_verbs(b, k.verbs);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static void put_aggregated_resource(struct buf *b, const struct resource *r)
{
    buf_char(b, '{');
    put_str(b, "resource", r->plural);
    buf_char(b, ',');
    put_response_kind(b, r, NULL);
    buf_printf(b, ",\"scope\":\"%s\",", r->namespaced ? "Namespaced" : "Cluster");
    put_str(b, "singularResource", r->singular);
    buf_char(b, ',');
    put_uses(b, r);
    put_aggregated_subs(b, r);
    buf_char(b, '}');
}

static void put_aggregated_group(struct buf *b, struct apiserver *s, struct str group)
{
    struct str versions[VERSIONS_MAX];
    size_t n = versions_of(s, group, versions);
    buf_str(b, STR("{\"metadata\":{"));
    if (group.n > 0)
        put_str(b, "name", group);
    buf_str(b, STR("},\"versions\":["));
    for (size_t v = 0; v < n; v++) {
        buf_str(b, v > 0 ? STR(",{") : STR("{"));
        put_str(b, "version", versions[v]);
        buf_str(b, STR(",\"resources\":["));
        bool first = true;
        for (size_t i = 0; i < s->registry.all.n; i++) {
            const struct resource *r = s->registry.all.items[i]->res;
            if (!str_eq(r->group, group) || !str_eq(r->version, versions[v]))
                continue;
            if (!first)
                buf_char(b, ',');
            first = false;
            put_aggregated_resource(b, r);
        }
        buf_str(b, STR("],\"freshness\":\"Current\"}"));
    }
    buf_str(b, STR("]}"));
}

static void put_aggregated(struct buf *b, struct apiserver *s, bool core)
{
    buf_str(b, STR("{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\","
                   "\"metadata\":{},\"items\":["));
    if (core)
        put_aggregated_group(b, s, STR(""));
    else
        each_group(s, b, put_aggregated_group);
    buf_str(b, STR("]}"));
}

/* ---- answering ---- */

static void put_version(struct buf *b)
{
    buf_printf(b,
               "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"" KUBERNETES_VERSION
               "\",\"gitCommit\":\"ganglion-" GANGLION_VERSION "\",\"gitTreeState\":\"clean\","
               "\"buildDate\":\"2026-11-22T00:00:00Z\",\"goVersion\":\"none\",\"compiler\":\"cc\","
               "\"platform\":\"linux/" PLATFORM "\"}");
}

static bool put_classic(struct buf *b, struct front *f)
{
    struct apiserver *s = f->a->s;
    const struct request *r = &f->route.r;
    if (f->route.core && r->version.n == 0) {
        buf_printf(
            b,
            "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":["
            "{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"%s\"}]}",
            s->address_text ? s->address_text : "");
        return true;
    }
    if (!f->route.core && r->group.n == 0) {
        buf_str(b, STR("{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":["));
        each_group(s, b, put_group_item);
        buf_str(b, STR("]}"));
        return true;
    }
    bool custom;
    if (r->version.n == 0) {
        if (!registry_has_group(&s->registry, r->group, &custom))
            return false;
        put_group(b, s, r->group, true);
        return true;
    }
    if (!registry_has_version(&s->registry, r->group, r->version))
        return false;
    put_resource_list(b, s, r->group, r->version);
    return true;
}

static void answer_missing(struct front *f)
{
    bool custom = false;
    bool group = registry_has_group(&f->a->s->registry, f->route.r.group, &custom);
    if (!f->route.core && (!group || custom)) {
        front_respond_text(f, 404, "text/plain", STR("404 page not found\n"));
        return;
    }
    struct status_spec spec = {
        .code = 404,
        .reason = "NotFound",
        .message = STR("the server could not find the requested resource"),
    };
    struct kobj *status = status_new(&spec);
    front_respond_json(f, 404, json_doc_text(status->doc));
    kobj_unref(status);
}

/* ---- OpenAPI ---- */

/* Every group-version once, with a hash that changes with the registry's custom part. */
static void put_openapi_index(struct buf *b, struct apiserver *s)
{
    buf_str(b, STR("{\"paths\":{"));
    bool any = false;
    for (size_t i = 0; i < s->registry.all.n; i++) {
        const struct resource *r = s->registry.all.items[i]->res;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) {
            const struct resource *o = s->registry.all.items[k]->res;
            seen = str_eq(o->group, r->group) && str_eq(o->version, r->version);
        }
        if (seen)
            continue;
        char path[512];
        int n = r->group.n > 0 ? snprintf(path, sizeof path, "apis/%.*s/%.*s", STR_ARG(r->group),
                                          STR_ARG(r->version))
                               : snprintf(path, sizeof path, "api/%.*s", STR_ARG(r->version));
        if (n < 0 || (size_t)n >= sizeof path)
            continue;
        buf_printf(b, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%llX\"}",
                   any ? "," : "", path, path, (unsigned long long)s->registry.version);
        any = true;
    }
    buf_str(b, STR("}}"));
}

static void answer_openapi(struct front *f, struct buf *b)
{
    struct str rest = f->route.rest;
    struct str root = str_split(&rest, '/');
    struct str group = STR("");
    if (str_is(root, "apis"))
        group = str_split(&rest, '/');
    struct str version = rest;
    size_t n;
    const struct openapi_custom *custom =
        crd_openapi(f->a->s, f->a->arena, group, version.p ? version : STR(""), &n);
    if (!version.p || (n == 0 && !openapi_has_builtin(group, version))) {
        front_respond_text(f, 404, "text/plain", STR("404 page not found\n"));
        return;
    }
    openapi_write(b, group, version, custom, n);
    front_respond_json(f, 200, buf_view(b));
}

/* Old clients ask for it only to see whether they may validate; v3 has the types. */
static void put_openapi_v2(struct buf *b)
{
    buf_str(b, STR("{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
                   "\"" KUBERNETES_VERSION "\"},\"paths\":{},\"definitions\":{}}"));
}

/* The same as a protobuf of gnostic's openapi.v2.Document: swagger = 1, info = 2 {title = 1,
 * version = 2}, paths = 8. */
static void put_openapi_v2_proto(struct buf *b)
{
    static const char title[] = "Kubernetes", version[] = KUBERNETES_VERSION;
    char info_n = (char)(4 + sizeof title - 1 + sizeof version - 1);
    buf_str(b, STR("\x0a\x03"
                   "2.0\x12"));
    buf_char(b, info_n);
    buf_char(b, 0x0a);
    buf_char(b, (char)(sizeof title - 1));
    buf_str(b, str_from(title));
    buf_char(b, 0x12);
    buf_char(b, (char)(sizeof version - 1));
    buf_str(b, str_from(version));
    buf_put(b, "\x42\x00", 2);
}

void discovery_answer(struct front *f)
{
    struct buf b;
    buf_init(&b, DISCOVERY_BYTES_MAX);
    const struct request *r = &f->route.r;
    if (f->route.kind == ROUTE_VERSION) {
        put_version(&b);
        front_respond_json(f, 200, buf_view(&b));
    } else if (f->route.kind == ROUTE_OPENAPI_V3 && f->route.rest.n == 0) {
        put_openapi_index(&b, f->a->s);
        front_respond_json(f, 200, buf_view(&b));
    } else if (f->route.kind == ROUTE_OPENAPI_V3) {
        answer_openapi(f, &b);
    } else if (f->route.kind == ROUTE_OPENAPI_V2 && f->accept.openapi_proto) {
        put_openapi_v2_proto(&b);
        front_respond_text(f, 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
                           buf_view(&b));
    } else if (f->route.kind == ROUTE_OPENAPI_V2) {
        put_openapi_v2(&b);
        front_respond_json(f, 200, buf_view(&b));
    } else if (f->accept.discovery && r->group.n == 0 && r->version.n == 0) {
        put_aggregated(&b, f->a->s, f->route.core);
        front_respond_text(f, 200,
                           "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                           buf_view(&b));
    } else if (put_classic(&b, f)) {
        front_respond_json(f, 200, buf_view(&b));
    } else {
        answer_missing(f);
    }
    buf_fini(&b);
}
