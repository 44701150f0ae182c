/* SPDX-License-Identifier: Apache-2.0
 * record_bench — what a record costs the scheduler, and how fast a day is decided again: gangs of 8
 * GPU pods that come, are bound, run, end and go on 1,000 nodes with 8 GPUs. Measured are the same
 * events without and with a record (into memory), its size, and a core that hears the record. No
 * peer that decides a recorded day again is known to us. One JSON line per figure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/jnode.h"
#include "io/clock.h"
#include "scheduler/record/record.h"
#include "scheduler/world.h"

enum { NODES = 1000, GANG = 8, ALIVE = 700 }; /* so many gangs run at a time */

struct day {
    struct sched_core *s;
    struct buf *record; /* NULL: nothing is written */
    struct arena *a;
    struct mono now;
    size_t inputs, bound;
};

static void hear(struct day *d, enum input_kind kind, const struct kobj *o, bool gone)
{
    const struct core_input in = { .kind = kind, .now = d->now, .obj = o, .gone = gone };
    if (d->record)
        record_input(d->record, &in);
    d->inputs++;
    core_hear(d->s, &in, NULL);
}

static struct kobj *changed(const struct kobj *o, struct str node, const char *phase)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    struct kobj *out = NULL;
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), node);
    jnode_set_str(jnode_need_obj(root, STR("status")), STR("phase"), str_from(phase));
    if (kobj_freeze(&out, root, NULL))
        exit(1);
    return out;
}

static void step(struct day *d, struct kobj **running)
{
    struct decision decision;
    arena_reset(d->a);
    core_step(d->s, d->now, d->a, &decision);
    if (d->record)
        record_step(d->record, d->s, d->now, &decision);
    for (size_t i = 0; decision.kind == DECISION_BIND && i < decision.n; i++) {
        const struct planned *p = &decision.items[i];
        struct str node = core_cluster(d->s)->snap.nodes.items[p->where.node]->name;
        running[i] = changed(p->pod->obj, node, "Running");
    }
    for (size_t i = 0; decision.kind == DECISION_BIND && i < GANG; i++) {
        hear(d, INPUT_POD, running[i], false);
        d->bound++;
    }
}

static void end_gang(struct day *d, struct kobj **running)
{
    for (size_t i = 0; i < GANG && running[i]; i++) {
        AUTO(kobj_unrefp)
        struct kobj *ended = changed(running[i], pod_of(running[i])->node_name, "Succeeded");
        hear(d, INPUT_POD, ended, false);
        hear(d, INPUT_POD, ended, true);
        kobj_unref(running[i]);
    }
    memset(running, 0, GANG * sizeof *running);
}

static double live(struct day *d, size_t gangs)
{
    struct kobj **running = calloc(ALIVE * GANG, sizeof *running);
    if (!running)
        exit(1);
    int64_t start = clock_mono().ns;
    for (size_t i = 0; i < NODES; i++) {
        AUTO(kobj_unrefp) struct kobj *node = world_node(i, true);
        hear(d, INPUT_NODE, node, false);
    }
    for (size_t g = 0; g < gangs; g++) {
        struct kobj **slot = &running[g % ALIVE * GANG];
        d->now.ns += 2 * NS_PER_S;
        end_gang(d, slot);
        for (size_t i = 0; i < GANG; i++) {
            AUTO(kobj_unrefp) struct kobj *pod = world_pod(POD_GANG, g * GANG + i, g, GANG);
            hear(d, INPUT_POD, pod, false);
        }
        step(d, slot);
    }
    double seconds = (double)(clock_mono().ns - start) / 1e9;
    for (size_t i = 0; i < (size_t)ALIVE * GANG; i++)
        kobj_unref(running[i]);
    free(running);
    return seconds;
}

static double run(struct day *d, struct buf *record, size_t gangs)
{
    *d = (struct day){ .s = core_new_default(), .record = record, .a = arena_new() };
    double seconds = live(d, gangs);
    core_free(d->s);
    arena_free(d->a);
    return seconds;
}

/* Returns how many decisions bound something. */
static size_t replay(struct str record)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_new_default();
    size_t bound = 0;
    while (record.n) {
        struct str line = str_split(&record, '\n');
        struct record_line l;
        struct decision d;
        arena_reset(a);
        if (record_parse(&l, a, line, NULL))
            exit(1);
        if (l.input.kind == INPUT_STEP)
            core_step(s, l.input.now, a, &d);
        else
            core_hear(s, &l.input, NULL);
        bound += l.input.kind == INPUT_STEP && d.kind == DECISION_BIND ? d.n : 0;
        record_line_fini(&l);
    }
    core_free(s);
    return bound;
}

static void print(const char *metric, double value, const char *unit)
{
    printf("{\"bench\":\"record\",\"metric\":\"%s\",\"value\":%.3g,\"unit\":\"%s\"}\n", metric,
           value, unit);
}

int main(void)
{
    size_t gangs = getenv("GANGLION_BENCH_QUICK") ? 1000 : 5000;
    struct day bare, kept;
    struct buf record;
    buf_init(&record, (size_t)1 << 30);
    double without = run(&bare, NULL, gangs), with = run(&kept, &record, gangs);
    int64_t start = clock_mono().ns;
    size_t bound = replay(buf_view(&record));
    double again = (double)(clock_mono().ns - start) / 1e9;
    if (record.failed || bound != kept.bound || bare.bound != gangs * GANG) {
        fprintf(stderr, "bound %zu, %zu, %zu again\n", bare.bound, kept.bound, bound);
        return 1;
    }
    print("cost_per_input", (with - without) / (double)kept.inputs * 1e6, "us");
    print("bytes_per_pod", (double)record.n / (double)kept.bound, "bytes");
    print("replayed_pods", (double)bound / again, "pods/s");
    print("virtual_time", (double)kept.now.ns / 1e9 / again, "s/s");
    buf_fini(&record);
    return 0;
}
