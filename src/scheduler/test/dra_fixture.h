/* SPDX-License-Identifier: Apache-2.0
 * dra_fixture — device classes, slices and claims for tests of the scheduler core. Header only. */
#pragma once

#include "scheduler/claims/dra_internal.h"
#include "scheduler/test/fixture.h"

static inline struct sched_core *core_with_nodes(int n)
{
    struct sched_core *s = core_new_default();
    for (int i = 0; i < n; i++) {
        char name[16], meta[64];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(meta, sizeof meta, ",'labels':{'zone':'%s'}", i % 2 ? "b" : "a");
        fixture_node(s, name, meta, "");
    }
    return s;
}

static inline void put(struct sched_core *s, enum dra_kind kind, struct kobj *o)
{
    core_device_set(s, kind, o, at_s(0));
    kobj_unref(o);
}

static inline void put_class(struct sched_core *s, const char *name, const char *selector)
{
    put(s, DRA_CLASS,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{'name':"
                       "'%s'},'spec':{'selectors':[{'cel':{'expression':'%s'}}]}}",
                       name, selector));
}

/* A slice of pool `name` on that node (or "where"), with these devices. */
static inline void
put_slice(struct sched_core *s, const char *name, const char *where, const char *devices)
{
    put(s, DRA_SLICE,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{"
                       "'name':'s-%s'},'spec':{'driver':'gpu.example.com','pool':{'name':'%s',"
                       "'generation':1,'resourceSliceCount':1},%s,'devices':[%s]}}",
                       name, name, where, devices));
}

static inline void put_gpus(struct sched_core *s, int node, int n)
{
    char text[4096], name[16], where[64];
    size_t used = 0;
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%s{'name':'gpu-%d','attributes':{'model':{'string':'%s'},"
                                 "'index':{'int':%d},'numa':{'int':%d},'driverVersion':{'version':"
                                 "'535.1.0'}},'capacity':{'memory':{'value':'80Gi'}}}",
                                 i ? "," : "", i, i % 2 ? "H100" : "A100", i, i / 2);
    snprintf(name, sizeof name, "n%d", node);
    snprintf(where, sizeof where, "'nodeName':'n%d'", node);
    put_slice(s, name, where, text);
}

#define CLASS "'deviceClassName':'gpu'"

/* A claim with this list of requests and, after it, what else is in spec.devices. */
static inline void
put_claim(struct sched_core *s, const char *name, const char *requests, const char *more)
{
    put(s, DRA_CLAIM,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                       "'namespace':'default','name':'%s','uid':'claim-%s'},'spec':{'devices':{"
                       "'requests':[%s]%s}}}",
                       name, name, requests, more));
}

/* "device,device" of status.allocation in such documents. */
static inline struct str devices_text(struct arena *a, struct str before, struct json allocation)
{
    struct str out = before;
    for (struct json_iter it = json_iter(json_path(allocation, "devices.results"));
         json_next(&it);) {
        struct str dev = json_str(json_get(it.value, STR("device")));
        out = arena_printf(a, "%.*s%s%.*s", STR_ARG(out), out.n ? "," : "", STR_ARG(dev));
    }
    return out;
}

static inline bool has(struct str text, const char *part)
{
    bool found = str_find(text, str_from(part)) >= 0;
    if (!found)
        fprintf(stderr, "%.*s\n   lacks %s\n", STR_ARG(text), part);
    return found;
}
