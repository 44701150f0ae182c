/* SPDX-License-Identifier: Apache-2.0
 * Posts from several threads: none lost, each thread's in its order, none left asleep, and a loop
 * may be freed after the last. Runs under ThreadSanitizer in the `threads` suite. */
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

/* Several ask one loop and sleep until it has answered: it falls asleep again and again, and
 * whoever posts may be the first to find it so, the second, or too late. A wake-up that is lost
 * ends this test by its time limit. */
struct asker {
    struct loop *here, *server;
    int left;
};

static void answered(void *arg);

static void ask(void *arg)
{
    struct asker *a = arg;
    loop_post(a->here, answered, a);
}

static void answered(void *arg)
{
    struct asker *a = arg;
    if (--a->left > 0)
        loop_post(a->server, ask, a);
    else
        loop_stop(a->here);
}

static void run_asker(void *arg)
{
    struct asker *a = arg;
    loop_post(a->server, ask, a);
    loop_run(a->here);
}

static void a_sleeper_wakes_for_each_of_many(void **state)
{
    (void)state;
    enum { ASKERS = 4, QUESTIONS = 1000 };
    struct loop *server = loop_new(NULL);
    struct thread *serving = thread_start("server", run_loop, server, NULL);
    struct asker a[ASKERS];
    struct thread *t[ASKERS];
    for (int i = 0; i < ASKERS; i++) {
        a[i] = (struct asker){ .here = loop_new(NULL), .server = server, .left = QUESTIONS };
        t[i] = thread_start("asker", run_asker, &a[i], NULL);
    }
    for (int i = 0; i < ASKERS; i++) {
        thread_join(t[i]);
        CHECK_I64(a[i].left, 0);
        loop_free(a[i].here);
    }
    loop_stop(server);
    thread_join(serving);
    loop_free(server);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void post_stop(void *arg)
{
    loop_post(arg, stop, arg);
}

/* The other thread may still be inside loop_post or loop_stop when the loop has seen the stop. */
static void the_last_message_frees_the_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct loop *l = loop_new(NULL);
        struct thread *t = thread_start("poster", i % 2 ? post_stop : stop, l, NULL);
        loop_run(l);
        loop_free(l);
        thread_join(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_post_is_lost),
        cmocka_unit_test(two_loops_talk),
        cmocka_unit_test(a_sleeper_wakes_for_each_of_many),
        cmocka_unit_test(the_last_message_frees_the_loop),
    };
    return CHECK_MAIN(tests);
}
