/* SPDX-License-Identifier: Apache-2.0
 * trace_file — reads the experiment's CSV files. The format has no quotes: a line is fields with
 * commas between, the first line names the columns. */
#include <stdlib.h>

#include "base/map.h"
#include "sim/trace.h"

#define COLUMNS_MAX 32
#define CPU_MAX INT64_C(10000000)
#define MEM_MAX (INT64_C(1) << 30)

struct csv {
    const char *what; /* "nodes", "pods" */
    struct str rest;
    size_t line;
    struct str names[COLUMNS_MAX], fields[COLUMNS_MAX];
    size_t n_names, n_fields;
};

static size_t split(struct str line, struct str *out)
{
    size_t n = 0;
    while (line.p && n < COLUMNS_MAX)
        out[n++] = str_trim(str_split(&line, ','));
    return n;
}

static bool csv_next(struct csv *c)
{
    while (c->rest.p) {
        struct str line = str_trim(str_split(&c->rest, '\n'));
        c->line++;
        if (!line.n)
            continue;
        c->n_fields = split(line, c->fields);
        return true;
    }
    return false;
}

static int csv_open(struct csv *c, const char *what, struct str text, struct err *err)
{
    *c = (struct csv){ .what = what, .rest = text };
    if (!csv_next(c))
        return err_set(err, ERR_INVALID, "%s: the file is empty", what);
    memcpy(c->names, c->fields, sizeof c->names);
    c->n_names = c->n_fields;
    return 0;
}

static struct str csv_text(const struct csv *c, const char *column)
{
    for (size_t i = 0; i < c->n_names; i++) {
        if (str_is(c->names[i], column))
            return i < c->n_fields ? c->fields[i] : (struct str){ 0 };
    }
    return (struct str){ 0 };
}

static int
csv_number(int64_t *out, const struct csv *c, const char *column, int64_t max, struct err *err)
{
    struct str text = csv_text(c, column);
    int64_t v;
    if (!str_to_i64(text, &v) || v < 0 || v > max)
        return err_set(err, ERR_INVALID,
                       "%s: line %zu: %s must be a number from 0 to %lld, not %.*s", c->what,
                       c->line, column, (long long)max, STR_ARG(text));
    *out = v;
    return 0;
}

/* ---- models ---- */

/* GPU_MODELS_MAX: there are too many. */
static uint32_t model_of(struct trace *t, struct arena *a, struct str name)
{
    uint32_t i = 0;
    while (i < t->n_models && !str_eq(t->models[i], name))
        i++;
    if (i == t->n_models && i < GPU_MODELS_MAX)
        t->models[t->n_models++] = arena_str(a, name);
    return i;
}

/* Models that no node has are left out: nothing can be placed on them. */
static uint64_t models_of(const struct trace *t, struct str spec)
{
    uint64_t out = spec.n ? 0 : GPU_ANY_MODEL;
    while (spec.n) {
        struct str name = str_split(&spec, '|');
        for (uint32_t i = 0; i < t->n_models; i++)
            out |= str_eq(t->models[i], name) ? UINT64_C(1) << i : 0;
    }
    return out;
}

/* ---- nodes ---- */

static int read_node(struct trace *t, struct arena *a, const struct csv *c, struct err *err)
{
    int64_t cpu, mem, gpus;
    if (csv_number(&cpu, c, "cpu_milli", CPU_MAX, err) ||
        csv_number(&mem, c, "memory_mib", MEM_MAX, err) ||
        csv_number(&gpus, c, "gpu", TRACE_DEVICES_MAX, err))
        return -1;
    if (gpus == 0)
        return 0;
    uint32_t model = model_of(t, a, csv_text(c, "model"));
    if (model == GPU_MODELS_MAX)
        return err_set(err, ERR_TOO_LARGE, "nodes: line %zu: more than %d models", c->line,
                       GPU_MODELS_MAX);
    if (t->n_nodes == TRACE_NODES_MAX)
        return err_set(err, ERR_TOO_LARGE, "nodes: more than %u nodes", TRACE_NODES_MAX);
    t->nodes[t->n_nodes++] = (struct trace_node){
        arena_str(a, csv_text(c, "sn")), cpu, mem, (uint32_t)gpus, model,
    };
    t->capacity_milli += gpus * GPU_WHOLE;
    return 0;
}

