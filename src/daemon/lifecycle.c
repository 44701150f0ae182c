/* SPDX-License-Identifier: Apache-2.0
 * lifecycle — see lifecycle.h. */
#include "daemon/lifecycle.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"

struct step {
    const char *name;
    lifecycle_stop_fn stop;
    void *arg;
};
VEC_TYPE(step_vec, struct step);

struct lifecycle {
    struct loop *loop;
    int64_t deadline_ns;
    struct timer *deadline;
    struct loop_signal *signals[3];
    struct step_vec steps; /* those still to stop */
    const char *current;   /* the one being stopped */
    bool stopping, ended, clean;
};

static void end(struct lifecycle *lc, bool clean)
{
    if (lc->ended)
        return;
    lc->ended = true;
    lc->clean = clean;
    timer_stop(lc->deadline);
    if (!clean)
        LOG_WARN("lifecycle.unclean", kv_cstr("step", lc->current ? lc->current : ""),
                 kv_cstr("next", "ending without waiting for it"));
    loop_stop(lc->loop);
}

static void next_step(void *arg)
{
    struct lifecycle *lc = arg;
    if (lc->ended)
        return;
    if (lc->steps.n == 0) {
        end(lc, true);
        return;
    }
    struct step s = step_vec_pop(&lc->steps);
    lc->current = s.name;
    LOG_DEBUG("lifecycle.stop", kv_cstr("step", s.name));
    s.stop(s.arg, lc);
}

static void too_late(void *arg)
{
    end(arg, false);
}

static void on_signal(void *arg)
{
    struct lifecycle *lc = arg;
    if (lc->stopping)
        end(lc, false);
    else
        lifecycle_stop(lc);
}

/* A hang-up is what a terminal sends that is closed. */
static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };
static_assert(COUNT_OF(stop_signals) == COUNT_OF(((struct lifecycle *)0)->signals), "one each");

/* Under nohup we are to outlive the terminal. */
static bool outlives_terminal(void)
{
    struct sigaction now;
    return sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

struct lifecycle *lifecycle_new(struct loop *l, int64_t deadline_ns, struct err *err)
{
    struct lifecycle *lc = MEM_NEW(struct lifecycle);
    lc->loop = l;
    lc->deadline_ns = deadline_ns;
    lc->deadline = timer_new(l, too_late, lc);
    for (size_t i = 0; i < COUNT_OF(stop_signals); i++) {
        if (stop_signals[i] == SIGHUP && outlives_terminal())
            continue;
        lc->signals[i] = loop_on_signal(l, stop_signals[i], on_signal, lc, err);
        if (!lc->signals[i]) {
            lifecycle_free(lc);
            return NULL;
        }
    }
    return lc;
}

void lifecycle_free(struct lifecycle *lc)
{
    if (!lc)
        return;
    timer_free(lc->deadline);
    for (size_t i = 0; i < COUNT_OF(lc->signals); i++)
        loop_signal_free(lc->signals[i]);
    step_vec_fini(&lc->steps);
    free(lc);
}

void lifecycle_add(struct lifecycle *lc, const char *name, lifecycle_stop_fn stop, void *arg)
{
    assert(!lc->stopping);
    step_vec_push(&lc->steps, (struct step){ name, stop, arg });
}

void lifecycle_stop(struct lifecycle *lc)
{
    if (lc->stopping)
        return;
    lc->stopping = true;
    timer_start(lc->deadline, lc->deadline_ns);
    loop_defer(lc->loop, next_step, lc);
}

void lifecycle_step_done(struct lifecycle *lc)
{
    assert(lc->stopping);
    if (!lc->ended) /* deferred: a step may be done inside its own stop function */
        loop_defer(lc->loop, next_step, lc);
}

bool lifecycle_stopping(const struct lifecycle *lc)
{
    return lc->stopping;
}

bool lifecycle_clean(const struct lifecycle *lc)
{
    return lc->clean;
}
