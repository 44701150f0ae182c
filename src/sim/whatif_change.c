/* SPDX-License-Identifier: Apache-2.0
 * whatif_change — see whatif_change.h. */
#include "sim/whatif_change.h"

#include <stdlib.h>

#include "codec/yaml.h"
#include "kube/meta.h"
#include "sim/sim_file.h"
#include "sim/slice.h"

#define WORDS_BYTES_MAX (64u << 10)
#define WORDS_BYTES_SHOWN 400

VEC_TYPE(name_vec, struct str);

struct whatif_change {
    const struct day *day;
    struct arena *a;
    struct day_events sets;
    struct name_vec drops;
    struct str config;
    struct buf words;
    size_t n_added;
};

struct whatif_change *whatif_change_new(const struct day *day)
{
    struct whatif_change *w = MEM_NEW(struct whatif_change);
    w->day = day;
    w->a = arena_new();
    buf_init(&w->words, WORDS_BYTES_MAX);
    return w;
}

void whatif_change_free(struct whatif_change *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->sets.n; i++)
        kobj_unref(w->sets.items[i].obj);
    day_events_fini(&w->sets);
    name_vec_fini(&w->drops);
    buf_fini(&w->words);
    arena_free(w->a);
    free(w);
}

/* Further ones of many are not named. */
static void say(struct whatif_change *w, struct str what)
{
    if (w->words.n < WORDS_BYTES_SHOWN)
        buf_printf(&w->words, "%s%.*s", w->words.n ? ", " : "", STR_ARG(what));
    else if (!str_ends(buf_view(&w->words), STR(", …")))
        buf_str(&w->words, STR(", …"));
}

static void put_set(struct whatif_change *w, enum input_kind kind, struct kobj *obj) /* takes it */
{
    day_events_push(&w->sets, (struct day_event){ .kind = kind, .obj = obj });
}

static int
put_tree(struct whatif_change *w, enum input_kind kind, struct jnode *root, struct err *err)
{
    struct kobj *obj;
    if (kobj_freeze(&obj, root, err))
        return -1;
    put_set(w, kind, obj);
    return 0;
}

/* ---- nodes of the day ---- */

/* The node as it was seen last; NULL: there is none for which match is true. */
static const struct kobj *find_node(const struct day *d,
                                    bool (*match)(const struct kobj *o, struct str word),
                                    struct str word)
{
    for (size_t i = d->events.n; i-- > 0;) {
        const struct day_event *e = &d->events.items[i];
        if (e->kind == INPUT_NODE && !e->gone && match(e->obj, word))
            return e->obj;
    }
    return NULL;
}

static bool has_name(const struct kobj *o, struct str name)
{
    return str_eq(o->name, name);
}

static bool has_model(const struct kobj *o, struct str word)
{
    static const char *const keys[] = { "nvidia.com/gpu.product", "gpu.kubenexus.io/model",
                                        "hardware.kubenexus.io/gpu-gen" };
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        struct str model = kobj_label(o, str_from(keys[k]));
        for (size_t i = 0; word.n && i + word.n <= model.n; i++) {
            if (str_eq_nocase(str_make(model.p + i, word.n), word))
                return true;
        }
    }
    return false;
}

/* ---- nodes that are added ---- */

/* Without what belongs to that one node: its name, its troubles, its providerID. */
static struct jnode *like(struct arena *a, const struct kobj *model, struct str name)
{
    struct jnode *root = jnode_thaw(a, kobj_root(model));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    struct jnode *spec = jnode_need_obj(root, STR("spec"));
    struct jnode *taints = jnode_get(spec, STR("taints"));
    jnode_set_str(meta, STR("name"), name);
    jnode_set_str(meta, STR("uid"), arena_printf(a, "whatif-%.*s", STR_ARG(name)));
    meta_set_label(root, STR("kubernetes.io/hostname"), name);
    jnode_del(spec, STR("unschedulable"));
    jnode_del(spec, STR("providerID"));
    for (size_t i = jnode_len(taints); i-- > 0;) {
        struct str key = jnode_text_of_str(jnode_get(jnode_at(taints, i), STR("key")));
        if (str_starts(key, STR("node.kubernetes.io/")))
            jnode_remove_at(taints, i);
    }
    return root;
}

