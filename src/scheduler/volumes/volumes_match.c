/* SPDX-License-Identifier: Apache-2.0
 * volumes_match — which volumes the claims of a pod could have on a node; see volumes.h.
 *
 * What does not depend on the node is asked once per pod: of each claim that waits, the volumes
 * that would do, smallest first. On a node the first of them that is reached from there is taken,
 * in the order of the claims' sizes, so that small claims do not take large volumes; a claim that
 * finds none gets a new one, if its class can make one there. */
#include "scheduler/volumes/volumes_internal.h"

struct volume_want { /* of a claim that waits for the pod's node */
    struct volume_claim *claim;
    struct volume_pv *kept;  /* somebody kept this one for it */
    struct volume_pv **list; /* else these, smallest first */
    size_t n;
    bool missed; /* on the last node */
};

struct volume_search {
    const struct spod *pod;
    struct volumes *v;
    struct arena *a;
    struct volume_claim **bound;
    size_t n_bound;
    struct volume_want *wants; /* in the pod's order */
    size_t n_wants;
    struct volume_want **by_size; /* those that look for a volume */
    size_t n_by_size;
    struct volume_pick *picks; /* of the last node */
    size_t n_picks;
};

/* ---- volumes and claims ---- */

bool volume_is_for(const struct volume_pv *pv, const struct volume_claim *c)
{
    if (pv->promised)
        return (const struct volume_claim *)(uintptr_t)pv->promised == c;
    return pv->ref_name.n && str_eq(pv->ref_name, c->obj->name) &&
           str_eq(pv->ref_namespace, c->obj->namespace) &&
           (!pv->ref_uid.n || str_eq(pv->ref_uid, c->obj->uid));
}

static bool is_kept(const struct volume_pv *pv)
{
    return pv->promised || json_has(kobj_path(pv->obj, "spec.claimRef"));
}

static bool reaches(const struct node_terms *terms, const struct snode *node)
{
    return !terms || match_node_terms(terms, &node->labels, STR("")); /* by labels only */
}

bool volume_reaches(const struct volumes *v, const struct volume_pv *pv, const struct snode *node)
{
    if (pv->plugin && pv->migrated &&
        volume_is_migrated(pv->plugin, map_get(&v->nodes, node->name)))
        return reaches(pv->migrated, node);
    return reaches(pv->terms, node);
}

/* Large enough and of the right make, for whomever it is kept. */
static bool is_alike(const struct volume_pv *pv, const struct volume_claim *c)
{
    return pv->size.nano >= c->size.nano && pv->block == c->block &&
           str_eq(pv->quality, c->quality) && !pv->deleting;
}

static bool is_free_for(const struct volume_pv *pv, const struct volume_claim *c)
{
    return pv->available && (!c->selects || label_sel_matches(&c->selector, &pv->labels)) &&
           !(c->modes & ~pv->modes);
}

static int compare_sizes(const void *a, const void *b)
{
    const struct volume_pv *x = *(struct volume_pv *const *)a, *y = *(struct volume_pv *const *)b;
    if (x->size.nano != y->size.nano)
        return x->size.nano < y->size.nano ? -1 : 1;
    return str_cmp(x->obj->name, y->obj->name);
}

static void find_volumes(struct volume_search *s, struct volume_want *w)
{
    const struct volume_shelf *shelf = map_get(&s->v->by_class, w->claim->class_name);
    size_t n = shelf ? shelf->pvs.n : 0;
    w->list = ARENA_ARRAY(s->a, struct volume_pv *, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct volume_pv *pv = shelf->pvs.items[i];
        bool own = is_kept(pv) && volume_is_for(pv, w->claim);
        if (!is_alike(pv, w->claim) || (is_kept(pv) && !own))
            continue;
        if (own)
            w->kept = pv;
        else if (is_free_for(pv, w->claim))
            w->list[w->n++] = pv;
    }
    qsort(w->list, w->n, sizeof(struct volume_pv *), compare_sizes);
}

/* ---- before all nodes ---- */

static bool is_own_claim(const struct volume_claim *c, const struct kobj *pod)
{
    return c->owner.n && str_eq(c->owner, pod->uid);
}

/* False: the pod cannot start anywhere, *reason says why. */
static bool
is_usable(const struct pod_volume *pv, const struct kobj *pod, struct arena *a, struct str *reason)
{
    const struct volume_claim *c = pv->claim;
    struct str rest = c->key;
    str_split(&rest, '/');
    if (!c->obj && pv->ephemeral)
        *reason = arena_printf(a,
                               "waiting for ephemeral volume controller to create the "
                               "persistentvolumeclaim \"%.*s\"",
                               STR_ARG(rest));
    else if (!c->obj)
        *reason = arena_printf(a, "persistentvolumeclaim \"%.*s\" not found", STR_ARG(rest));
    else if (c->lost)
        *reason = arena_printf(a,
                               "persistentvolumeclaim \"%.*s\" bound to non-existent "
                               "persistentvolume \"%.*s\"",
                               STR_ARG(rest), STR_ARG(c->volume));
    else if (c->deleting)
        *reason = arena_printf(a, "persistentvolumeclaim \"%.*s\" is being deleted", STR_ARG(rest));
    else if (pv->ephemeral && !is_own_claim(c, pod))
        *reason = arena_printf(a, "PVC %.*s was not created for pod %.*s/%.*s (pod is not owner)",
                               STR_ARG(c->key), STR_ARG(pod->namespace), STR_ARG(pod->name));
    else
        return true;
    return false;
}

