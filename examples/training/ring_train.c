/* SPDX-License-Identifier: Apache-2.0
 * ring_train — data-parallel training as one process of many. Each worker learns from its share of
 * every batch; the gradients are summed over all workers by a ring all-reduce; each then makes the
 * same step, so that the weights stay equal everywhere without ever being sent.
 *
 * usage: ring_train [--epochs N] DATA       (the place in the job comes from the environment; see
 *                                            README.md) */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataset.h"
#include "mlp.h"
#include "rendezvous.h"
#include "ring.h"
#include "worker.h"

enum { EPOCHS = 30, BATCH = 16, EPOCHS_MAX = 1000000 };
static const float learning_rate = 0.4f;

struct training {
    const struct worker *worker;
    struct ring *ring;
    const struct dataset *data;
    uint32_t *order; /* of the training samples, shuffled alike by all workers */
    float weights[MLP_PARAMETERS];
    float sums[MLP_PARAMETERS + 1]; /* gradient, and the loss in the last place */
    uint64_t shuffle_state;
};

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Fisher-Yates with a generator that has the same state on every worker (xorshift). */
static void shuffle(struct training *t)
{
    for (size_t i = t->data->train_n - 1; i > 0; i--) {
        t->shuffle_state ^= t->shuffle_state << 13;
        t->shuffle_state ^= t->shuffle_state >> 7;
        t->shuffle_state ^= t->shuffle_state << 17;
        size_t j = t->shuffle_state % (i + 1);
        uint32_t kept = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = kept;
    }
}

/* One step on BATCH samples of each worker, from `at` in the shuffled order. */
static int train_step(struct training *t, size_t at, double *loss)
{
    const struct worker *w = t->worker;
    const uint32_t *mine = t->order + at + (size_t)w->rank * BATCH;
    memset(t->sums, 0, sizeof t->sums);
    for (int i = 0; i < BATCH; i++)
        t->sums[MLP_PARAMETERS] += mlp_learn(t->weights, &t->data->samples[mine[i]], t->sums);
    if (ring_sum(t->ring, t->sums, MLP_PARAMETERS + 1))
        return -1;
    float scale = 1.0f / (float)(BATCH * w->world);
    for (int i = 0; i < MLP_PARAMETERS; i++)
        t->weights[i] -= learning_rate * scale * t->sums[i];
    *loss += (double)(t->sums[MLP_PARAMETERS] * scale);
    return 0;
}

static int train(struct training *t, int epochs)
{
    size_t whole = (size_t)BATCH * (size_t)t->worker->world; /* one batch over all workers */
    size_t steps = t->data->train_n / whole;
    if (steps == 0)
        return worker_fail(t->worker, "%zu samples are too few for %d workers", t->data->train_n,
                           t->worker->world);
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double loss = 0;
        shuffle(t);
        for (size_t s = 0; s < steps; s++)
            if (train_step(t, s * whole, &loss))
                return worker_fail(t->worker, "stopped in epoch %d, step %zu", epoch, s + 1);
        if (t->worker->rank == 0)
            printf("epoch %2d  loss %.4f\n", epoch, loss / (double)steps);
    }
    return 0;
}

static void print_accuracy(const struct training *t)
{
    size_t right = 0, n = t->data->n - t->data->train_n;
    for (size_t i = t->data->train_n; i < t->data->n; i++)
        right += mlp_predict(t->weights, &t->data->samples[i]) == t->data->samples[i].label;
    printf("test accuracy %.1f %% (%zu of %zu)\n", 100.0 * (double)right / (double)n, right, n);
}

/* FNV-1a over the bytes of the weights. */
static uint64_t checksum(const float *weights)
{
    const unsigned char *p = (const unsigned char *)weights;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < MLP_PARAMETERS * sizeof *weights; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static int finish(const struct training *t)
{
    uint64_t sum = checksum(t->weights);
    int same;
    if (ring_agree(t->ring, sum, &same))
        return -1;
    printf("rank %d: weights %016" PRIx64 ", sent %.1f MB\n", t->worker->rank, sum,
           (double)t->ring->bytes_sent / 1e6);
    if (!same)
        return worker_fail(t->worker, "the workers' weights differ");
    if (t->worker->rank == 0) {
        print_accuracy(t);
        printf("all %d workers hold the same weights\n", t->worker->world);
    }
    return 0;
}

static int run(const struct worker *w, struct ring *ring, const struct dataset *data, int epochs)
{
    static struct training t; /* static: it is large and there is one */
    t = (struct training){
        .worker = w, .ring = ring, .data = data, .shuffle_state = 88172645463325252u
    };
    t.order = malloc(data->train_n * sizeof *t.order);
    if (!t.order)
        return worker_fail(w, "no memory");
    for (size_t i = 0; i < data->train_n; i++)
        t.order[i] = (uint32_t)i;
    mlp_init(t.weights, 1);
    int rc = train(&t, epochs) || finish(&t) ? -1 : 0;
    free(t.order);
    return rc;
}

static int join_and_run(const struct worker *w, const struct dataset *data, int epochs)
{
    struct rendezvous r;
    struct ring ring;
    if (rendezvous_join(w, &r))
        return -1;
    int rc = ring_form(&ring, w, &r);
    if (rc == 0) {
        if (w->rank == 0)
            printf("%d workers in the ring, start skew %.3f ms\n", w->world,
                   (double)r.skew_ns / 1e6);
        rc = run(w, &ring, data, epochs);
    }
    ring_fini(&ring);
    return rc;
}

static int usage(void)
{
    fprintf(stderr, "usage: ring_train [--epochs N] DATA\n");
    return 2;
}

int main(int argc, char **argv)
{
    int64_t exec_ns = wall_ns();
    static const struct option options[] = { { "epochs", required_argument, NULL, 'e' }, { 0 } };
    long epochs = EPOCHS;
    int c;
    while ((c = getopt_long(argc, argv, "e:", options, NULL)) != -1) {
        char *end;
        if (c != 'e')
            return usage();
        epochs = strtol(optarg, &end, 10);
        if (*end || epochs < 1 || epochs > EPOCHS_MAX)
            return usage();
    }
    struct worker w;
    struct dataset data;
    if (optind + 1 != argc)
        return usage();
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines at once, also into a pipe */
    if (worker_from_env(&w, exec_ns) || dataset_load(&data, argv[optind]))
        return 1;
    printf("rank %d: pid %d exec_ns %" PRId64 "\n", w.rank, (int)getpid(), w.exec_ns);
    int rc = join_and_run(&w, &data, (int)epochs);
    dataset_fini(&data);
    return rc ? 1 : 0;
}
