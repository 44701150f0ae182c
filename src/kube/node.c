/* SPDX-License-Identifier: Apache-2.0
 * node — decoding of Nodes; see node.h. */
#include "kube/node.h"

#include "kube/lens.h"

static const struct field node_fields[] = {
    FIELD_JSON(struct node, labels, "metadata.labels"),
    FIELD_JSON(struct node, annotations, "metadata.annotations"),
    FIELD_BOOL(struct node, unschedulable, "spec.unschedulable"),
    FIELD_JSON(struct node, conditions, "status.conditions"),
};

static const struct field taint_fields[] = {
    FIELD_STR(struct taint, key, "key"),
    FIELD_STR(struct taint, value, "value"),
    FIELD_TIME(struct taint, time_added, "timeAdded"),
};

static const struct field image_fields[] = {
    FIELD_STRS(struct node_image, names, "names"),
    FIELD_I64(struct node_image, size_bytes, "sizeBytes"),
};

static void decode_taints(struct node *n, struct json list, struct arena *a)
{
    uint32_t count = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (count == 0)
        return;
    n->taints.items = ARENA_ARRAY(a, struct taint, count);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct taint *t = &n->taints.items[n->taints.n++];
        field_decode(t, taint_fields, COUNT_OF(taint_fields), it.value, a);
        t->effect = taint_effect_parse(json_str(json_get(it.value, STR("effect"))));
    }
}

static void decode_images(struct node *n, struct json list, struct arena *a)
{
    uint32_t count = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (count == 0)
        return;
    n->images.items = ARENA_ARRAY(a, struct node_image, count);
    for (struct json_iter it = json_iter(list); json_next(&it);)
        field_decode(&n->images.items[n->images.n++], image_fields, COUNT_OF(image_fields),
                     it.value, a);
}

static void decode_addresses(struct node *n, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str type = json_str(json_get(it.value, STR("type")));
        struct str address = json_str(json_get(it.value, STR("address")));
        if (str_is(type, "InternalIP") && !n->internal_ip.p)
            n->internal_ip = address;
        if (str_is(type, "Hostname") && !n->hostname.p)
            n->hostname = address;
    }
}

static void node_decode(void *out, const struct kobj *o, struct arena *a)
{
    struct node *n = out;
    struct json root = kobj_root(o);
    field_decode(n, node_fields, COUNT_OF(node_fields), root, a);
    struct json capacity = json_path(root, "status.capacity");
    struct json allocatable = json_path(root, "status.allocatable");
    n->capacity = amounts_decode(a, capacity);
    n->allocatable = json_has(allocatable) ? amounts_decode(a, allocatable) : n->capacity;
    decode_taints(n, json_path(root, "spec.taints"), a);
    decode_images(n, json_path(root, "status.images"), a);
    decode_addresses(n, json_path(root, "status.addresses"));
    n->deleting = kobj_deleting(o);
    n->ready = condition_of(root, STR("Ready"));
}

const struct node *node_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct node), node_decode);
}

struct str node_label(const struct node *n, struct str key)
{
    return json_str(json_get(n->labels, key));
}
