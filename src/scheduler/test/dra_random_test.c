/* SPDX-License-Identifier: Apache-2.0
 * Claims under random events, with an API beside the core whose answers and events come late and
 * out of order: pods and gangs, with claims of their own, of their gang's or of somebody else's,
 * and GPUs by number; claims, classes and slices that go while their devices are on the way;
 * bindings that are refused. No device is ever in two claims, nor in a claim and taken by number;
 * an attempt that is undone restores every word; when all is calm again, everybody runs; and the
 * record of all of it decides the same again. */
#include <stdlib.h>

#include "scheduler/record/record.h"
#include "scheduler/test/dra_fixture.h"

#define OPERATIONS 2000
#define NODES 3
#define CLAIMS 40
#define PODS 48
#define FLIGHTS 6
#define USERS 16
#define MEMBERS 4
#define RECORD_MAX (64 << 20) /* a longer run is not replayed */
#define OURS ",'labels':{'node.ganglion.io/executor':'simulated'}"

struct api_claim {
    bool exists, dirty; /* dirty: the core has not heard of the last change */
    bool known;         /* the core has one */
    unsigned uid, ask;
    uint64_t revision;
    char *allocation;      /* NULL: none */
    char users[USERS][24]; /* uids */
    size_t n_users;
};

struct api_pod {
    struct kobj *obj; /* NULL: none */
    unsigned gang;
    bool bound, dirty;
    char node[16];
};

struct flight { /* a bind_all under way; strings in its arena */
    struct arena *a;
    struct pod_id *pods;
    struct str *nodes;
    size_t n;
    struct dra_write *writes; /* allocation as text below */
    struct str *texts, *users;
    size_t n_writes;
};

struct world {
    struct sched_core *s;
    struct arena *a;
    int64_t t;
    uint64_t revision;
    unsigned next, uids;
    struct api_claim claims[CLAIMS];
    struct api_pod pods[PODS];
    struct flight flights[FLIGHTS];
    size_t n_flights;
    size_t bound, refused, undone, released, freed;
    bool calm;
    bool tries; /* attempts of the test's own between, which the record does not know */
    struct buf record, said; /* lines of the record; what was decided */
};

static const char *const asks[] = {
    "{'name':'r','exactly':{'deviceClassName':'gpu'}}",
    "{'name':'r','exactly':{'deviceClassName':'gpu','count':2}}",
    "{'name':'r','exactly':{'deviceClassName':'net'}}",
    "{'name':'r','exactly':{'deviceClassName':'gpu'}},{'name':'n','exactly':{'deviceClassName':"
    "'net'}}",
    "{'name':'r','firstAvailable':[{'name':'x','deviceClassName':'gpu','count':4},{'name':'y',"
    "'deviceClassName':'net'}]}",
    "{'name':'r','exactly':{'deviceClassName':'nic','capacity':{'requests':{'bandwidth':'4G'}}}}",
};

static struct dra *dra_of(struct world *w)
{
    return core_cluster(w->s)->snap.dra;
}

/* ---- what must hold ---- */

static bool is_alone(struct json result)
{
    return !json_str(json_get(result, STR("shareID"))).n;
}

/* In the API: the device of this result is in no other claim alone. */
static void check_api(struct world *w, size_t of, struct json result)
{
    for (size_t i = 0; i < CLAIMS; i++) {
        AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
        if (i == of || !w->claims[i].exists || !w->claims[i].allocation)
            continue;
        CHECK_I64(json_parse(&doc, str_from(w->claims[i].allocation), &json_limits_own, NULL), 0);
        for (struct json_iter it = json_iter(json_path(json_root(doc), "devices.results"));
             json_next(&it);) {
            bool same = str_eq(json_str(json_get(it.value, STR("device"))),
                               json_str(json_get(result, STR("device")))) &&
                        str_eq(json_str(json_get(it.value, STR("pool"))),
                               json_str(json_get(result, STR("pool"))));
            CHECK(!same || (!is_alone(it.value) && !is_alone(result)));
        }
    }
}

