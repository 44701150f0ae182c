/* SPDX-License-Identifier: Apache-2.0
 * Real shims with real processes: every test ends without a process or mount of its own. */
#include "node/executor/shim_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/clock.h"
#include "io/file.h"
#include "testkit/check.h"

#define GANG 8
#define WAIT_NS (20 * NS_PER_S)

struct pod {
    struct shim_client *client;
    struct buf spec;
    char dir[128];
    struct shim_state last[4];
    int64_t probe_code;
    char probe_output[256];
    char warning[256];
    bool ready, gone, probed;
};

struct fixture {
    struct loop *loop;
    struct timer *tick;
    int program;
    char root[64];
    struct pod pods[GANG];
    bool (*until)(struct fixture *f);
    struct mono deadline;
};

/* ---- running the loop until something holds ---- */

static void on_tick(void *arg)
{
    struct fixture *f = arg;
    if (!f->until(f) && clock_mono().ns <= f->deadline.ns)
        return;
    timer_stop(f->tick); /* a second stop would end the next wait */
    loop_stop(f->loop);
}

static void wait_until(struct fixture *f, bool (*until)(struct fixture *f))
{
    f->until = until;
    f->deadline.ns = clock_mono().ns + WAIT_NS;
    timer_start_every(f->tick, NS_PER_MS);
    loop_run(f->loop);
    timer_stop(f->tick);
    CHECK(until(f));
}

static void on_state(void *arg, const struct shim_state *s)
{
    struct pod *p = arg;
    p->last[s->container] = *s;
    p->last[s->container].message = (struct str){ 0 };
}

static void on_probe(void *arg, struct str token, int64_t code, struct str output)
{
    struct pod *p = arg;
    CHECK_STR(token, "t1");
    p->probed = true;
    p->probe_code = code;
    snprintf(p->probe_output, sizeof p->probe_output, "%.*s", STR_ARG(output));
}

static void on_warning(void *arg, struct str text)
{
    struct pod *p = arg;
    snprintf(p->warning, sizeof p->warning, "%.*s", STR_ARG(text));
}

static void on_ready(void *arg)
{
    ((struct pod *)arg)->ready = true;
}

static void on_gone(void *arg)
{
    ((struct pod *)arg)->gone = true;
}

static const struct shim_events events = {
    .state = on_state,
    .probe = on_probe,
    .warning = on_warning,
    .ready = on_ready,
    .gone = on_gone,
};

static void setup(struct fixture *f)
{
    struct err err = { 0 };
    *f = (struct fixture){ .loop = loop_new(NULL) };
    f->tick = timer_new(f->loop, on_tick, f);
    f->program = shim_program_open(&err);
    CHECK(f->program >= 0);
    snprintf(f->root, sizeof f->root, "/tmp/shim_test.XXXXXX");
    CHECK(mkdtemp(f->root) != NULL);
    for (int i = 0; i < GANG; i++) {
        snprintf(f->pods[i].dir, sizeof f->pods[i].dir, "%s/pod-%d", f->root, i);
        mkdir(f->pods[i].dir, 0700);
        buf_init(&f->pods[i].spec, 1 << 20);
    }
}

static bool all_gone(struct fixture *f)
{
    for (int i = 0; i < GANG; i++)
        if (f->pods[i].client && !f->pods[i].gone)
            return false;
    return true;
}

static void teardown(struct fixture *f)
{
    for (int i = 0; i < GANG; i++)
        if (f->pods[i].client)
            shim_client_quit(f->pods[i].client);
    wait_until(f, all_gone);
    for (int i = 0; i < GANG; i++) {
        shim_client_free(f->pods[i].client);
        buf_fini(&f->pods[i].spec);
    }
    CHECK(file_remove_tree(f->root, NULL) == 0);
    close(f->program);
    timer_free(f->tick);
    loop_stop(f->loop);
    loop_run(f->loop);
    loop_free(f->loop);
}

static void put(struct pod *p, const char *key, const char *value)
{
    buf_put(&p->spec, key, strlen(key) + 1);
    buf_put(&p->spec, value, strlen(value) + 1);
}

static void put_shell(struct pod *p, const char *name, const char *script)
{
    put(p, "container", name);
    put(p, "env", "PATH=/usr/bin:/bin");
    put(p, "arg", "sh");
    put(p, "arg", "-c");
    put(p, "arg", script);
}