static struct str next_name(struct whatif_change *w)
{
    struct str name;
    do
        name = arena_printf(w->a, "whatif-%zu", w->n_added++);
    while (find_node(w->day, has_name, name));
    return name;
}

static int
add_of_shape(struct whatif_change *w, const struct sim_group *g, struct str name, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    if (put_tree(w, INPUT_NODE, sim_group_object(a, g, name, (struct wall){ w->day->begin }), err))
        return -1;
    if (!g->shape->claims)
        return 0;
    return put_tree(w, INPUT_SLICE, sim_slice_object(a, g->shape, name, NULL), err);
}

static int no_model(struct str word, struct err *err)
{
    if (!sim_shape_named(word, err))
        return err_wrap(err, "no node has that name, or such a GPU");
    return 0;
}

int whatif_add_nodes(struct whatif_change *w, struct str text, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str word = text, count = str_split(&word, ':');
    int64_t n;
    if (!str_to_i64(count, &n) || n < 1 || n > WHATIF_NODES_MAX)
        return err_set(err, ERR_INVALID,
                       "\"%.*s\": wants a number from 1 to %d, perhaps with what they are like: "
                       "2:gpu8, 2:NODE, 2:h100",
                       STR_ARG(text), WHATIF_NODES_MAX);
    struct sim_group g = { .shape = sim_shape_find(word) };
    const struct kobj *model = NULL;
    if (word.n && !str_is(word, g.shape->name)) {
        model = find_node(w->day, has_name, word);
        model = model ? model : find_node(w->day, has_model, word);
        if (!model)
            return no_model(word, err);
    }
    for (int64_t i = 0; i < n; i++) {
        struct str name = next_name(w);
        if (model ? put_tree(w, INPUT_NODE, like(a, model, name), err)
                  : add_of_shape(w, &g, name, err))
            return -1;
    }
    say(w, arena_printf(a, "%lld node%s like %.*s added", (long long)n, n == 1 ? "" : "s",
                        STR_ARG(model ? model->name : str_from(g.shape->name))));
    return 0;
}

/* ---- files ---- */

static int add_group(struct whatif_change *w, const struct sim_group *g, struct err *err)
{
    int64_t first = 0;
    struct str prefix = g->prefix.n ? g->prefix : STR("sim-");
    if (g->n < 0 || g->n > WHATIF_NODES_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d nodes", WHATIF_NODES_MAX);
    for (int64_t i = 0; i < g->n; i++) {
        struct str name = g->names ? g->names[i] : (struct str){ 0 };
        while (!g->names) { /* a number that the day has not */
            name = arena_printf(w->a, "%.*s%lld", STR_ARG(prefix), (long long)(first + i));
            if (!find_node(w->day, has_name, name))
                break;
            first++;
        }
        if (add_of_shape(w, g, name, err))
            return -1;
    }
    say(w, arena_printf(w->a, "%lld node%s %.*s… added", (long long)g->n, g->n == 1 ? "" : "s",
                        STR_ARG(g->names && g->n ? g->names[0] : prefix)));
    return 0;
}

static enum input_kind kind_of(struct str kind)
{
    static const struct {
        const char *name;
        enum input_kind kind;
    } rows[] = {
        { "Node", INPUT_NODE },
        { "Namespace", INPUT_NAMESPACE },
        { "PodDisruptionBudget", INPUT_BUDGET },
        { "DeviceClass", INPUT_CLASS },
        { "ResourceSlice", INPUT_SLICE },
        { "PodGroup", INPUT_GROUP },
        { "Workload", INPUT_GROUP },
        { "AIJobQueue", INPUT_QUEUE },
        { "ClusterQueue", INPUT_QUEUE },
        { "Cohort", INPUT_QUEUE },
        { "LocalQueue", INPUT_QUEUE },
        { "WorkloadPriorityClass", INPUT_QUEUE },
        { "Queue", INPUT_QUEUE },
        { "Topology", INPUT_TOPOLOGY },
        { "HyperNode", INPUT_TOPOLOGY },
        { "NodeResourceTopology", INPUT_TOPOLOGY },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_is(kind, rows[i].name))
            return rows[i].kind;
    }
    return INPUT_STEP;
}

