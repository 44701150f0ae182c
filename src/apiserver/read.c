/* SPDX-License-Identifier: Apache-2.0
 * read — see read.h. A page after the first continues in the snapshot that the first was taken
 * from, which the server keeps for five minutes; the continue token names its revision and the last
 * key. */
#include "apiserver/read.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/convert.h"
#include "apiserver/crd.h"
#include "apiserver/refuse.h"
#include "codec/base64.h"

#define PAGE_KEEP_NS (300 * NS_PER_S)
#define PAGES_MAX 1000 /* snapshots kept for paging; the oldest goes first */
#define TOKEN_BYTES_MAX 4096
#define WAIT_NS (3 * NS_PER_S) /* for a revision that is still to come */

struct page {
    struct list node;
    struct store_table *table;
    struct store_snapshot *snapshot;
    struct mono used;
};

struct read_wait {
    struct list node;
    struct action *action;
    struct mono until;
    bool over;
};

/* ---- revisions that are still to come ---- */

static enum turn refuse_too_new(struct action *a, uint64_t want)
{
    struct causes c = { .a = a->arena };
    struct jnode *root = jnode_obj(a->arena);
    struct str message =
        arena_printf(a->arena, "Timeout: Too large resource version: %llu, current: %llu",
                     (unsigned long long)want, (unsigned long long)store_revision(a->s->store));
    jnode_set_str(root, STR("kind"), STR("Status"));
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(root, STR("status"), STR("Failure"));
    jnode_set_str(root, STR("message"), message);
    jnode_set_str(root, STR("reason"), STR("Timeout"));
    struct jnode *details = jnode_set(root, STR("details"), jnode_obj(a->arena));
    struct jnode *causes = jnode_set(details, STR("causes"), jnode_arr(a->arena));
    struct jnode *cause = jnode_append(causes, jnode_obj(a->arena));
    jnode_set_str(cause, STR("reason"), STR("ResourceVersionTooLarge"));
    jnode_set_str(cause, STR("message"), STR("Too large resource version"));
    jnode_set_i64(details, STR("retryAfterSeconds"), 1);
    jnode_set_i64(root, STR("code"), 504);
    cause_vec_fini(&c.list);
    struct kobj *o = NULL;
    int rc = kobj_freeze(&o, root, NULL);
    assert(rc == 0); /* small */
    (void)rc;
    return action_reply(a, 504, o);
}

/* Goes on when the store has reached the revision; waits for it a little; else 504. */
static enum turn wait_for(struct action *a, uint64_t want)
{
    if (want <= store_revision(a->s->store))
        return TURN_GO;
    struct read_wait *w = a->wait;
    if (!w) {
        w = MEM_NEW(struct read_wait);
        *w = (struct read_wait){ .action = a, .until = loop_now(a->s->loop) };
        w->until.ns += WAIT_NS;
        list_push_back(&a->s->waits, &w->node);
        a->wait = w;
    }
    return w->over ? refuse_too_new(a, want) : TURN_WAIT;
}

static enum turn wait_done(struct action *a, enum turn t)
{
    if (t != TURN_WAIT && a->wait) {
        struct read_wait *w = TAKE(a->wait);
        list_remove(&w->node);
        free(w);
    }
    return t;
}

void read_retry(struct apiserver *s)
{
    struct mono now = loop_now(s->loop);
    LIST_EACH (&s->waits, n) {
        struct read_wait *w = LIST_ITEM(n, struct read_wait, node);
        w->over = s->closing || now.ns >= w->until.ns;
        action_resume(w->action);
    }
}

static enum turn parse_revision(struct action *a, uint64_t *out)
{
    *out = 0;
    if (a->r.list.resource_version.n == 0)
        return TURN_GO;
    if (!str_to_u64(a->r.list.resource_version, out))
        return refuse_bad_request(a,
                                  "resourceVersion: Invalid value: \"%.*s\": strconv.ParseUint: "
                                  "parsing \"%.*s\": invalid syntax",
                                  STR_ARG(a->r.list.resource_version),
                                  STR_ARG(a->r.list.resource_version));
    return TURN_GO;
}

static enum turn wait_revision(struct action *a)
{
    uint64_t want;
    enum turn t = parse_revision(a, &want);
    if (t != TURN_GO)
        return t;
    return wait_done(a, wait_for(a, want));
}

/* ---- get ---- */

static enum turn get(struct action *a)
{
    const struct kobj *o = store_get(a->what->table, a->r.namespace, a->r.name);
    if (!o)
        return refuse_not_found(a, a->r.name);
    return action_reply(a, 200, convert_out(a->what, o));
}