static void check_devices(struct world *w)
{
    const struct dra *d = dra_of(w);
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    for (size_t i = 0; i < d->devices.n; i++) {
        const struct dra_device *dev = d->devices.items[i];
        CHECK(dev->holders >= 0 && dev->holders <= 1 && dev->sharers >= 0);
        CHECK(!dev->holders || !dev->sharers);
        for (size_t k = 0; k < dev->n_capacities; k++)
            CHECK(dev->capacities[k].used >= 0 &&
                  dev->capacities[k].used <= dev->capacities[k].milli);
    }
    for (size_t i = 0; i < snap->nodes.n; i++) {
        const struct snode *n = snap->nodes.items[i];
        uint64_t held = (uint64_t)n->claimed[DEVICE_NVIDIA];
        for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
            uint64_t mine = (uint64_t)snap->pods.items[id]->devices[DEVICE_NVIDIA];
            CHECK((held & mine) == 0);
            held |= mine;
        }
    }
}

/* Words of claims against the pods that are placed. */
static void check_claims(struct world *w)
{
    const struct dra *d = dra_of(w);
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        const struct dra_claim *c = slot->value;
        int64_t placed = 0, users = 0;
        for (size_t k = 0; k < snap->pods.n; k++) {
            const struct spod *p = snap->pods.items[k];
            for (size_t m = 0; p && m < p->claims.n; m++) {
                users += p->claims.items[m] == c;
                placed += p->claims.items[m] == c && p->node >= 0;
            }
        }
        CHECK_I64(c->placed, placed);
        CHECK_I64(c->users, users);
        CHECK_I64(c->left, 0);
        CHECK_I64(c->given_back, 0);
    }
}

static void check_undo(struct world *w)
{
    struct cluster *c = core_cluster(w->s);
    struct plan plan;
    if (!c->snap.pods.n || !w->tries)
        return;
    struct spod *p = c->snap.pods.items[check_random_below(c->snap.pods.n)];
    if (!p || !p->gang || gang_pending(p->gang) == 0)
        return;
    dra_refresh(c->snap.dra);
    uint64_t before = snapshot_hash(&c->snap);
    cycle_try(c, p->gang, w->a, &plan);
    CHECK(snapshot_hash(&c->snap) == before);
    w->undone++;
}

/* ---- events ---- */

static void hear(struct world *w, struct core_input in)
{
    in.now = at_s(w->t);
    record_input(&w->record, &in);
    core_hear(w->s, &in, NULL);
}

static void hear_object(struct world *w, enum input_kind kind, const struct kobj *o, bool gone)
{
    hear(w, (struct core_input){ .kind = kind, .obj = o, .gone = gone });
}

static struct kobj *claim_object(const struct world *w, size_t i)
{
    const struct api_claim *c = &w->claims[i];
    char users[USERS * 64] = "", status[6000] = "";
    size_t n = 0;
    for (size_t k = 0; k < c->n_users; k++)
        n += (size_t)snprintf(users + n, sizeof users - n,
                              "%s{'resource':'pods','name':'x','uid':'%s'}", k ? "," : "",
                              c->users[k]);
    if (c->allocation)
        snprintf(status, sizeof status, "'allocation':%s,'reservedFor':[%s]", c->allocation, users);
    return fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                          "'namespace':'default','name':'c%zu','uid':'cu%u','resourceVersion':"
                          "'%llu'},'spec':{'devices':{'requests':[%s]}},'status':{%s}}",
                          i, c->uid, (unsigned long long)c->revision, asks[c->ask], status);
}

static void tell_claim(struct world *w, size_t i)
{
    struct api_claim *c = &w->claims[i];
    AUTO(kobj_unrefp) struct kobj *o = claim_object(w, i);
    c->dirty = false;
    if (c->exists)
        hear_object(w, INPUT_CLAIM, o, false);
    else if (c->known)
        hear_object(w, INPUT_CLAIM, o, true);
    c->known = c->exists;
}

static void tell_pod(struct world *w, struct api_pod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    struct kobj *o = NULL;
    p->dirty = false;
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), str_from(p->node));
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    kobj_unref(p->obj);
    p->obj = o;
    hear_object(w, INPUT_POD, o, false);
}

static void tell_all(struct world *w)
{
    for (size_t i = 0; i < CLAIMS; i++) {
        if (w->claims[i].dirty)
            tell_claim(w, i);
    }
    for (size_t i = 0; i < PODS; i++) {
        if (w->pods[i].obj && w->pods[i].dirty)
            tell_pod(w, &w->pods[i]);
    }
}

static void tell_some(struct world *w)
{
    for (int n = 0; n < 6; n++) {
        size_t i = check_random_below(CLAIMS), k = check_random_below(PODS);
        if (w->claims[i].dirty)
            tell_claim(w, i);
        if (w->pods[k].obj && w->pods[k].dirty)
            tell_pod(w, &w->pods[k]);
    }
}

/* ---- the API ---- */

