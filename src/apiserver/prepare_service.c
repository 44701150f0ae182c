/* SPDX-License-Identifier: Apache-2.0
 * prepare_service — see prepare_service.h. Cluster addresses come from 10.96.0.0/16, node ports
 * from 30000 to 32767, as a cluster's defaults are; what is taken is read from the store. */
#include "apiserver/prepare_service.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"
#include "io/clock.h"

#define SERVICE_ADDRESSES 65536
#define SERVICE_PORT_FIRST 30000
#define SERVICE_PORTS 2768

struct taken {
    struct str text;
    int64_t port;
    bool found;
};

static bool check_taken(void *arg, const struct kobj *o)
{
    struct taken *t = arg;
    if (t->text.n > 0 && str_eq(json_str(kobj_path(o, "spec.clusterIP")), t->text))
        t->found = true;
    if (t->port > 0) {
        for (struct json_iter it = json_iter(kobj_path(o, "spec.ports")); json_next(&it);)
            t->found |= json_i64_or(json_get(it.value, STR("nodePort")), 0) == t->port;
    }
    return !t->found;
}

static bool is_taken(struct action *a, struct str address, int64_t port)
{
    struct taken t = { .text = address, .port = port };
    struct store_snapshot *now = store_snapshot_pending(a->what->table);
    store_snapshot_walk(now, NULL, check_taken, &t);
    store_snapshot_unref(now);
    return t.found;
}

static enum turn give_address(struct action *a, struct jnode *spec)
{
    uint64_t start = clock_random_u64();
    for (uint64_t i = 0; i < SERVICE_ADDRESSES; i++) {
        unsigned n = (unsigned)((start + i) % SERVICE_ADDRESSES);
        if (n < 11) /* .0 is the network, .1 the API, .10 the name service */
            continue;
        struct str text = arena_printf(a->arena, "10.96.%u.%u", n >> 8, n & 255);
        if (is_taken(a, text, 0))
            continue;
        jnode_set_str(spec, STR("clusterIP"), text);
        return TURN_GO;
    }
    return refuse_internal(a, "failed to allocate a serviceIP: range is full");
}

static enum turn give_ports(struct action *a, struct jnode *spec)
{
    struct jnode *ports = jnode_get(spec, STR("ports"));
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        int64_t have = 0;
        jnode_to_i64(jnode_get(port, STR("nodePort")), &have);
        if (have != 0)
            continue;
        uint64_t start = clock_random_u64();
        for (uint64_t k = 0; k < SERVICE_PORTS && have == 0; k++) {
            int64_t n = SERVICE_PORT_FIRST + (int64_t)((start + k) % SERVICE_PORTS);
            if (!is_taken(a, STR(""), n))
                have = n;
        }
        if (have == 0)
            return refuse_internal(a, "failed to allocate a nodePort: range is full");
        jnode_set_i64(port, STR("nodePort"), have);
    }
    return TURN_GO;
}

static void set_families(struct action *a, struct jnode *spec)
{
    struct str address = jnode_text_of_str(jnode_get(spec, STR("clusterIP")));
    if (address.n > 0 && !jnode_get(spec, STR("clusterIPs")))
        jnode_append(jnode_need_arr(spec, STR("clusterIPs")), jnode_str(a->arena, address));
    if (!jnode_get(spec, STR("ipFamilies")))
        jnode_append(jnode_need_arr(spec, STR("ipFamilies")), jnode_str(a->arena, STR("IPv4")));
    if (!jnode_get(spec, STR("ipFamilyPolicy")))
        jnode_set_str(spec, STR("ipFamilyPolicy"), STR("SingleStack"));
}

static enum turn complete(struct action *a)
{
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    struct str type = jnode_text_of_str(jnode_get(spec, STR("type")));
    if (str_is(type, "ExternalName"))
        return TURN_GO;
    enum turn t = TURN_GO;
    if (jnode_text_of_str(jnode_get(spec, STR("clusterIP"))).n == 0)
        t = give_address(a, spec);
    if (t == TURN_GO && (str_is(type, "NodePort") || str_is(type, "LoadBalancer")))
        t = give_ports(a, spec);
    if (t == TURN_GO)
        set_families(a, spec);
    return t;
}

enum turn prepare_service_create(struct action *a)
{
    return complete(a);
}

enum turn prepare_service_update(struct action *a)
{
    static const char *const kept[] = { "clusterIP", "clusterIPs" };
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct json old = json_get(kobj_path(a->old, "spec"), str_from(kept[i]));
        if (json_has(old) && !jnode_get(spec, str_from(kept[i])))
            jnode_set(spec, str_from(kept[i]), jnode_thaw(a->arena, old));
    }
    return complete(a);
}
