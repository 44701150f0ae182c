/* SPDX-License-Identifier: Apache-2.0
 * A thousand hours of a busy cluster on virtual time (CHECK_HOURS=10000 makes it ten thousand, some
 * seconds without sanitizers): small gangs come without end, and now and
 * then one that needs all nodes. Every gang must start within the bound of core_starving.c: the
 * starvation time, and the longest run time once for itself and once for each gang that was
 * waiting before it. The same hours without ageing break that bound, so the test can fail. */
#include "scheduler/test/fixture.h"

#define NODES 4
#define RUN_MAX_S (8 * 3600)
#define STARVED_S 60
#define GANGS_MAX 16000
#define MEMBERS_MAX NODES

struct job {
    int64_t arrived, started, ends; /* seconds; started 0: waits */
    int members;
    size_t ahead; /* gangs that waited when it came */
};

struct sim {
    struct sched_core *s;
    struct arena *a;
    struct job *jobs;
    size_t n, first_waiting, first_running;
    int64_t now;
    int64_t worst; /* the largest part of its bound that a gang waited, in percent */
    size_t late;
};

static void arrive(struct sim *m, const char *scheduler)
{
    bool large = check_random_below(40) == 0;
    struct job *j = &m->jobs[m->n];
    *j = (struct job){ .arrived = m->now, .members = large ? NODES : 1 };
    for (size_t i = m->first_waiting; i < m->n; i++)
        j->ahead += !m->jobs[i].started;
    int gpus = large ? 8 : 1 + (int)check_random_below(8);
    char gang[16], min[8];
    snprintf(gang, sizeof gang, "g%zu", m->n);
    snprintf(min, sizeof min, "%d", j->members);
    for (int i = 0; i < j->members; i++) {
        char name[32];
        snprintf(name, sizeof name, "g%zu-%d", m->n, i);
        fixture_member(m->s,
                       (struct fixture_pod){ .name = name, .scheduler = scheduler, .gpus = gpus },
                       gang, min, at_s(m->now));
    }
    m->n++;
}

static void start(struct sim *m, const struct decision *d)
{
    size_t id = (size_t)strtoul(d->gang->key.p + strlen("default/g"), NULL, 10);
    struct job *j = &m->jobs[id];
    int64_t bound = STARVED_S + (int64_t)(j->ahead + 1) * RUN_MAX_S;
    int64_t waited = m->now - j->arrived;
    j->started = m->now;
    j->ends = m->now + 1800 + (int64_t)check_random_below(RUN_MAX_S - 1800);
    m->worst = 100 * waited / bound > m->worst ? 100 * waited / bound : m->worst;
    m->late += waited > bound;
}

static void decide(struct sim *m)
{
    struct decision d;
    do {
        arena_reset(m->a);
        core_step(m->s, at_s(m->now), m->a, &d);
        if (d.kind == DECISION_BIND)
            start(m, &d);
    } while (d.kind != DECISION_NONE);
    while (m->first_waiting < m->n && m->jobs[m->first_waiting].started)
        m->first_waiting++;
}

static void finish(struct sim *m, size_t id)
{
    for (int i = 0; i < m->jobs[id].members; i++) {
        char name[32];
        snprintf(name, sizeof name, "g%zu-%d", id, i);
        core_pod_del(m->s, STR("default"), str_from(name), at_s(m->now));
    }
    m->jobs[id].ends = INT64_MAX;
}

/* The next end of a running gang; false: none runs. */
static bool next_end(struct sim *m, size_t *id)
{
    bool any = false;
    while (m->first_running < m->n && m->jobs[m->first_running].ends == INT64_MAX)
        m->first_running++;
    for (size_t i = m->first_running; i < m->n; i++) {
        if (!m->jobs[i].started || m->jobs[i].ends == INT64_MAX ||
            (any && m->jobs[i].ends >= m->jobs[*id].ends))
            continue;
        *id = i;
        any = true;
    }
    return any;
}

static void simulate(struct sim *m, const char *scheduler, int64_t hours)
{
    *m = (struct sim){ .s = core_new_default(), .a = arena_new(), .now = 1 };
    m->jobs = mem_alloc_array(GANGS_MAX, sizeof *m->jobs);
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(m->s, name, "", "");
    }
    int64_t next_arrival = 1;
    while (m->now < hours * 3600 && m->n < GANGS_MAX) {
        size_t ended = 0;
        struct mono due = { INT64_MAX };
        bool ends = next_end(m, &ended);
        bool timed = core_next_due(m->s, &due);
        int64_t until =
            ends && m->jobs[ended].ends < next_arrival ? m->jobs[ended].ends : next_arrival;
        if (timed && due.ns / NS_PER_S + 1 < until) { /* a back-off or a flush is due before */
            m->now = due.ns / NS_PER_S + 1 > m->now ? due.ns / NS_PER_S + 1 : m->now;
        } else if (until == next_arrival) {
            m->now = next_arrival;
            arrive(m, scheduler);
            next_arrival += 1 + (int64_t)check_random_below(2 * 3600);
        } else {
            m->now = until;
            finish(m, ended);
        }
        decide(m);
    }
}

static void sim_fini(struct sim *m)
{
    core_free(m->s);
    arena_free(m->a);
    free(m->jobs);
}

static void test_bound_over_thousands_of_hours(void **state)
{
    (void)state;
    struct sim m;
    int64_t hours = 1000;
    const char *said = getenv("CHECK_HOURS");
    CHECK(!said || str_to_i64(str_from(said), &hours));
    simulate(&m, "ganglion", hours);
    print_message("%zu gangs in %lld hours, %zu late, longest wait %lld%% of its bound\n", m.n,
                  (long long)hours, m.late, (long long)m.worst);
    CHECK((int64_t)m.n > hours * 8 / 10);
    CHECK_I64(m.late, 0);
    for (size_t i = 0; i < m.n; i++) /* nor does anybody still wait beyond it */
        CHECK(m.jobs[i].started ||
              m.now - m.jobs[i].arrived <= STARVED_S + (int64_t)(m.jobs[i].ahead + 1) * RUN_MAX_S);
    sim_fini(&m);
}

static void test_without_ageing_the_bound_breaks(void **state)
{
    (void)state;
    struct sim m;
    simulate(&m, "default-scheduler", 300);
    size_t late = m.late;
    for (size_t i = 0; i < m.n; i++)
        late += !m.jobs[i].started &&
                m.now - m.jobs[i].arrived > STARVED_S + (int64_t)(m.jobs[i].ahead + 1) * RUN_MAX_S;
    CHECK(late > 0);
    sim_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_over_thousands_of_hours),
        cmocka_unit_test(test_without_ageing_the_bound_breaks),
    };
    return CHECK_MAIN(tests);
}