static void claim_changed(struct world *w, struct api_claim *c)
{
    c->revision = ++w->revision;
    c->dirty = true;
}

static void claim_release(struct api_claim *c)
{
    free(c->allocation);
    c->allocation = NULL;
    c->n_users = 0;
}

static void claim_make(struct world *w, size_t i)
{
    struct api_claim *c = &w->claims[i];
    c->exists = true;
    c->uid = ++w->uids;
    c->ask = (unsigned)check_random_below(COUNT_OF(asks));
    claim_changed(w, c);
}

static void claim_delete(struct world *w, size_t i)
{
    struct api_claim *c = &w->claims[i];
    if (!c->exists)
        return;
    claim_release(c);
    c->exists = false;
    claim_changed(w, c);
}

static bool pod_exists(const struct world *w, const char *uid)
{
    for (size_t i = 0; i < PODS; i++) {
        if (w->pods[i].obj && str_is(w->pods[i].obj->uid, uid))
            return true;
    }
    return false;
}

/* As the resourceclaim controller: who is gone is no user, and without users nothing is held. */
static void claim_tend(struct world *w, struct api_claim *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_users; i++) {
        if (pod_exists(w, c->users[i]))
            memmove(c->users[n++], c->users[i], sizeof c->users[0]);
    }
    if (!c->exists || !c->allocation || (n == c->n_users && n))
        return;
    c->n_users = n;
    if (!n)
        claim_release(c);
    w->freed++;
    claim_changed(w, c);
}

static size_t claim_index(struct str name)
{
    int64_t i = -1;
    CHECK(str_to_i64(str_skip(name, 1), &i) && i >= 0 && i < CLAIMS);
    return (size_t)i;
}

static bool is_uid(const struct api_claim *c, struct str uid)
{
    char text[24];
    snprintf(text, sizeof text, "cu%u", c->uid);
    return str_is(uid, text);
}

static struct api_pod *pod_of_id(struct world *w, const struct pod_id *id)
{
    for (size_t i = 0; i < PODS; i++) {
        if (w->pods[i].obj && str_eq(w->pods[i].obj->uid, id->uid))
            return &w->pods[i];
    }
    return NULL;
}

/* May all of it be written? */
static bool is_welcome(struct world *w, const struct flight *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!pod_of_id(w, &f->pods[i]))
            return false;
    }
    for (size_t i = 0; i < f->n_writes; i++) {
        const struct api_claim *c = &w->claims[claim_index(f->writes[i].name)];
        bool has = f->texts[i].n && c->allocation && !str_is(f->texts[i], c->allocation);
        bool lacks = !f->texts[i].n && !c->allocation;
        if (!c->exists || !is_uid(c, f->writes[i].uid) || has || lacks || c->n_users == USERS)
            return false;
    }
    return true;
}

static void land_claim(struct world *w, const struct flight *f, size_t i)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    size_t index = claim_index(f->writes[i].name);
    struct api_claim *c = &w->claims[index];
    if (f->texts[i].n && !c->allocation)
        c->allocation = str_dup(f->texts[i]);
    snprintf(c->users[c->n_users++], sizeof c->users[0], "%.*s", STR_ARG(f->users[i]));
    claim_changed(w, c);
    CHECK_I64(json_parse(&doc, str_from(c->allocation), &json_limits_own, NULL), 0);
    for (struct json_iter it = json_iter(json_path(json_root(doc), "devices.results"));
         json_next(&it);)
        check_api(w, index, it.value);
}

static void answer_claims(struct world *w, const struct flight *f, bool landed)
{
    for (size_t i = 0; i < f->n_writes; i++) {
        const struct dra_write *x = &f->writes[i];
        const struct api_claim *c = &w->claims[claim_index(x->name)];
        const struct claim_id id = { x->namespace, x->name, x->uid };
        if (f->texts[i].n)
            hear(w, (struct core_input){ .kind = INPUT_CLAIM_ANSWER,
                                         .claim = id,
                                         .revision = landed      ? w->revision
                                                     : c->exists ? c->revision
                                                                 : 0 });
    }
}

