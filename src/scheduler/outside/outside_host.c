/* SPDX-License-Identifier: Apache-2.0
 * outside_host — what plugins of others may ask us: the table that their start is given. Texts are
 * copied, ended with NUL, into the scratch of the call. What is read of pods here must be in
 * outside_put_key, and of nodes among what the snapshot compares. */
#include "kube/names.h"
#include "scheduler/outside/outside_internal.h"

/* Members of the spec in which pods of one template differ. */
static const struct str of_one_pod[] = { STR_INIT("hostname"), STR_INIT("nodeName"),
                                         STR_INIT("volumes") };

static bool is_of_one_pod(struct str member)
{
    for (size_t i = 0; i < COUNT_OF(of_one_pod); i++) {
        if (str_eq(of_one_pod[i], member))
            return true;
    }
    return false;
}

/* What we write on pods ourselves while they wait. */
static bool is_ours(struct str annotation)
{
    return str_is(annotation, NAME_WHY);
}

static const char *text_of(struct outside_plugin *p, struct str s)
{
    if (!s.p || arena_bytes(p->scratch) + s.n > OUTSIDE_SCRATCH_MAX)
        return NULL;
    return arena_str(p->scratch, s).p;
}

/* ---- pods ---- */

static const char *pod_label(const struct ganglion_pod *pod, const char *key)
{
    return text_of(pod->plugin, json_str(json_get(pod->shape->view->labels, str_from(key))));
}

static const char *pod_annotation(const struct ganglion_pod *pod, const char *key)
{
    struct str name = str_from(key);
    return is_ours(name)
               ? NULL
               : text_of(pod->plugin, json_str(json_get(pod->shape->view->annotations, name)));
}

static const char *pod_spec(const struct ganglion_pod *pod, const char *path)
{
    struct str rest = str_from(path);
    if (!path || is_of_one_pod(str_split(&rest, '.')))
        return NULL;
    struct json v = json_path(kobj_path(pod->shape->obj, "spec"), path);
    if (!json_exists(v))
        return NULL;
    return text_of(pod->plugin, json_type(v) == JSON_STR ? json_str(v) : json_text(v));
}

static const char *pod_namespace(const struct ganglion_pod *pod)
{
    return text_of(pod->plugin, pod->shape->obj->namespace);
}

static int64_t pod_request(const struct ganglion_pod *pod, const char *resource)
{
    return amounts_get(&pod->shape->view->requests, str_from(resource));
}

void outside_put_key(struct buf *b, const struct kobj *pod)
{
    const struct pod *view = pod_of(pod);
    buf_str(b, pod->namespace);
    buf_char(b, '\n');
    buf_str(b, json_text(view->labels));
    for (struct json_iter it = json_iter(view->annotations); json_next(&it);) {
        if (is_ours(it.key))
            continue;
        json_write_str(b, it.key);
        json_write(b, it.value);
    }
    for (struct json_iter it = json_iter(kobj_path(pod, "spec")); json_next(&it);) {
        if (is_of_one_pod(it.key))
            continue;
        json_write_str(b, it.key);
        json_write(b, it.value);
    }
}

/* ---- nodes ---- */

static const struct snode *snode_of(const struct ganglion_node *n)
{
    return n->snap->nodes.items[n->id];
}

static const char *node_name(const struct ganglion_node *node)
{
    return text_of(node->plugin, snode_of(node)->name);
}

static const char *label_of_node(const struct ganglion_node *node, const char *key)
{
    return text_of(node->plugin, labelset_get(&snode_of(node)->labels, str_from(key)));
}

static const char *node_annotation(const struct ganglion_node *node, const char *key)
{
    return text_of(node->plugin,
                   json_str(json_get(snode_of(node)->view->annotations, str_from(key))));
}

static int64_t node_allocatable(const struct ganglion_node *node, const char *resource)
{
    uint32_t res = snapshot_find_res(node->snap, str_from(resource));
    return res == RES_NOBODY ? 0 : node->snap->alloc[res][node->id];
}

static int64_t node_used(const struct ganglion_node *node, const char *resource)
{
    uint32_t res = snapshot_find_res(node->snap, str_from(resource));
    return res == RES_NOBODY ? 0 : node->snap->used[res][node->id];
}

const struct ganglion_host outside_host = {
    .size = sizeof outside_host,
    .version = GANGLION_PLUGIN_VERSION,
    .pod_label = pod_label,
    .pod_annotation = pod_annotation,
    .pod_spec = pod_spec,
    .pod_namespace = pod_namespace,
    .pod_request = pod_request,
    .node_name = node_name,
    .node_label = label_of_node,
    .node_annotation = node_annotation,
    .node_allocatable = node_allocatable,
    .node_used = node_used,
};