static bool is_known(const struct volume_search *s, const struct volume_claim *c)
{
    for (size_t i = 0; i < s->n_bound; i++) {
        if (s->bound[i] == c)
            return true;
    }
    for (size_t i = 0; i < s->n_wants; i++) {
        if (s->wants[i].claim == c)
            return true;
    }
    return false;
}

/* False: it should be bound already. */
static bool sort_claim(struct volume_search *s, struct volume_claim *c)
{
    const struct volume_class *class = map_get(&s->v->classes, c->class_name);
    if (is_known(s, c))
        return true;
    if (c->bound) {
        s->bound[s->n_bound++] = c;
        return true;
    }
    if (!class || !class->waits || c->volume.n)
        return false;
    s->wants[s->n_wants] = (struct volume_want){ .claim = c };
    find_volumes(s, &s->wants[s->n_wants++]);
    return true;
}

/* Its volume is being made somewhere already: an earlier attempt said where. */
static bool has_node(const struct volume_claim *c)
{
    return c->promised_node || c->node.p;
}

static bool is_its_node(const struct volume_claim *c, const struct snode *node)
{
    return c->promised_node ? c->promised_node - 1 == (int64_t)node->id
                            : str_eq(c->node, node->name);
}

/* Those that look for a volume. Stable: of claims of one size the pod's first one comes first. */
static void sort_by_size(struct volume_search *s)
{
    s->by_size = ARENA_ARRAY(s->a, struct volume_want *, s->n_wants + 1);
    for (size_t i = 0; i < s->n_wants; i++) {
        struct volume_want *w = &s->wants[i];
        if (has_node(w->claim))
            continue;
        size_t at = s->n_by_size++;
        for (; at > 0 && w->claim->size.nano < s->by_size[at - 1]->claim->size.nano; at--)
            s->by_size[at] = s->by_size[at - 1];
        s->by_size[at] = w;
    }
}

struct volume_search *volume_search_new(const struct spod *pod, struct arena *a, struct str *reason)
{
    const struct pod_volumes *p = pod->volumes;
    struct volume_search *s = ARENA_NEW(a, struct volume_search);
    *s = (struct volume_search){ .pod = pod, .v = p->all, .a = a };
    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i].claim && !is_usable(&p->items[i], pod->obj, a, reason))
            return NULL;
    }
    s->bound = ARENA_ARRAY(a, struct volume_claim *, p->n);
    s->wants = ARENA_ARRAY(a, struct volume_want, p->n);
    s->picks = ARENA_ARRAY(a, struct volume_pick, p->n);
    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i].claim && !sort_claim(s, p->items[i].claim)) {
            *reason = STR("pod has unbound immediate PersistentVolumeClaims");
            return NULL;
        }
    }
    sort_by_size(s);
    return s;
}

bool volume_search_is_empty(const struct volume_search *s)
{
    return s->n_bound == 0 && s->n_wants == 0;
}

/* ---- on one node ---- */

static unsigned check_bound(const struct volume_search *s, const struct snode *node)
{
    for (size_t i = 0; i < s->n_bound; i++) {
        const struct volume_pv *pv = map_get(&s->v->pvs, s->bound[i]->volume);
        if (!pv)
            return VOLUMES_LOST;
        if (!volume_reaches(s->v, pv, node))
            return VOLUMES_ELSEWHERE;
    }
    return 0;
}

static bool is_picked(const struct volume_search *s, const struct volume_pv *pv)
{
    for (size_t i = 0; i < s->n_picks; i++) {
        if (s->picks[i].pv == pv)
            return true;
    }
    return false;
}

static struct volume_pv *
pick_volume(const struct volume_search *s, const struct volume_want *w, const struct snode *node)
{
    struct str host = labelset_get(&node->labels, STR("kubernetes.io/hostname"));
    if (w->kept) /* this one or none; asked as the volume that it is, as all that wait */
        return reaches(w->kept->terms, node) ? w->kept : NULL;
    for (size_t i = 0; i < w->n; i++) {
        struct volume_pv *pv = w->list[i];
        if (pv->host.p && !str_eq(pv->host, host))
            continue;
        if (reaches(pv->terms, node) && !is_picked(s, pv))
            return pv;
    }
    return NULL;
}

