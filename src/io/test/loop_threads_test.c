/* SPDX-License-Identifier: Apache-2.0
 * Posts from several threads: none lost, each thread's in its order. Runs under
 * ThreadSanitizer in the `threads` suite. */
#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"
#include "testkit/check.h"

enum { PRODUCERS = 4, POSTS = 5000 };

struct consumer {
    struct loop *loop;
    int next[PRODUCERS]; /* what each producer must deliver next */
    int total, disorder;
};

struct producer {
    struct consumer *to;
    int id;
};

struct message {
    struct consumer *to;
    int producer, serial;
};

static void receive(void *arg)
{
    struct message *m = arg;
    struct consumer *c = m->to;
    if (m->serial != c->next[m->producer]++)
        c->disorder++;
    if (++c->total == PRODUCERS * POSTS)
        loop_stop(c->loop);
    free(m);
}

static void produce(void *arg)
{
    struct producer *p = arg;
    for (int i = 0; i < POSTS; i++) {
        struct message *m = MEM_NEW(struct message);
        m->to = p->to;
        m->producer = p->id;
        m->serial = i;
        loop_post(p->to->loop, receive, m);
    }
}

static void no_post_is_lost(void **state)
{
    (void)state;
    struct consumer c = { .loop = loop_new(NULL) };
    struct producer p[PRODUCERS];
    struct thread *t[PRODUCERS];
    struct err err;
    for (int i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){ .to = &c, .id = i };
        t[i] = thread_start("producer", produce, &p[i], &err);
        CHECK(t[i] != NULL);
    }
    loop_run(c.loop);
    for (int i = 0; i < PRODUCERS; i++)
        thread_join(t[i]);
    CHECK_I64(c.total, PRODUCERS * POSTS);
    CHECK_I64(c.disorder, 0);
    loop_free(c.loop);
}

struct echo {
    struct loop *here, *there;
    int left;
};

static void pong(void *arg);

static void ping(void *arg)
{
    struct echo *e = arg;
    loop_post(e->here, pong, e);
}

static void pong(void *arg)
{
    struct echo *e = arg;
    if (--e->left > 0) {
        loop_post(e->there, ping, e);
        return;
    }
    loop_stop(e->there);
    loop_stop(e->here);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void two_loops_talk(void **state)
{
    (void)state;
    struct echo e = { .here = loop_new(NULL), .there = loop_new(NULL), .left = 2000 };
    struct thread *t = thread_start("there", run_loop, e.there, NULL);
    loop_post(e.there, ping, &e);
    loop_run(e.here);
    thread_join(t);
    CHECK_I64(e.left, 0);
    loop_free(e.here);
    loop_free(e.there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_post_is_lost),
        cmocka_unit_test(two_loops_talk),
    };
    return CHECK_MAIN(tests);
}