/* A flight arrives, or is lost, or arrives and nobody hears of it, or its claims alone arrive. */
static void land(struct world *w)
{
    if (!w->n_flights)
        return;
    size_t which = check_random_below(w->n_flights);
    struct flight f = w->flights[which];
    bool lands = is_welcome(w, &f) && (w->calm || check_random_below(8));
    bool half = lands && !w->calm && check_random_below(8) == 0;
    bool heard = lands && (w->calm || check_random_below(8));
    w->flights[which] = w->flights[--w->n_flights];
    for (size_t i = 0; lands && i < f.n_writes; i++)
        land_claim(w, &f, i);
    lands = lands && !half;
    for (size_t i = 0; lands && i < f.n; i++) {
        struct api_pod *p = pod_of_id(w, &f.pods[i]);
        p->bound = p->dirty = true;
        snprintf(p->node, sizeof p->node, "%.*s", STR_ARG(f.nodes[i]));
        w->bound++;
    }
    w->refused += !lands;
    for (size_t i = 0; lands && !heard && i < f.n; i++) /* the service reads before it forgets */
        tell_pod(w, pod_of_id(w, &f.pods[i]));
    if (!lands)
        hear(w, (struct core_input){ .kind = INPUT_FORGET, .pods = f.pods, .n_pods = f.n });
    answer_claims(w, &f, heard || half);
    arena_free(f.a);
}

/* ---- decisions ---- */

static void fly(struct world *w, const struct decision *d)
{
    struct flight *f = &w->flights[w->n_flights++];
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    size_t most = d->n * DRA_POD_CLAIMS_MAX + 1;
    *f = (struct flight){ .a = arena_new(), .n = d->n };
    f->pods = ARENA_ARRAY(f->a, struct pod_id, d->n + 1);
    f->nodes = ARENA_ARRAY(f->a, struct str, d->n + 1);
    f->writes = ARENA_ARRAY(f->a, struct dra_write, most);
    f->texts = ARENA_ARRAY(f->a, struct str, most);
    f->users = ARENA_ARRAY(f->a, struct str, most);
    for (size_t i = 0; i < d->n; i++) {
        const struct spod *p = d->items[i].pod;
        size_t n;
        struct dra_write *list = dra_writes(p, w->a, &n);
        f->pods[i] = (struct pod_id){ arena_str(f->a, p->obj->namespace),
                                      arena_str(f->a, p->obj->name), arena_str(f->a, p->obj->uid) };
        f->nodes[i] = arena_str(f->a, snap->nodes.items[d->items[i].where.node]->name);
        for (size_t k = 0; k < n; k++) {
            f->writes[f->n_writes] = (struct dra_write){ arena_str(f->a, list[k].namespace),
                                                         arena_str(f->a, list[k].name),
                                                         arena_str(f->a, list[k].uid), NULL };
            f->texts[f->n_writes] = list[k].allocation
                                        ? arena_str(f->a, json_text(json_root(list[k].allocation)))
                                        : STR("");
            f->users[f->n_writes++] = f->pods[i].uid;
        }
        if (n)
            hear(w, (struct core_input){ .kind = INPUT_SENT, .pods = &f->pods[i], .n_pods = 1 });
    }
}

static void release(struct world *w, const struct dra_idle *idle)
{
    struct api_claim *c = &w->claims[claim_index(idle->id.name)];
    if (!c->exists || !is_uid(c, idle->id.uid) || c->revision != idle->revision)
        return;
    claim_release(c);
    claim_changed(w, c);
    w->released++;
}

static void note(struct buf *said, struct sched_core *s, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *n = record_decision(a, s, d);
    if (n)
        jnode_write(said, n);
    buf_char(said, '\n');
}

static void decide(struct world *w)
{
    struct decision d;
    do {
        if (w->n_flights == FLIGHTS)
            land(w);
        arena_reset(w->a);
        core_step(w->s, at_s(w->t), w->a, &d);
        record_step(&w->record, w->s, at_s(w->t), &d);
        note(&w->said, w->s, &d);
        if (d.kind == DECISION_BIND)
            fly(w, &d);
        for (size_t i = 0; d.kind == DECISION_WAIT && i < d.n_releases; i++)
            release(w, &d.releases[i]);
    } while (d.kind != DECISION_NONE);
}

/* ---- operations ---- */

static struct api_pod *free_pod(struct world *w)
{
    for (size_t i = 0; i < PODS; i++) {
        if (!w->pods[i].obj)
            return &w->pods[i];
    }
    return NULL;
}

static size_t pick_claim(struct world *w)
{
    size_t i = check_random_below(CLAIMS);
    if (!w->claims[i].exists && check_random_below(8))
        claim_make(w, i);
    return i;
}