static void start(struct fixture *f, struct pod *p)
{
    char path[200];
    snprintf(path, sizeof path, "%s/spec", p->dir);
    CHECK(file_write_atomic(path, buf_view(&p->spec), 0600, NULL) == 0);
    p->client = shim_client_start(f->loop, f->program, p->dir, &events, p);
}

static void read_file(struct fixture *f, const char *name, struct buf *out)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", f->pods[0].dir, name);
    buf_clear(out);
    struct err err = { 0 };
    CHECK_OK(file_read(out, path, &err), err);
}

static bool first_ended(struct fixture *f)
{
    return f->pods[0].last[0].phase >= SHIM_IS_EXITED;
}

static bool first_runs(struct fixture *f)
{
    return f->pods[0].last[0].phase == SHIM_IS_RUNNING;
}

static bool first_gone(struct fixture *f)
{
    return f->pods[0].gone;
}

static bool first_ready(struct fixture *f)
{
    return f->pods[0].ready;
}

static bool first_probed(struct fixture *f)
{
    return f->pods[0].probed;
}

/* ---- tests ---- */

static void output_and_exit_code_are_kept(void **state)
{
    struct fixture f;
    struct buf text;
    (void)state;
    setup(&f);
    buf_init(&text, 1 << 16);
    put_shell(&f.pods[0], "main", "echo out; echo err >&2; printf tail; exit 7");
    start(&f, &f.pods[0]);
    shim_client_run(f.pods[0].client, 0, 0);
    wait_until(&f, first_ended);
    CHECK_I64(f.pods[0].last[0].phase, SHIM_IS_EXITED);
    CHECK_I64(f.pods[0].last[0].code, 7);
    read_file(&f, "logs/main/0.log", &text);
    CHECK(str_find(buf_view(&text), STR("Z stdout F out\n")) > 0);
    CHECK(str_find(buf_view(&text), STR("Z stderr F err\n")) > 0);
    CHECK(str_find(buf_view(&text), STR("Z stdout F tail\n")) > 0);
    read_file(&f, "exits/main.0", &text);
    struct shim_state s;
    CHECK(shim_state_parse(buf_view(&text), ' ', &s));
    CHECK_I64(s.code, 7);
    CHECK(s.finished.ns >= s.started.ns && s.started.ns > 0);
    buf_fini(&text);
    teardown(&f);
}

/* Without privileges already the namespace is refused, with them the address. */
static void a_network_that_cannot_be_made_is_told(void **state)
{
    struct fixture f;
    struct pod *p = &f.pods[0];
    (void)state;
    setup(&f);
    put(p, "network-address", "127.64.0.1.5");
    put(p, "network-gateway", "127.64.64.1");
    put(p, "network-link", "gpod-test");
    put_shell(p, "main", "exit 4");
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    wait_until(&f, first_ended);
    CHECK_I64(p->last[0].code, 4); /* it runs all the same */
    CHECK(p->warning[0] != 0);
    teardown(&f);
}

static void a_missing_command_is_a_failure_with_its_reason(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    put(&f.pods[0], "container", "main");
    put(&f.pods[0], "arg", "/no/such/program");
    start(&f, &f.pods[0]);
    shim_client_run(f.pods[0].client, 0, 0);
    wait_until(&f, first_ended);
    CHECK_I64(f.pods[0].last[0].phase, SHIM_IS_FAILED);
    CHECK_I64(f.pods[0].last[0].code, 127);
    teardown(&f);
}

static void logs_rotate(void **state)
{
    struct fixture f;
    struct buf text;
    char path[200];
    (void)state;
    setup(&f);
    buf_init(&text, 1 << 20);
    put(&f.pods[0], "log-bytes", "4000");
    put(&f.pods[0], "log-files", "3");
    put_shell(&f.pods[0], "main", "i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done");
    start(&f, &f.pods[0]);
    shim_client_run(f.pods[0].client, 0, 0);
    wait_until(&f, first_ended);
    read_file(&f, "logs/main/0.log.2", &text);
    CHECK(text.n >= 4000 && text.n < 4200);
    read_file(&f, "logs/main/0.log", &text);
    CHECK(text.n == 0 || str_find(buf_view(&text), STR(" line 999\n")) > 0);
    snprintf(path, sizeof path, "%s/logs/main/0.log.3", f.pods[0].dir);
    CHECK(!file_exists(path));
    buf_fini(&text);
    teardown(&f);
}

