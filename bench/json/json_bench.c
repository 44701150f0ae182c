/* SPDX-License-Identifier: Apache-2.0
 * json_bench — how fast documents are read, looked into, edited and written, and what they weigh,
 * beside jansson in the same run. Prints one JSON line per figure; the best of several rounds
 * counts, since everything that disturbs a round makes it slower. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/jnode.h"
#include "io/clock.h"
#include "json/peer.h"
#include "json/pod_list.h"

enum { PODS = 3000, VIEW_LOOK_UPS = 10 };

static int rounds = 15;
static struct str list_text;
static struct json_doc *list_doc;
static struct str pod_text; /* 3 KB */
static struct json_doc *pod_doc;
static volatile uint64_t sink; /* keeps results alive */

typedef void (*work_fn)(void);

/* Seconds of the best round. */
static double best(work_fn work)
{
    double least = 1e9;
    for (int i = 0; i < rounds; i++) {
        struct mono start = clock_mono();
        work();
        double s = (double)(clock_mono().ns - start.ns) / 1e9;
        least = s < least ? s : least;
    }
    return least;
}

/* peer_value 0: there is no peer. ratio > 1: we are better. */
static void report(const char *metric, double value, const char *unit, double peer_value)
{
    bool less_is_better = unit[0] != 'M';
    printf("{\"bench\":\"json\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", metric, value,
           unit);
    if (peer_value > 0)
        printf(",\"peer\":\"jansson\",\"peer_value\":%.3f,\"ratio\":%.2f", peer_value,
               less_is_better ? peer_value / value : value / peer_value);
    printf("}\n");
}

static double mb_s(double seconds)
{
    return (double)list_text.n / seconds / 1e6;
}

/* ---- ours ---- */

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (json_parse(&doc, text, &json_limits_own, &err) != 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return doc;
}

static void parse_list(void)
{
    json_doc_unref(parse(list_text));
}

static void parse_pods(void)
{
    for (int i = 0; i < PEER_POD_ROUNDS; i++)
        json_doc_unref(parse(pod_text));
}

static void write_list(void)
{
    struct buf out;
    buf_init(&out, JSON_DOC_BYTES_MAX);
    json_write(&out, json_root(list_doc));
    sink += out.n;
    buf_fini(&out);
}

static void expand(struct jnode *n)
{
    bool object = jnode_type(n) == JSON_OBJ;
    for (size_t i = 0; i < jnode_len(n); i++)
        expand(object ? jnode_value_at(n, i) : jnode_at(n, i));
}

static struct jnode *expanded;

/* The worst case of writing: a tree of which every container was expanded. */
static void freeze_expanded(void)
{
    struct json_doc *doc;
    if (jnode_freeze(&doc, expanded, NULL) != 0)
        abort();
    json_doc_unref(doc);
}

/* What a status update does. */
static void edit_pods(void)
{
    struct arena *a = arena_new();
    for (int i = 0; i < PEER_POD_ROUNDS; i++) {
        struct json_doc *doc;
        struct jnode *n = jnode_thaw(a, json_root(pod_doc));
        jnode_set_str(jnode_need_obj(n, STR("status")), STR("phase"), STR("Succeeded"));
        jnode_set_i64(jnode_need_obj(n, STR("metadata")), STR("generation"), i);
        if (jnode_freeze(&doc, n, NULL) != 0)
            abort();
        json_doc_unref(doc);
        arena_reset(a);
    }
    arena_free(a);
}

/* What the views of a pod ask for: ten look-ups. */
static uint64_t view(struct json pod)
{
    struct json meta = json_get(pod, STR("metadata"));
    struct json spec = json_get(pod, STR("spec"));
    struct json status = json_get(pod, STR("status"));
    uint64_t sum = json_str(json_get(meta, STR("name"))).n;
    sum += json_str(json_get(meta, STR("namespace"))).n;
    sum += json_str(json_get(meta, STR("resourceVersion"))).n;
    sum += json_str(json_get(spec, STR("nodeName"))).n;
    sum += json_str(json_get(spec, STR("schedulerName"))).n;
    sum += json_len(json_get(spec, STR("tolerations")));
    return sum + json_str(json_get(status, STR("phase"))).n;
}

static void look_up(void) /* in the nearest cache */
{
    for (int i = 0; i < PEER_POD_ROUNDS; i++)
        sink += view(json_root(pod_doc));
}

static void look_up_list(void) /* through a list that is larger than the nearer caches */
{
    for (struct json_iter it = json_iter(json_get(json_root(list_doc), STR("items")));
         json_next(&it);)
        sink += view(it.value);
}

/* ---- the run ---- */

struct peer_times {
    double parse, parse_pods, write, edit, look_up, look_up_list, weight;
};

static struct peer_times measure_peer(void)
{
    struct peer_times t = { 0 };
    if (!peer_open(list_text, pod_text))
        return t;
    t.weight = peer_weight();
    t.parse = best(peer_parse_list);
    t.parse_pods = best(peer_parse_pods);
    t.write = best(peer_write_list);
    t.edit = best(peer_edit_pods);
    t.look_up = best(peer_look_up) / PEER_POD_ROUNDS;
    t.look_up_list = best(peer_look_up_list) / PODS;
    peer_close();
    return t;
}

static void measure(const struct peer_times *peer)
{
    bool has_peer = peer->parse > 0;
    report("parse", mb_s(best(parse_list)), "MB/s", has_peer ? mb_s(peer->parse) : 0);
    report("parse_pod", best(parse_pods) / PEER_POD_ROUNDS * 1e6, "us",
           peer->parse_pods / PEER_POD_ROUNDS * 1e6);
    report("write", mb_s(best(write_list)), "MB/s", has_peer ? mb_s(peer->write) : 0);
    struct arena *a = arena_new();
    expanded = jnode_thaw(a, json_root(list_doc));
    expand(expanded);
    report("write_expanded", mb_s(best(freeze_expanded)), "MB/s", has_peer ? mb_s(peer->write) : 0);
    arena_free(a);
    report("memory", (double)json_doc_bytes(list_doc) / (double)list_text.n, "x text",
           peer->weight / (double)list_text.n);
    report("edit_pod", best(edit_pods) / PEER_POD_ROUNDS * 1e6, "us",
           peer->edit / PEER_POD_ROUNDS * 1e6);
    double scale = 1e9 / VIEW_LOOK_UPS;
    report("look_up", best(look_up) / PEER_POD_ROUNDS * scale, "ns", peer->look_up * scale);
    report("look_up_list", best(look_up_list) / PODS * scale, "ns", peer->look_up_list * scale);
}

int main(void)
{
    if (getenv("GANGLION_BENCH_QUICK"))
        rounds = 3;
    struct buf list, pod;
    buf_init(&list, JSON_DOC_BYTES_MAX);
    buf_init(&pod, JSON_DOC_BYTES_MAX);
    pod_list(&list, PODS);
    pod_list_pod(&pod, 1, 2);
    list_text = buf_view(&list);
    pod_text = buf_view(&pod);
    fprintf(stderr, "list of %d pods: %zu bytes; one pod with two containers: %zu bytes\n", PODS,
            list_text.n, pod_text.n);
    list_doc = parse(list_text);
    pod_doc = parse(pod_text);
    struct peer_times peer = measure_peer();
    measure(&peer);
    json_doc_unref(list_doc);
    json_doc_unref(pod_doc);
    buf_fini(&list);
    buf_fini(&pod);
    return 0;
}
