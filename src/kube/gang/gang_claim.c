/* SPDX-License-Identifier: Apache-2.0
 * gang_claim — what one pod says, by the rows of the table; see gang_dialect.h. */
#include <stdlib.h>

#include "base/time.h"
#include "codec/jnode.h"
#include "kube/gang/gang_dialect.h"

#define ROLES_TEXT_MAX 4096

bool gang_min_ok(int64_t min)
{
    return min >= 1 && min <= GANG_MEMBERS_MAX;
}

bool gang_timeout_parse(struct str text, int64_t *seconds)
{
    static const struct str param = STR_INIT("placeholderTimeoutInSeconds=");
    int64_t ns, s;
    ptrdiff_t at = str_find(text, param);
    if (at >= 0) {
        text = str_skip(text, (size_t)at + param.n);
        text = str_split(&text, ' ');
    }
    if (str_to_i64(text, &s)) {
        if (s < 0 || s > INT64_MAX / NS_PER_S)
            return false;
    } else {
        if (!duration_parse(text, &ns) || ns < 0)
            return false;
        s = ns / NS_PER_S;
    }
    *seconds = s;
    return true;
}

/* ---- reading one pod ---- */

struct reader {
    struct arena *a;
    struct str namespace;
    struct json spec, labels, annotations;
    struct json owner; /* the controller; absent: none */
    struct gang_claim *claim;
};

static struct json controller_of(struct json meta)
{
    for (struct json_iter it = json_iter(json_get(meta, STR("ownerReferences"))); json_next(&it);) {
        if (json_bool(json_get(it.value, STR("controller")), false))
            return it.value;
    }
    return (struct json){ 0 };
}

/* Its name, if it is of the kind "group/Kind". */
static struct str owner_name(struct json owner, struct str kind)
{
    struct str group = str_split(&kind, '/');
    struct str version = json_str(json_get(owner, STR("apiVersion")));
    if (!json_exists(owner) || !str_eq(json_str(json_get(owner, STR("kind"))), kind) ||
        !str_eq(str_split(&version, '/'), group))
        return (struct str){ 0 };
    return json_str(json_get(owner, STR("name")));
}

static struct str read_key(const struct reader *r, struct gang_key k)
{
    struct str label;
    switch (k.in) {
    case GANG_NOWHERE:
        break;
    case GANG_LABEL:
        return json_str(json_get(r->labels, k.key));
    case GANG_ANNOTATION:
        return json_str(json_get(r->annotations, k.key));
    case GANG_EITHER:
        label = json_str(json_get(r->labels, k.key));
        return label.p ? label : json_str(json_get(r->annotations, k.key));
    case GANG_SPEC:
        return json_str(json_path(r->spec, k.key.p));
    case GANG_OWNER:
        return owner_name(r->owner, k.key);
    }
    return (struct str){ 0 };
}

/* The first thing wrong is the one that is told. */
static void wrong(struct reader *r, struct str text)
{
    if (!r->claim->wrong.p)
        r->claim->wrong = text;
}

/* A count that the pod gives under this key; 0 when it gives none, or nonsense. */
static int64_t read_count(struct reader *r, struct gang_key k)
{
    struct str text = read_key(r, k);
    int64_t n = 0;
    if (!text.p)
        return 0;
    if (str_to_i64(text, &n) && gang_min_ok(n))
        return n;
    wrong(r, arena_printf(r->a, "%.*s is \"%.*s\", not a number from 1 to %d", STR_ARG(k.key),
                          STR_ARG(text), GANG_MEMBERS_MAX));
    return 0;
}

static void read_min(struct reader *r)
{
    struct gang_claim *c = r->claim;
    const struct gang_dialect *d = c->dialect;
    bool elsewhere = d->objects || d->with_role || d->min.in == GANG_NOWHERE;
    c->min = read_count(r, d->min);
    if (!c->min && !elsewhere)
        wrong(r, arena_printf(r->a, "%.*s is missing", STR_ARG(d->min.key)));
    c->size = read_count(r, d->size);
    if (c->size && c->min > c->size)
        wrong(r, arena_printf(r->a, "%.*s is %lld, but the gang has only %lld members (%.*s)",
                              STR_ARG(d->min.key), (long long)c->min, (long long)c->size,
                              STR_ARG(d->size.key)));
}