const action_step_fn read_get_steps[] = { authz_check, wait_revision, get, NULL };

/* ---- pages ---- */

static void page_free(struct page *p)
{
    list_remove(&p->node);
    store_snapshot_unref(p->snapshot);
    free(p);
}

void read_expire_pages(struct apiserver *s, struct mono now)
{
    LIST_EACH (&s->pages, n) {
        struct page *p = LIST_ITEM(n, struct page, node);
        if (now.ns - p->used.ns > PAGE_KEEP_NS)
            page_free(p);
    }
}

void read_drop_pages(struct apiserver *s)
{
    LIST_EACH (&s->pages, n) {
        page_free(LIST_ITEM(n, struct page, node));
    }
}

static struct page *page_find(struct apiserver *s, struct store_table *t, uint64_t revision)
{
    LIST_EACH (&s->pages, n) {
        struct page *p = LIST_ITEM(n, struct page, node);
        if (p->table == t && store_snapshot_revision(p->snapshot) == revision) {
            list_remove(&p->node);
            list_push_back(&s->pages, &p->node);
            p->used = loop_now(s->loop);
            return p;
        }
    }
    return NULL;
}

static void page_keep(struct apiserver *s, struct store_table *t, struct store_snapshot *snapshot)
{
    if (page_find(s, t, store_snapshot_revision(snapshot)))
        return;
    size_t n = 0;
    LIST_EACH (&s->pages, each) {
        n++;
    }
    if (n >= PAGES_MAX)
        page_free(LIST_ITEM(s->pages.next, struct page, node));
    struct page *p = MEM_NEW(struct page);
    *p = (struct page){ .table = t,
                        .snapshot = store_snapshot_ref(snapshot),
                        .used = loop_now(s->loop) };
    list_push_back(&s->pages, &p->node);
}

struct token_parts {
    uint64_t revision;
    struct str namespace, name;
};

static struct str token_text(struct action *a, const struct token_parts *t)
{
    struct buf plain, b;
    buf_init(&plain, TOKEN_BYTES_MAX);
    buf_init(&b, TOKEN_BYTES_MAX);
    struct str start = arena_printf(a->arena, "%.*s/%.*s", STR_ARG(t->namespace), STR_ARG(t->name));
    buf_printf(&plain,
               "{\"v\":\"meta.k8s.io/v1\",\"rv\":%llu,\"start\":", (unsigned long long)t->revision);
    json_write_str(&plain, start);
    buf_char(&plain, '}');
    base64_encode(&b, buf_view(&plain), BASE64_URL_RAW);
    struct str out = arena_str(a->arena, buf_view(&b));
    buf_fini(&plain);
    buf_fini(&b);
    return out;
}

static int token_open(struct action *a, struct str text, struct token_parts *out, struct err *err)
{
    AUTO(buf_fini) struct buf b;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    buf_init(&b, TOKEN_BYTES_MAX);
    if (base64_decode(&b, text, BASE64_URL_RAW, err) != 0 ||
        json_parse(&doc, buf_view(&b), &json_limits_body, err) != 0)
        return -1;
    struct json root = json_root(doc);
    int64_t revision = 0;
    struct str start = json_str(json_get(root, STR("start")));
    if (!str_is(json_str(json_get(root, STR("v"))), "meta.k8s.io/v1") ||
        !json_i64(json_get(root, STR("rv")), &revision) || revision <= 0)
        return err_set(err, ERR_INVALID, "incorrect encoded start resourceVersion");
    start = arena_str(a->arena, start);
    out->revision = (uint64_t)revision;
    out->namespace = str_split(&start, '/');
    out->name = start;
    return start.n > 0 ? 0 : err_set(err, ERR_INVALID, "incorrect continue start key");
}

/* ---- list ---- */

struct listing {
    struct action *a;
    struct selection *selection;
    int64_t limit; /* 0: none */
    int64_t left;  /* objects after the page, counted when nothing selects */
    struct token_parts last;
    bool full, counts;
};

static bool list_one(void *arg, const struct kobj *o)
{
    struct listing *l = arg;
    if (!selection_matches(l->selection, o))
        return true;
    if (l->limit > 0 && (int64_t)l->a->items.n == l->limit) {
        l->full = true;
        l->left++;
        return l->counts;
    }
    l->last.namespace = o->namespace;
    l->last.name = o->name;
    kobj_vec_push(&l->a->items, convert_out(l->a->what, o));
    return true;
}

