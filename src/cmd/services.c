/* SPDX-License-Identifier: Apache-2.0
 * services — how each service is started and stopped inside `ganglion up`. */
#include "cmd/services.h"

#include "controllers/runner.h"

/* ---- controllers ---- */

static void *controllers_start(struct transport *t, const void *options, struct err *err)
{
    (void)options;
    (void)err;
    struct runner *r = runner_new(t, NULL, 0);
    runner_start(r);
    return r;
}

static void controllers_stop(void *self, loop_fn done, void *arg)
{
    runner_free(self);
    done(arg);
}

static const struct service_kind controllers_kind = {
    .name = "controllers",
    .user = "system:kube-controller-manager",
    .start = controllers_start,
    .stop = controllers_stop,
};

/* ---- simulated nodes ---- */

static void *sim_start(struct transport *t, const void *options, struct err *err)
{
    const struct up_options *o = options;
    (void)err;
    struct sim_options sim = { .groups = o->sim, .n_groups = o->n_sim };
    return sim_nodes_new(t, &sim);
}

static void sim_stop(void *self, loop_fn done, void *arg)
{
    sim_nodes_free(self);
    done(arg);
}

static const struct service_kind sim_kind = {
    .name = "sim",
    .user = "system:ganglion:sim",
    .start = sim_start,
    .stop = sim_stop,
};

size_t services_of(struct service_row rows[SERVICES_MAX],
                   const struct up_options *o,
                   struct apiserver *api)
{
    size_t n = 0;
    (void)api;
    rows[n++] = (struct service_row){ &controllers_kind, o };
    rows[n++] = (struct service_row){ &sim_kind, o }; /* also for nodes that users add later */
    return n;
}