static int add_manifest(struct whatif_change *w, struct json_doc *doc, struct err *err)
{
    struct kobj *o;
    if (kobj_new(&o, json_doc_ref(doc), err))
        return -1;
    enum input_kind kind = kind_of(o->kind);
    if (kind == INPUT_STEP || !o->name.n) {
        err_set(err, ERR_INVALID,
                "%.*s %.*s: wants a Node, a queue (AIJobQueue, ClusterQueue, Cohort, LocalQueue, "
                "Queue), a topology, PodGroup, DeviceClass or ResourceSlice, with metadata.name",
                STR_ARG(o->kind), STR_ARG(o->name));
        kobj_unref(o);
        return -1;
    }
    say(w, arena_printf(w->a, "%.*s %.*s given", STR_ARG(o->kind), STR_ARG(o->name)));
    put_set(w, kind, o);
    return 0;
}

static int add_manifests(struct whatif_change *w, struct str text, struct err *err)
{
    struct yaml_docs docs = { 0 };
    int rc = yaml_parse(&docs, text, &json_limits_body, err);
    for (size_t i = 0; rc == 0 && i < docs.n; i++) {
        struct json list = json_get(json_root(docs.items[i]), STR("items"));
        if (json_type(list) != JSON_ARR)
            rc = add_manifest(w, docs.items[i], err);
        for (struct json_iter it = json_iter(list); rc == 0 && json_next(&it);) {
            struct json_doc *item;
            rc = json_parse(&item, json_text(it.value), &json_limits_body, err);
            if (rc == 0) {
                rc = add_manifest(w, item, err);
                json_doc_unref(item);
            }
        }
    }
    if (rc == 0 && docs.n == 0)
        rc = err_set(err, ERR_INVALID, "holds no object");
    yaml_docs_unref(&docs);
    return rc;
}

static bool is_group_file(struct str text)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    return yaml_parse_one(&doc, text, &json_limits_body, NULL) == 0 &&
           json_exists(json_get(json_root(doc), STR("nodes")));
}

int whatif_add_node_file(struct whatif_change *w, struct str text, struct err *err)
{
    struct sim_groups groups;
    if (!is_group_file(text))
        return add_manifests(w, text, err);
    if (sim_file_parse(&groups, w->a, text, err))
        return -1;
    for (size_t i = 0; i < groups.n; i++) {
        if (add_group(w, &groups.items[i], err))
            return -1;
    }
    return 0;
}

int whatif_add_queue_file(struct whatif_change *w, struct str text, struct err *err)
{
    return add_manifests(w, text, err);
}

/* ---- the rest ---- */

int whatif_remove_node(struct whatif_change *w, struct str name, struct err *err)
{
    if (!find_node(w->day, has_name, name))
        return err_set(err, ERR_NOT_FOUND, "there is no node \"%.*s\"", STR_ARG(name));
    name_vec_push(&w->drops, arena_str(w->a, name));
    say(w, arena_printf(w->a, "node %.*s removed", STR_ARG(name)));
    return 0;
}

void whatif_set_config(struct whatif_change *w, struct str text)
{
    w->config = arena_str(w->a, text);
    say(w, STR("another scheduler configuration"));
}

struct scene_change whatif_change_get(const struct whatif_change *w)
{
    return (struct scene_change){ .sets = w->sets.items,
                                  .n_sets = w->sets.n,
                                  .drops = w->drops.items,
                                  .n_drops = w->drops.n,
                                  .config = w->config };
}

struct str whatif_change_words(const struct whatif_change *w)
{
    return w->words.n ? buf_view(&w->words) : STR("nothing changed");
}