static bool is_allowed(const struct volume_class *class, const struct snode *node)
{
    bool allowed = class->anywhere;
    for (size_t i = 0; i < class->n && !allowed; i++)
        allowed = label_sel_matches(&class->topologies[i], &node->labels);
    return allowed;
}

/* The driver says how much is left where, and this much is not. */
static bool has_space(const struct volume_search *s,
                      const struct volume_class *class,
                      const struct volume_claim *c,
                      const struct snode *node,
                      const struct volume_capacity **from)
{
    const struct kobj *driver = map_get(&s->v->drivers, class->provisioner);
    const struct map_slot *slot;
    *from = NULL;
    if (!c->size.said || !driver || !json_bool(kobj_path(driver, "spec.storageCapacity"), false))
        return true;
    for (size_t i = 0; (slot = map_next(&s->v->capacities, &i));) {
        const struct volume_capacity *have = slot->value;
        if (!str_eq(have->class_name, class->obj->name) ||
            have->limit_bytes < volume_bytes(&c->size) ||
            !label_sel_matches(&have->nodes, &node->labels))
            continue;
        if (!*from || have->capacity_bytes > (*from)->capacity_bytes)
            *from = have;
    }
    return *from != NULL;
}

/* A new volume for the claim, reached from the node. */
static unsigned pick_new(struct volume_search *s, struct volume_claim *c, const struct snode *node)
{
    const struct volume_class *class = map_get(&s->v->classes, c->class_name);
    struct volume_pick pick = { .claim = c };
    if (!class || !class->provisioner.n ||
        str_is(class->provisioner, "kubernetes.io/no-provisioner") || !is_allowed(class, node))
        return VOLUMES_NONE;
    if (!has_space(s, class, c, node, &pick.from))
        return VOLUMES_NO_SPACE;
    s->picks[s->n_picks++] = pick;
    return 0;
}

static unsigned make_all(struct volume_search *s, const struct snode *node)
{
    unsigned why = 0;
    for (size_t i = 0; i < s->n_wants && !why; i++) {
        if (has_node(s->wants[i].claim))
            why = pick_new(s, s->wants[i].claim, node);
    }
    for (size_t i = 0; i < s->n_by_size && !why; i++) {
        if (s->by_size[i]->missed)
            why = pick_new(s, s->by_size[i]->claim, node);
    }
    return why;
}

static unsigned check_wants(struct volume_search *s, const struct snode *node)
{
    for (size_t i = 0; i < s->n_wants; i++) {
        if (has_node(s->wants[i].claim) && !is_its_node(s->wants[i].claim, node))
            return VOLUMES_NONE;
    }
    for (size_t i = 0; i < s->n_by_size; i++) {
        struct volume_want *w = s->by_size[i];
        struct volume_pv *pv = pick_volume(s, w, node);
        w->missed = pv == NULL;
        if (pv)
            s->picks[s->n_picks++] = (struct volume_pick){ .claim = w->claim, .pv = pv };
    }
    return make_all(s, node);
}

unsigned volume_search_fits(struct volume_search *s, const struct snode *node)
{
    s->n_picks = 0;
    unsigned why = check_bound(s, node) | check_wants(s, node);
    if (why)
        s->n_picks = 0;
    return why;
}

/* ---- what it found ---- */

const struct volume_pick *volume_search_picks(const struct volume_search *s, size_t *n)
{
    *n = s->n_picks;
    return s->picks;
}

const struct volume_choice *volume_search_choices(const struct volume_search *s, size_t *n)
{
    struct volume_choice *out = ARENA_ARRAY(s->a, struct volume_choice, s->n_picks + 1);
    for (size_t i = 0; i < s->n_picks; i++) {
        out[i].claim = s->picks[i].claim->key;
        if (s->picks[i].pv)
            out[i].volume = s->picks[i].pv->obj->name;
    }
    *n = s->n_picks;
    return out;
}

static struct volume_use *
use_of(struct volume_use *uses, struct str *names, size_t *n, struct str name)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(names[i], name))
            return &uses[i];
    }
    names[*n] = name;
    return &uses[(*n)++];
}

const struct volume_use *volume_search_uses(const struct volume_search *s, size_t *n)
{
    struct volume_use *out = ARENA_ARRAY(s->a, struct volume_use, s->n_picks + 1);
    struct str *names = ARENA_ARRAY(s->a, struct str, s->n_picks + 1);
    bool binds = false;
    *n = 0;
    for (size_t i = 0; i < s->n_picks; i++)
        binds = binds || s->picks[i].pv;
    for (size_t i = 0; i < s->n_picks; i++) {
        const struct volume_pick *p = &s->picks[i];
        if (binds ? !p->pv : !p->from)
            continue;
        struct volume_use *u = use_of(out, names, n, p->claim->class_name);
        u->requested += volume_bytes(&p->claim->size);
        u->capacity = binds ? u->capacity + volume_bytes(&p->pv->size) : p->from->capacity_bytes;
    }
    return out;
}