static void read_timeout(struct reader *r)
{
    struct gang_key k = r->claim->dialect->timeout;
    struct str text = read_key(r, k);
    bool other_parameters =
        str_find_char(text, '=') >= 0 && str_find(text, STR("placeholderTimeout")) < 0;
    r->claim->late = r->claim->dialect->late;
    if (r->claim->late == GANG_LETS_GO && str_find(text, STR("gangSchedulingStyle=Hard")) >= 0)
        r->claim->late = GANG_FAILS;
    if (text.n && !other_parameters && !gang_timeout_parse(text, &r->claim->timeout_s))
        wrong(r, arena_printf(r->a, "%.*s is \"%.*s\", not a duration such as 600s", STR_ARG(k.key),
                              STR_ARG(text)));
}

/* A number of executors to come, as a role in the form of YuniKorn's task groups. */
static struct str executors(struct reader *r, int64_t count)
{
    static const struct {
        struct str key, resource;
    } asks[] = {
        { STR_INIT("kubenexus.io/executor-cpu"), STR_INIT("cpu") },
        { STR_INIT("kubenexus.io/executor-memory"), STR_INIT("memory") },
    };
    struct jnode *list = jnode_arr(r->a), *role = jnode_append(list, jnode_obj(r->a));
    jnode_set_str(role, STR("name"), STR("executor"));
    jnode_set_i64(role, STR("minMember"), count);
    struct jnode *resources = jnode_need_obj(role, STR("minResource"));
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        struct str amount = json_str(json_get(r->annotations, asks[i].key));
        if (amount.n)
            jnode_set_str(resources, asks[i].resource, amount);
    }
    struct buf b;
    buf_init(&b, ROLES_TEXT_MAX);
    jnode_write(&b, list);
    struct str out = b.failed ? (struct str){ 0 } : arena_str(r->a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static void read_roles(struct reader *r)
{
    struct gang_claim *c = r->claim;
    int64_t later = read_count(r, c->dialect->later);
    c->role = read_key(r, c->dialect->role);
    c->role_min = c->role.n ? read_count(r, c->dialect->role_min) : 0;
    c->roles = later ? executors(r, later) : read_key(r, c->dialect->roles);
}

bool gang_match_parse(struct str text, enum gang_match *out)
{
    static const struct {
        struct str name;
        enum gang_match match;
    } policies[] = { { STR_INIT("once-satisfied"), GANG_MATCH_ONCE },
                     { STR_INIT("waiting-and-running"), GANG_MATCH_EACH },
                     { STR_INIT("only-waiting"), GANG_MATCH_WAITING } };
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        if (!str_eq(text, policies[i].name))
            continue;
        *out = policies[i].match;
        return true;
    }
    return false;
}

static void read_match(struct reader *r)
{
    struct gang_key k = r->claim->dialect->match;
    struct str text = read_key(r, k);
    if (text.n && !gang_match_parse(text, &r->claim->match))
        wrong(r, arena_printf(r->a,
                              "%.*s is \"%.*s\", not once-satisfied, waiting-and-running or "
                              "only-waiting",
                              STR_ARG(k.key), STR_ARG(text)));
}

static void read_ignored(struct reader *r)
{
    const struct gang_dialect *d = r->claim->dialect;
    for (size_t i = 0; i < GANG_IGNORED_MAX && d->ignored[i]; i++) {
        const struct gang_key k = { GANG_EITHER, str_from(d->ignored[i]) };
        struct str *out = &r->claim->ignored;
        if (read_key(r, k).p)
            *out = out->n ? arena_printf(r->a, "%.*s, %.*s", STR_ARG(*out), STR_ARG(k.key)) : k.key;
    }
}

static void read_rules(struct reader *r)
{
    struct gang_claim *c = r->claim;
    read_match(r);
    read_ignored(r);
    if (c->min && str_is(read_key(r, c->dialect->any), "true"))
        c->min = 1;
    c->unreplaced = c->dialect->suffix || str_is(read_key(r, c->dialect->alone), "false");
    if (c->late == GANG_BACKS_OFF && str_is(read_key(r, c->dialect->mode), "NonStrict"))
        c->late = GANG_WAITS;
    if (!c->dialect->objects) /* else who has the object does it */
        gang_claim_together(r->a, c, r->namespace, read_key(r, c->dialect->together));
}