static void processes_outlive_the_executor(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    struct pod *p = &f.pods[0];
    (void)state;
    setup(&f);
    put_shell(p, "main", "while [ ! -e go ]; do sleep 0.01; done; exit 3");
    put(p, "dir", p->dir);
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    wait_until(&f, first_runs);
    int64_t pid = p->last[0].pid;
    shim_client_free(p->client);
    p->ready = false;
    p->last[0] = (struct shim_state){ 0 };
    p->client = shim_client_join(f.loop, p->dir, &events, p, &err);
    CHECK(p->client != NULL);
    wait_until(&f, first_ready);
    CHECK_I64(p->last[0].phase, SHIM_IS_RUNNING);
    CHECK_I64(p->last[0].pid, pid);
    char path[200];
    snprintf(path, sizeof path, "%s/go", p->dir);
    CHECK(file_write_atomic(path, STR(""), 0600, NULL) == 0);
    wait_until(&f, first_ended);
    CHECK_I64(p->last[0].code, 3);
    teardown(&f);
}

static void a_signal_ends_and_quit_leaves_nothing(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    struct pod *p = &f.pods[0];
    (void)state;
    setup(&f);
    put_shell(p, "main", "setsid sh -c 'echo $$ > orphan; exec sleep 1000' & sleep 1000");
    put(p, "dir", p->dir);
    put(p, "container", "still");
    put(p, "pause", "1");
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    shim_client_run(p->client, 1, 0);
    wait_until(&f, first_runs);
    struct buf text;
    buf_init(&text, 64);
    char path[200];
    snprintf(path, sizeof path, "%s/orphan", p->dir);
    while (!file_exists(path) || (buf_clear(&text), file_read(&text, path, NULL)) < 0 || !text.n)
        usleep(1000);
    pid_t orphan = (pid_t)strtol(text.p, NULL, 10);
    CHECK(kill(orphan, 0) == 0);
    shim_client_signal(p->client, 0, SIGTERM);
    wait_until(&f, first_ended);
    CHECK_I64(p->last[0].code, 128 + SIGTERM);
    CHECK_I64(p->last[0].signal, SIGTERM);
    shim_client_quit(p->client);
    wait_until(&f, first_gone);
    CHECK(kill(orphan, 0) < 0);
    CHECK(shim_client_join(f.loop, p->dir, &events, p, &err) == NULL);
    CHECK_I64(err.kind, ERR_NOT_FOUND);
    buf_fini(&text);
    teardown(&f);
}