static void add_gang(struct world *w)
{
    unsigned n = check_random_below(2) ? 1 : 1 + (unsigned)check_random_below(MEMBERS);
    unsigned mode = (unsigned)check_random_below(4), gang = ++w->next;
    size_t shared = pick_claim(w);
    for (unsigned i = 0; i < n; i++) {
        struct api_pod *p = free_pod(w);
        char name[32], meta[300] = "", spec[300] = "";
        if (!p)
            CHECK(false);
        size_t own = mode == 1 ? pick_claim(w) : shared;
        snprintf(name, sizeof name, "p%u-%u", gang, i);
        if (n > 1)
            snprintf(meta, sizeof meta,
                     ",'labels':{'pod-group.scheduling.kubenexus.io/name':'g%u',"
                     "'pod-group.scheduling.kubenexus.io/min-available':'%u'}",
                     gang, n);
        if (mode)
            snprintf(spec, sizeof spec,
                     ",'resourceClaims':[{'name':'c','resourceClaimName':'c%zu'}]", own);
        const struct fixture_pod f = {
            .name = name, .meta = meta, .spec = spec, .gpus = mode != 1
        };
        *p = (struct api_pod){ .obj = fixture_pod_object(&f), .gang = gang };
        hear_object(w, INPUT_POD, p->obj, false);
    }
}

static void remove_gang(struct world *w, unsigned gang)
{
    for (size_t i = 0; i < PODS; i++) {
        struct api_pod *p = &w->pods[i];
        if (!p->obj || p->gang != gang)
            continue;
        hear_object(w, INPUT_POD, p->obj, true);
        kobj_unref(p->obj);
        *p = (struct api_pod){ 0 };
    }
}

static void set_class(struct world *w, const char *name, const char *driver, bool there)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass',"
                                    "'metadata':{'name':'%s'},'spec':{'selectors':[{'cel':{"
                                    "'expression':'device.driver == \\'%s\\''}}]}}",
                                    name, driver);
    hear_object(w, INPUT_CLASS, o, !there);
}

static void set_slice(struct world *w, const char *driver, const char *pool, const char *devices)
{
    bool wide = pool[0] != 'n' || pool[1] == 'e';
    char where[64];
    snprintf(where, sizeof where, wide ? "'allNodes':true" : "'nodeName':'%s'", pool);
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice',"
                                    "'metadata':{'name':'%s-%s'},'spec':{'driver':'%s','pool':{"
                                    "'name':'%s','generation':1,'resourceSliceCount':1},%s,"
                                    "'devices':[%s]}}",
                                    driver, pool, driver, pool, where, devices);
    hear_object(w, INPUT_SLICE, o, !devices[0]);
}

static void set_net(struct world *w, bool there)
{
    set_slice(w, "net.example.com", "net",
              there ? "{'name':'a'},{'name':'b'},{'name':'c'},{'name':'d'}" : "");
}

static void set_nic(struct world *w, bool there)
{
    set_slice(w, "nic.example.com", "wire",
              there ? "{'name':'w','allowMultipleAllocations':true,'capacity':{'bandwidth':{"
                      "'value':'20G'}}}"
                    : "");
}

/* GPUs do not go: what has them by claim is theirs by number too. */
static void set_gpus(struct world *w, int node)
{
    char text[2000], pool[16];
    size_t n = 0;
    for (int i = 0; i < 8; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{'name':'gpu-%d','attributes':{'index':{'int':%d}}}", i ? "," : "",
                              i, i);
    snprintf(pool, sizeof pool, "n%d", node);
    set_slice(w, "gpu.nvidia.com", pool, text);
}

static void set_objects(struct world *w, bool there)
{
    set_class(w, "gpu", "gpu.nvidia.com", there || check_random_below(2));
    set_class(w, "net", "net.example.com", there || check_random_below(2));
    set_class(w, "nic", "nic.example.com", there || check_random_below(2));
    set_net(w, there || check_random_below(2));
    set_nic(w, there || check_random_below(2));
    set_gpus(w, (int)check_random_below(NODES));
}

static void operate(struct world *w)
{
    uint64_t what = check_random_below(100);
    size_t used = 0;
    for (size_t i = 0; i < PODS; i++)
        used += w->pods[i].obj != NULL;
    w->t += (int64_t)check_random_below(4);
    if (used + MEMBERS > PODS || what < 22)
        remove_gang(w, w->pods[check_random_below(PODS)].gang);
    else if (what < 45)
        add_gang(w);
    else if (what < 65)
        land(w);
    else if (what < 85)
        tell_some(w);
    else if (what < 93)
        claim_tend(w, &w->claims[check_random_below(CLAIMS)]);
    else if (what < 96)
        claim_delete(w, check_random_below(CLAIMS));
    else
        set_objects(w, false);
}