static size_t count_lines(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static int read_nodes(struct trace *t, struct arena *a, struct str text, struct err *err)
{
    struct csv c;
    if (csv_open(&c, "nodes", text, err))
        return -1;
    t->nodes = ARENA_ARRAY(a, struct trace_node, count_lines(text));
    while (csv_next(&c)) {
        if (read_node(t, a, &c, err))
            return -1;
    }
    return t->n_nodes ? 0 : err_set(err, ERR_INVALID, "nodes: no node has a GPU");
}

/* ---- pods ---- */

static int read_pod(struct trace *t, struct arena *a, const struct csv *c, struct err *err)
{
    struct gpu_ask *ask = &t->kinds[t->n_pods];
    int64_t mem, count, milli;
    if (csv_number(&ask->cpu_milli, c, "cpu_milli", CPU_MAX, err) ||
        csv_number(&mem, c, "memory_mib", MEM_MAX, err) ||
        csv_number(&count, c, "num_gpu", TRACE_DEVICES_MAX, err) ||
        csv_number(&milli, c, "gpu_milli", GPU_WHOLE, err))
        return -1;
    if (count > 0 && milli == 0)
        return err_set(err, ERR_INVALID, "pods: line %zu: num_gpu without gpu_milli", c->line);
    if (t->n_pods == TRACE_PODS_MAX)
        return err_set(err, ERR_TOO_LARGE, "pods: more than %u pods", TRACE_PODS_MAX);
    ask->mem_mib = mem;
    ask->count = (uint32_t)count;
    ask->milli = count ? (int32_t)milli : 0;
    ask->models = models_of(t, csv_text(c, "gpu_spec"));
    t->pods[t->n_pods] =
        (struct trace_pod){ arena_str(a, csv_text(c, "name")), mem, (uint32_t)t->n_pods };
    t->n_pods++;
    return 0;
}

static int by_name(const void *x, const void *y)
{
    const struct trace_pod *a = x, *b = y;
    return str_cmp(a->name, b->name);
}

static struct str ask_key(const struct gpu_ask *ask)
{
    return str_make((const char *)ask, sizeof *ask);
}

/* Until now each pod had a kind of its own. */
static void merge_kinds(struct trace *t)
{
    struct map seen;
    map_init(&seen);
    for (size_t i = 0; i < t->n_pods; i++) {
        struct gpu_ask *own = &t->kinds[t->pods[i].kind];
        struct gpu_ask *known = map_get(&seen, ask_key(own));
        if (!known) {
            known = own;
            map_put(&seen, ask_key(own), own);
        }
        t->pods[i].kind = (uint32_t)(known - t->kinds);
    }
    map_fini(&seen);
}

/* Closes the gaps between the kinds that are left. */
static void number_kinds(struct trace *t, struct arena *a)
{
    uint32_t *number = ARENA_ARRAY(a, uint32_t, t->n_pods);
    bool *used = ARENA_ARRAY(a, bool, t->n_pods);
    for (size_t i = 0; i < t->n_pods; i++)
        used[t->pods[i].kind] = true;
    for (size_t i = 0; i < t->n_pods; i++) {
        if (!used[i])
            continue;
        number[i] = (uint32_t)t->n_kinds;
        t->kinds[t->n_kinds++] = t->kinds[i];
    }
    for (size_t i = 0; i < t->n_pods; i++)
        t->pods[i].kind = number[t->pods[i].kind];
}

static int read_pods(struct trace *t, struct arena *a, struct str text, struct err *err)
{
    struct csv c;
    size_t lines = count_lines(text);
    if (csv_open(&c, "pods", text, err))
        return -1;
    t->pods = ARENA_ARRAY(a, struct trace_pod, lines);
    t->kinds = ARENA_ARRAY(a, struct gpu_ask, lines);
    while (csv_next(&c)) {
        if (read_pod(t, a, &c, err))
            return -1;
    }
    if (!t->n_pods)
        return err_set(err, ERR_INVALID, "pods: the file names none");
    qsort(t->pods, t->n_pods, sizeof *t->pods, by_name);
    merge_kinds(t);
    number_kinds(t, a);
    return 0;
}

int trace_read(struct trace *out,
               struct arena *a,
               struct str nodes,
               struct str pods,
               struct err *err)
{
    struct trace t = { 0 };
    if (read_nodes(&t, a, nodes, err) || read_pods(&t, a, pods, err))
        return -1;
    *out = t;
    return 0;
}
