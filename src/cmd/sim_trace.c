/* SPDX-License-Identifier: Apache-2.0
 * sim_trace — `ganglion sim trace`: how much of a cluster's GPUs a policy gets into use. */
#include "cmd/cmd.h"
#include "codec/jnode.h"
#include "io/clock.h"
#include "io/file.h"
#include "sim/trace.h"

#define FILE_BYTES_MAX (256u << 20)
#define ANSWER_BYTES_MAX 4096

struct answer {
    struct str policy;
    int64_t seed;
    double seconds;
    struct trace_result result;
};

static struct jnode *decimal(struct arena *a, double v, int digits)
{
    return jnode_num(a, arena_printf(a, "%.*f", digits, v));
}

static void print_json(FILE *out, struct arena *a, const struct answer *x)
{
    const struct trace_result *r = &x->result;
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("policy"), x->policy);
    jnode_set_i64(root, STR("seed"), x->seed);
    struct jnode *allocated = jnode_need_obj(root, STR("allocated"));
    jnode_set(allocated, STR("100"), decimal(a, r->at_100, 4));
    jnode_set(allocated, STR("130"), decimal(a, r->at_130, 4));
    jnode_set_i64(root, STR("pods"), (int64_t)r->pods);
    jnode_set_i64(root, STR("placed"), (int64_t)r->placed);
    struct jnode *unplaced = jnode_need_obj(root, STR("unplaced"));
    for (size_t i = 0; i < TRACE_REASONS; i++)
        jnode_set_i64(unplaced, str_from(trace_reason_names[i]), (int64_t)r->unplaced[i]);
    jnode_set(root, STR("seconds"), decimal(a, x->seconds, 3));
    struct buf b;
    buf_init(&b, ANSWER_BYTES_MAX);
    jnode_write(&b, root);
    fprintf(out, "%.*s\n", STR_ARG(buf_view(&b)));
    buf_fini(&b);
}

static void print_text(FILE *out, const struct answer *x)
{
    const struct trace_result *r = &x->result;
    fprintf(out, "policy %.*s, seed %lld: %.2f %% of the GPUs allocated when 100 %% have arrived, ",
            STR_ARG(x->policy), (long long)x->seed, r->at_100);
    fprintf(out, "%.2f %% at 130 %%\n", r->at_130);
    fprintf(out, "%zu pods, %zu placed, in %.3f s; the others found\n", r->pods, r->placed,
            x->seconds);
    for (size_t i = 0; i < TRACE_REASONS; i++)
        fprintf(out, "%8zu  %s\n", r->unplaced[i], trace_reason_names[i]);
}

static int read_option(struct buf *out, const struct args *args, const char *name, struct err *err)
{
    struct str path = args_text(args, name);
    buf_init(out, FILE_BYTES_MAX);
    if (!path.n)
        return err_set(err, ERR_INVALID, "which %s? give --%s FILE", name, name);
    return file_read(out, path.p, err);
}

static int read_trace(struct trace *t, struct arena *a, const struct args *args, struct err *err)
{
    struct buf nodes, pods;
    int rc = read_option(&nodes, args, "nodes", err);
    buf_init(&pods, 0);
    if (rc == 0)
        rc = read_option(&pods, args, "pods", err);
    if (rc == 0)
        rc = trace_read(t, a, buf_view(&nodes), buf_view(&pods), err);
    buf_fini(&nodes);
    buf_fini(&pods);
    return rc;
}

static int verb_sim_trace(struct cli *cli, struct args *args, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct answer x = { .policy = args_text(args, "policy"), .seed = args_number(args, "seed") };
    struct str format = args_text(args, "format");
    struct trace t;
    if (!str_is(format, "json") && !str_is(format, "text"))
        return err_set(err, ERR_INVALID, "--format is json or text, not %.*s", STR_ARG(format));
    if (read_trace(&t, a, args, err))
        return -1;
    struct mono start = clock_mono();
    if (trace_run(&x.result, &t, x.policy, (uint64_t)x.seed, err))
        return -1;
    x.seconds = (double)(clock_mono().ns - start.ns) / (double)NS_PER_S;
    if (str_is(format, "json"))
        print_json(cli->out, a, &x);
    else
        print_text(cli->out, &x);
    return EXIT_OK;
}

static const struct option rows[] = {
    { .name = "nodes",
      .value = "FILE",
      .help = "CSV with columns sn, cpu_milli, memory_mib, gpu, model" },
    { .name = "pods",
      .value = "FILE",
      .help = "CSV with columns name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec" },
    { .name = "policy",
      .value = "NAME",
      .fallback = "ganglion",
      .help = "bestfit, fgd, ganglion or random" },
    { .name = "seed",
      .type = OPTION_NUMBER,
      .value = "N",
      .fallback = "42",
      .help = "of the pods' order, of those drawn again, and of the nodes' order" },
    { .name = "format", .value = "FORMAT", .fallback = "text", .help = "json or text" },
};

const struct cli_verb sim_trace_verb = {
    .name = "sim trace",
    .usage = "--nodes FILE --pods FILE [--policy NAME] [--seed N] [--format json|text]",
    .help = "measure how much of a cluster's GPUs a placement policy gets into use",
    .details =
        "The pods arrive in random order until they ask for 1.3 times the cluster's GPUs; each is\n"
        "placed once or skipped. Printed is the share of the GPUs that is allocated when 100 and\n"
        "130 per cent have arrived, and why pods did not fit. Policy ganglion is the scheduler's\n"
        "own and learns as pods come; fgd knows the whole list beforehand, as published.",
    .examples = "  ganglion sim trace --nodes nodes.csv --pods pods.csv --policy fgd --seed 42",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .run = verb_sim_trace,
};