/* ---- in the end ---- */

static size_t count_pods(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < PODS; i++)
        n += w->pods[i].obj != NULL;
    return n;
}

static void settle(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        decide(w);
        while (w->n_flights)
            land(w);
        tell_all(w);
        for (size_t k = 0; k < CLAIMS; k++)
            claim_tend(w, &w->claims[k]);
        tell_all(w);
        w->t += 15;
    }
}

/* All objects are there and those that run end one after another: everybody gets his turn. */
static void check_nobody_is_lost(struct world *w)
{
    w->calm = true;
    set_objects(w, true);
    for (size_t i = 0; i < CLAIMS; i++) {
        if (!w->claims[i].exists)
            claim_make(w, i);
    }
    for (int round = 0; round < 200 && count_pods(w); round++) {
        settle(w);
        for (size_t i = 0; i < PODS; i++) {
            if (w->pods[i].obj && w->pods[i].bound) {
                remove_gang(w, w->pods[i].gang);
                break;
            }
        }
        check_devices(w);
        check_claims(w);
    }
    for (size_t i = 0; i < PODS; i++) {
        struct spod *p =
            w->pods[i].obj ? core_pod(w->s, STR("default"), w->pods[i].obj->name) : NULL;
        if (p)
            print_message("%.*s is left: %.*s\n", STR_ARG(p->obj->name), STR_ARG(p->gang->message));
    }
    CHECK_I64(count_pods(w), 0);
}

static void add_nodes(struct sched_core *s)
{
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(s, name, OURS, "");
    }
}

static void world_init(struct world *w)
{
    *w = (struct world){ .s = core_new_default(), .a = arena_new(), .t = 1 };
    buf_init(&w->record, RECORD_MAX);
    buf_init(&w->said, RECORD_MAX);
    add_nodes(w->s);
    for (int i = 0; i < NODES; i++)
        set_gpus(w, i);
    set_objects(w, true);
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
    for (size_t i = 0; i < CLAIMS; i++)
        free(w->claims[i].allocation);
    buf_fini(&w->record);
    buf_fini(&w->said);
}

/* Each line of the record, heard by a core of its own, which nobody asked for attempts between. */
static void check_replay(const struct world *w)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_new_default();
    struct str rest = buf_view(&w->record);
    struct buf said;
    buf_init(&said, RECORD_MAX);
    add_nodes(s);
    while (rest.n && !w->record.failed) {
        struct record_line l;
        struct decision d;
        struct err err = { 0 };
        arena_reset(a);
        CHECK_OK(record_parse(&l, a, str_split(&rest, '\n'), &err), err);
        if (l.input.kind == INPUT_STEP) {
            core_step(s, l.input.now, a, &d);
            note(&said, s, &d);
        } else {
            core_hear(s, &l.input, NULL);
        }
        record_line_fini(&l);
    }
    struct str one = buf_view(&w->said), two = buf_view(&said);
    while (one.n && !w->record.failed)
        CHECK_STR_EQ(str_split(&two, '\n'), str_split(&one, '\n'));
    buf_fini(&said);
    core_free(s);
}

static void run(bool tries)
{
    const char *asked = getenv("SOAK_OPERATIONS");
    int64_t operations = OPERATIONS;
    struct world w;
    if (asked)
        CHECK(str_to_i64(str_from(asked), &operations));
    world_init(&w);
    w.tries = tries;
    for (int64_t i = 0; i < operations; i++) {
        operate(&w);
        check_undo(&w);
        decide(&w);
        dra_refresh(dra_of(&w));
        check_devices(&w);
        if (i % 8 == 0)
            check_claims(&w);
        if (i % 1000 == 999) {
            check_nobody_is_lost(&w);
            w.calm = false;
        }
    }
    check_nobody_is_lost(&w);
    print_message("%zu pods bound, %zu flights refused, %zu claims released, %zu freed, %zu "
                  "attempts undone\n",
                  w.bound, w.refused, w.released, w.freed, w.undone);
    if (!tries)
        check_replay(&w);
    CHECK(w.bound > 50 && w.refused && w.freed && (w.undone || !tries));
    world_fini(&w);
}

static void test_claims(void **state)
{
    (void)state;
    run(true);
}

static void test_their_record_decides_again(void **state)
{
    (void)state;
    run(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_claims),
                                        cmocka_unit_test(test_their_record_decides_again) };
    return CHECK_MAIN(tests);
}