static void a_shim_whose_folder_is_gone_ends(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    struct pod *p = &f.pods[0];
    (void)state;
    setup(&f);
    put_shell(p, "main", "while :; do echo x; sleep 0.01; done");
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    wait_until(&f, first_runs);
    pid_t pid = (pid_t)p->last[0].pid;
    shim_client_free(p->client);
    p->client = NULL;
    while (file_remove_tree(p->dir, &err) < 0 && err.kind != ERR_NOT_FOUND)
        usleep(1000); /* it writes while we remove */
    for (int i = 0; i < 5000 && kill(pid, 0) == 0; i++)
        usleep(1000);
    CHECK(kill(pid, 0) < 0);
    teardown(&f);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static void volumes_appear_at_places_that_do_not_exist(void **state)
{
    struct fixture f;
    struct buf text;
    struct pod *p = &f.pods[0];
    char path[200];
    (void)state;
    setup(&f);
    buf_init(&text, 1 << 16);
    snprintf(path, sizeof path, "%s/vol", p->dir);
    mkdir(path, 0755);
    put_shell(p, "main",
              "echo a > /ganglion-test/x/a; echo b > /usr/share/ganglion-test/b; ls /usr/bin/env;"
              "ls /ganglion-test/ro; echo c > /ganglion-test/ro/c; cat /ganglion-test/x/a");
    put(p, "mount-source", path);
    put(p, "mount-target", "/ganglion-test/x");
    put(p, "mount-source", path);
    put(p, "mount-target", "/usr/share/ganglion-test");
    put(p, "mount-source", path);
    put(p, "mount-ro", "1");
    put(p, "mount-target", "/ganglion-test/ro");
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    wait_until(&f, first_ended);
    if (geteuid() != 0 && p->last[0].phase == SHIM_IS_FAILED) { /* no user namespaces here */
        buf_fini(&text);
        teardown(&f);
        skip();
    }
    read_file(&f, "logs/main/0.log", &text);
    if (p->last[0].code != 0)
        print_message("%.*s\n", STR_ARG(buf_view(&text)));
    CHECK_I64(p->last[0].code, 0);
    CHECK(str_find(buf_view(&text), STR("Read-only file system")) > 0);
    CHECK(str_find(buf_view(&text), STR("stdout F /usr/bin/env\n")) > 0);
    read_file(&f, "vol/a", &text);
    CHECK_STR(buf_view(&text), "a\n");
    read_file(&f, "vol/b", &text);
    CHECK(!file_exists("/ganglion-test"));
    CHECK(!file_exists("/usr/share/ganglion-test"));
    buf_clear(&text);
    CHECK(file_read(&text, "/proc/self/mounts", NULL) == 0);
    CHECK(str_find(buf_view(&text), str_from(f.root)) < 0);
    buf_fini(&text);
    teardown(&f);
}

static void probe_once(struct fixture *f, const char *const *words, size_t n, int64_t timeout_ms)
{
    struct str fields[8];
    for (size_t i = 0; i < n; i++)
        fields[i] = str_from(words[i]);
    f->pods[0].probed = false;
    shim_client_probe(f->pods[0].client, STR("t1"), timeout_ms, fields, n);
    wait_until(f, first_probed);
}

static void probes_answer(void **state)
{
    struct fixture f;
    struct pod *p = &f.pods[0];
    (void)state;
    setup(&f);
    put(p, "container", "main");
    put(p, "env", "PATH=/usr/bin:/bin");
    put(p, "env", "COLOUR=blue");
    put(p, "pause", "1");
    start(&f, p);
    shim_client_run(p->client, 0, 0);
    wait_until(&f, first_runs);
    probe_once(&f, (const char *[]){ "exec", "0", "sh", "-c", "echo $COLOUR; exit 4" }, 5, 5000);
    CHECK_I64(p->probe_code, 4);
    CHECK_CSTR(p->probe_output, "blue\n");
    probe_once(&f, (const char *[]){ "exec", "0", "sleep", "1000" }, 4, 50);
    CHECK_I64(p->probe_code, -1);
    probe_once(&f, (const char *[]){ "tcp", "127.0.0.1", "1" }, 3, 5000);
    CHECK_I64(p->probe_code, 1);
    CHECK(strstr(p->probe_output, "connection refused") || strstr(p->probe_output, "refused"));
    teardown(&f);
}

static bool gang_prepared(struct fixture *f)
{
    for (int i = 0; i < GANG; i++)
        if (f->pods[i].last[0].phase != SHIM_IS_PREPARED)
            return false;
    return true;
}

static bool gang_runs(struct fixture *f)
{
    for (int i = 0; i < GANG; i++)
        if (f->pods[i].last[0].phase < SHIM_IS_RUNNING)
            return false;
    return true;
}

static void a_gang_starts_together(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    for (int i = 0; i < GANG; i++) {
        put_shell(&f.pods[i], "worker", "exec sleep 1000");
        start(&f, &f.pods[i]);
        shim_client_prepare(f.pods[i].client, 0, 0);
    }
    wait_until(&f, gang_prepared);
    for (int i = 0; i < GANG; i++)
        shim_client_release(f.pods[i].client);
    wait_until(&f, gang_runs);
    int64_t first = INT64_MAX, last = 0;
    for (int i = 0; i < GANG; i++) {
        int64_t at = f.pods[i].last[0].started.ns;
        first = at < first ? at : first;
        last = at > last ? at : last;
    }
    print_message("gang of %d: last exec %.3f ms after the first\n", GANG,
                  (double)(last - first) / 1e6);
    CHECK(last - first < 20 * NS_PER_MS);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_code_are_kept),
        cmocka_unit_test(a_network_that_cannot_be_made_is_told),
        cmocka_unit_test(a_missing_command_is_a_failure_with_its_reason),
        cmocka_unit_test(logs_rotate),
        cmocka_unit_test(processes_outlive_the_executor),
        cmocka_unit_test(a_signal_ends_and_quit_leaves_nothing),
        cmocka_unit_test(a_shim_whose_folder_is_gone_ends),
        cmocka_unit_test(volumes_appear_at_places_that_do_not_exist),
        cmocka_unit_test(probes_answer),
        cmocka_unit_test(a_gang_starts_together),
    };
    return CHECK_MAIN(tests);
}