static enum turn refuse_expired(struct action *a)
{
    struct status_spec s = { .code = 410,
                             .reason = "Expired",
                             .message = STR("The provided continue parameter is too old to display "
                                            "a consistent list result. You can start a new list "
                                            "without the continue parameter.") };
    return action_refuse(a, &s);
}

/* The picture to list from: the continued one, or what is visible now. */
static enum turn
choose_snapshot(struct action *a, struct store_snapshot **out, struct token_parts *after)
{
    if (a->r.list.cont.n == 0) {
        *out = store_snapshot(a->what->table);
        return TURN_GO;
    }
    struct err err = { 0 };
    if (token_open(a, a->r.list.cont, after, &err) != 0)
        return refuse_bad_request(a, "continue key is not valid: %s", err.msg);
    struct page *p = page_find(a->s, a->what->table, after->revision);
    if (!p)
        return refuse_expired(a);
    *out = store_snapshot_ref(p->snapshot);
    return TURN_GO;
}

static enum turn check_match(struct action *a)
{
    struct str match = a->r.list.resource_version_match;
    if (match.n == 0)
        return TURN_GO;
    bool known = str_is(match, "Exact") || str_is(match, "NotOlderThan");
    const char *why = NULL;
    if (a->r.list.resource_version.n == 0)
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
    else if (a->r.list.cont.n > 0)
        why = "resourceVersionMatch is forbidden when continue is provided";
    else if (known && str_is(match, "Exact") && str_is(a->r.list.resource_version, "0"))
        why = "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"";
    if (known && !why)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    if (why)
        cause_add(&c, CAUSE_FORBIDDEN, STR("resourceVersionMatch"), NULL, "%s", why);
    else
        cause_add(&c, CAUSE_NOT_SUPPORTED, STR("resourceVersionMatch"), jnode_str(a->arena, match),
                  "supported values: \"Exact\", \"NotOlderThan\", \"\"");
    enum turn t =
        action_reply(a, 422, status_invalid(STR("ListOptions"), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

/* Exact: history is not kept, so only a revision since which nothing changed can be served. */
static enum turn check_exact(struct action *a)
{
    uint64_t want;
    enum turn t = parse_revision(a, &want);
    if (t != TURN_GO || !str_is(a->r.list.resource_version_match, "Exact"))
        return t;
    if (want >= store_changed(a->what->table))
        return TURN_GO;
    struct status_spec s = { .code = 410,
                             .reason = "Expired",
                             .message =
                                 STR("The resourceVersion for the provided list is too old.") };
    return action_refuse(a, &s);
}

enum turn read_select(struct action *a, struct selection **out)
{
    struct select_spec spec = { .res = a->what->res,
                                .rules = a->what->rules,
                                .selectable = crd_selectable(a->what),
                                .labels = a->r.list.label_selector,
                                .fields = a->r.list.field_selector,
                                .namespace = a->r.namespace,
                                .name = a->r.name };
    struct err err = { 0 };
    if (selection_new(out, &spec, &err) != 0)
        return refuse_bad_request(a, "%s", err.msg);
    return TURN_GO;
}

static enum turn list(struct action *a)
{
    struct listing l = { .a = a, .limit = a->r.list.limit > 0 ? a->r.list.limit : 0 };
    struct token_parts after = { 0 };
    AUTO(store_snapshot_unrefp) struct store_snapshot *snapshot = NULL;
    enum turn t = read_select(a, &l.selection);
    AUTO(selection_freep) struct selection *owned = l.selection;
    if (t == TURN_GO)
        t = choose_snapshot(a, &snapshot, &after);
    if (t != TURN_GO)
        return t;
    if (str_is(a->r.list.resource_version, "0") && a->r.list.cont.n == 0)
        l.limit = 0;
    l.counts = selection_is_all(l.selection);
    store_snapshot_walk(snapshot,
                        &(struct store_range){ a->r.namespace, after.namespace, after.name },
                        list_one, &l);
    a->reply.code = 200;
    a->reply.revision = store_snapshot_revision(snapshot);
    a->reply.remaining = l.full && l.counts ? l.left : -1;
    if (l.full) {
        l.last.revision = a->reply.revision;
        a->reply.cont = token_text(a, &l.last);
        page_keep(a->s, a->what->table, snapshot);
    }
    return TURN_END;
}

const action_step_fn read_list_steps[] = {
    authz_check, check_match, wait_revision, check_exact, list, NULL,
};