/* "object", "object.part" or "object.part.replica". */
static void read_name(struct reader *r, struct str name)
{
    struct gang_claim *c = r->claim;
    struct str replica = read_key(r, c->dialect->replica);
    c->object = c->name = name;
    c->part = read_key(r, c->dialect->part);
    if (c->part.n)
        c->name = arena_printf(r->a, "%.*s.%.*s", STR_ARG(c->name), STR_ARG(c->part));
    if (c->dialect->suffix)
        c->name = arena_printf(r->a, "%.*s.%s", STR_ARG(c->name), c->dialect->suffix);
    if (replica.n)
        c->name = arena_printf(r->a, "%.*s.%.*s", STR_ARG(c->name), STR_ARG(replica));
}

static bool carries(const struct reader *r, const struct gang_dialect *d, struct str *name)
{
    static const struct gang_key off = { GANG_EITHER, STR_INIT(GANG_SWITCH) };
    *name = read_key(r, d->name);
    if (name->n && d->suffix && str_is(read_key(r, off), "off"))
        return false;
    return name->n && (!d->with_role || read_key(r, d->role).n || read_key(r, d->roles).n);
}

const struct gang_claim *gang_claim_of(struct arena *a, struct json pod)
{
    struct json meta = json_get(pod, STR("metadata"));
    struct reader r = { .a = a,
                        .owner = controller_of(meta),
                        .namespace = json_str(json_get(meta, STR("namespace"))),
                        .spec = json_get(pod, STR("spec")),
                        .labels = json_get(meta, STR("labels")),
                        .annotations = json_get(meta, STR("annotations")) };
    struct str name;
    for (size_t i = 0; i < gang_dialects_count; i++) {
        if (!carries(&r, &gang_dialects[i], &name))
            continue;
        r.claim = ARENA_NEW(a, struct gang_claim);
        r.claim->dialect = &gang_dialects[i];
        read_name(&r, name);
        read_min(&r);
        read_timeout(&r);
        read_roles(&r);
        read_rules(&r);
        return r.claim;
    }
    return NULL;
}

bool gang_claim_same(const struct gang_claim *a, const struct gang_claim *b)
{
    if (!a || !b)
        return a == b;
    return a->dialect == b->dialect && str_eq(a->name, b->name) && a->min == b->min &&
           a->size == b->size && a->timeout_s == b->timeout_s && a->late == b->late &&
           str_eq(a->role, b->role) && a->role_min == b->role_min && str_eq(a->roles, b->roles) &&
           a->match == b->match && a->unreplaced == b->unreplaced &&
           str_eq(a->ignored, b->ignored) && str_eq(a->wrong, b->wrong);
}

/* ---- roles ---- */

static int add_role(struct gang_roles *out, struct json entry, struct err *err)
{
    struct gang_role role = {
        .name = json_str(json_get(entry, STR("name"))),
        .min = json_i64_or(json_get(entry, STR("minMember")), 0),
        .resources = json_get(entry, STR("minResource")),
        .node_selector = json_get(entry, STR("nodeSelector")),
        .tolerations = json_get(entry, STR("tolerations")),
    };
    if (!role.name.n || !gang_min_ok(role.min))
        return err_set(err, ERR_INVALID, "group \"%.*s\" needs a name and a minMember from 1 to %d",
                       STR_ARG(role.name), GANG_MEMBERS_MAX);
    out->items[out->n++] = role;
    return 0;
}

int gang_roles_parse(struct gang_roles *out, struct str text, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (json_parse(&doc, text, &json_limits_body, err))
        return err_wrap(err, "task groups");
    struct json list = json_root(doc);
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0 || n > GANG_ROLES_MAX)
        return err_set(err, ERR_INVALID, "task groups: not a list of 1 to %d groups",
                       GANG_ROLES_MAX);
    AUTO(gang_roles_fini)
    struct gang_roles roles = {
        .items = mem_alloc_array(n, sizeof *roles.items),
    };
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (add_role(&roles, it.value, err))
            return err_wrap(err, "task groups");
    }
    roles.doc = TAKE(doc);
    *out = roles;
    roles = (struct gang_roles){ 0 };
    return 0;
}

void gang_roles_fini(struct gang_roles *r)
{
    json_doc_unref(r->doc);
    free(r->items);
    *r = (struct gang_roles){ 0 };
}
