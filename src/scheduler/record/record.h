/* SPDX-License-Identifier: Apache-2.0
 * record — what a core heard and what it decided, as lines of JSON. With the same lines the same
 * core decides the same, bit for bit (sim/replay.h). The format, for people, is in
 * docs/reference/recording.md:
 *
 *     {"ganglionRecord":1,"source":"scheduler","mono":…,"wall":…,"seed":"…","config":{…}}
 *     {"t":…,"in":"node","obj":{…}}
 *     {"t":…,"in":"step","decision":{"kind":"bind","gang":"default/g","pods":[…]}}
 *
 * t is the time that the core was given, in ns of the monotonic clock. What no decision depends on
 * and may be secret is left out of objects (record_strip). Pure. */
#pragma once

#include "scheduler/core/input.h"

#define RECORD_VERSION 1
#define RECORD_LINE_BYTES_MAX ((size_t)64 << 20)
#define RECORD_PODS_MAX 100000 /* named by one line */

enum record_source {
    RECORD_BY_SCHEDULER, /* every input and every decision */
    RECORD_BY_WATCH,     /* objects only, as somebody beside the scheduler saw them */
};

struct record_header { /* borrowed */
    enum record_source source;
    struct mono mono; /* the two clocks at one moment */
    struct wall wall;
    uint64_t seed;      /* of the process's maps: what they are walked in order of */
    struct json config; /* KubeSchedulerConfiguration; absent: the built-in profiles */
};

/* ---- writing: one line each, with its end. A line over RECORD_LINE_BYTES_MAX makes out fail. ----
 */
void record_header(struct buf *out, const struct record_header *h);
void record_input(struct buf *out, const struct core_input *in);
/* d: what core_step answered. Before the decision is carried out. */
void record_step(struct buf *out, struct sched_core *s, struct mono now, const struct decision *d);

/* The decision alone, as it stands in its line; NULL for DECISION_NONE. */
struct jnode *record_decision(struct arena *a, struct sched_core *s, const struct decision *d);
/* What the scheduler reads of the object (core/fields.h), without kubectl's copy of the manifest
 * and texts of conditions: so no environments, commands, arguments, probes, templates. */
struct jnode *record_strip(struct arena *a, enum input_kind kind, const struct kobj *obj);
/* A configuration as it may be recorded: without tlsConfig of extenders. *out is a new reference;
 * text is YAML or JSON that sched_config_parse accepted. */
int record_config(struct json_doc **out, struct str text, struct err *err);

/* ---- reading ---- */
struct record_line { /* everything in the arena, but for what record_line_fini frees */
    bool is_header;
    struct record_header header;
    struct core_input input;
    struct json decision; /* INPUT_STEP: absent when nothing was due */
    struct kobj *obj;     /* of input.obj */
    struct json_doc *doc; /* the whole line */
};

/* Foreign bytes. ERR_INVALID names the member. On failure out needs no fini. */
int record_parse(struct record_line *out, struct arena *a, struct str line, struct err *err);
void record_line_fini(struct record_line *l);
