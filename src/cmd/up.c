/* SPDX-License-Identifier: Apache-2.0
 * up — `ganglion up`: the API server on this thread, every other service on a thread of its own,
 * and `ganglion apiserver`: the API server alone. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/service.h"
#include "cmd/services.h"
#include "cmd/up_config.h"
#include "cmd/up_options.h"
#include "daemon/lifecycle.h"
#include "io/file.h"
#include "io/usage.h"

#define FDS_WANTED 16384 /* for the 10,000 connections that a server takes, and all else */
#define MALLOC_ARENAS 8  /* one a thread: with fewer they wait for each other's malloc */
#define HOUSEKEEPING_NS (10 * NS_PER_S)
#define STOP_DEADLINE_NS (1800 * NS_PER_MS) /* then we exit without waiting for the rest */

struct up {
    struct cli *cli;
    struct up_options options;
    struct loop *loop;
    struct apiserver *api;
    struct service *services[SERVICES_MAX];
    size_t n_services, n_running;
    struct lifecycle *life;
    struct timer *housekeeping;
    bool kubeconfig_due; /* there was no room for it */
};

/* ---- stopping: services first, they may still write; then the API ---- */

static void on_api_closed(void *arg)
{
    struct up *up = arg;
    lifecycle_step_done(up->life);
}

static void stop_api(void *arg, struct lifecycle *lc)
{
    (void)lc;
    struct up *up = arg;
    apiserver_close(up->api, on_api_closed, up);
}

static void on_service_stopped(void *arg)
{
    struct up *up = arg;
    if (--up->n_running == 0)
        lifecycle_step_done(up->life);
}

/* All at once: none waits for another. */
static void stop_services(void *arg, struct lifecycle *lc)
{
    struct up *up = arg;
    LOG_INFO("up.stopping");
    up->n_running = up->n_services;
    for (size_t i = 0; i < up->n_services; i++)
        service_stop(up->services[i], on_service_stopped, up);
    if (up->n_services == 0)
        lifecycle_step_done(lc);
}

static bool not_stopping(void *arg, struct buf *why)
{
    struct up *up = arg;
    if (!lifecycle_stopping(up->life))
        return true;
    buf_str(why, STR("process is shutting down"));
    return false;
}

/* ---- starting ---- */

/* A burst of requests, or loading the store, needs memory for a moment that malloc would keep.
 * Takes 0.2 to 4 ms at 150 MB. */
static void on_housekeeping(void *arg)
{
    struct up *up = arg;
    malloc_trim(0);
    if (up->kubeconfig_due)
        up->kubeconfig_due = apiserver_write_kubeconfig(up->api, up->options.kubeconfig, NULL) != 0;
}

/* On a full disk the file of an earlier start must do until there is room. */
static int write_kubeconfig(struct up *up, struct err *err)
{
    if (apiserver_write_kubeconfig(up->api, up->options.kubeconfig, err) == 0)
        return 0;
    if (err->sys != ENOSPC || !file_exists(up->options.kubeconfig))
        return err_wrap(err, "--kubeconfig");
    LOG_WARN("up.kubeconfig_kept", kv_cstr("file", up->options.kubeconfig), kv_err(err),
             kv_cstr("next", "trying again every 10 s"));
    up->kubeconfig_due = true;
    return 0;
}

/* It holds the keys to everything: whoever may write there owns the server. */
static int open_data_dir(const char *path, struct err *err)
{
    struct stat st;
    if (file_make_dirs(path, 0700, err) != 0)
        return -1;
    if (stat(path, &st) == 0 && (st.st_mode & S_IWOTH))
        return err_set(
            err, ERR_INVALID,
            "--data-dir %s: everybody may write there: chmod o-w, or name another folder", path);
    return 0;
}

static int start_api(struct up *up, struct err *err)
{
    up->loop = loop_new(err);
    if (!up->loop || open_data_dir(up->options.data_dir, err) != 0)
        return -1;
    if (apiserver_new(&up->api, up->loop, &up->options.api, err) != 0)
        return err->kind == ERR_DENIED ? err_wrap(err, "--listen without --allow-remote") : -1;
    up->housekeeping = timer_new(up->loop, on_housekeeping, up);
    timer_start_every(up->housekeeping, HOUSEKEEPING_NS);
    up->life = lifecycle_new(up->loop, STOP_DEADLINE_NS, err);
    if (!up->life)
        return -1;
    lifecycle_add(up->life, "api", stop_api, up);
    apiserver_add_check(up->api, HEALTH_READY, "shutdown", not_stopping, up);
    return write_kubeconfig(up, err);
}

static int start_services(struct up *up, struct err *err)
{
    struct service_row rows[SERVICES_MAX];
    size_t n = services_of(rows, &up->options);
    for (size_t i = 0; i < n; i++) {
        struct service *s = service_start(rows[i].kind, up->api, rows[i].options, up->loop, err);
        if (!s)
            return err_wrap(err, "starting %s", rows[i].kind->name);
        up->services[up->n_services++] = s;
        apiserver_add_check(up->api, HEALTH_READY, rows[i].kind->check, service_is_ready, s);
        apiserver_add_check(up->api, HEALTH_LIVE, rows[i].kind->check, service_is_alive, s);
    }
    return 0;
}

static void say_ready(struct up *up)
{
    struct str url = apiserver_url(up->api);
    fprintf(up->cli->out, "ready: %.*s  kubeconfig %s  (try: ganglion get nodes --kubeconfig %s)\n",
            STR_ARG(url), up->options.kubeconfig, up->options.kubeconfig);
    fflush(up->cli->out);
}

static void up_fini(struct up *up)
{
    for (size_t i = 0; i < up->n_services; i++)
        service_free(up->services[i]);
    lifecycle_free(up->life);
    timer_free(up->housekeeping);
    apiserver_free(up->api);
    loop_free(up->loop);
    up_options_fini(&up->options);
}

static int run(struct cli *cli, struct args *args, bool services, struct err *err)
{
    struct up up = { .cli = cli };
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    usage_want_fds(FDS_WANTED);
    if (up_options_read(&up.options, args, services, err) != 0 || start_api(&up, err) != 0) {
        up_fini(&up);
        return -1;
    }
    say_ready(&up);
    int rc = services ? start_services(&up, err) : 0;
    lifecycle_add(up.life, "services", stop_services, &up);
    if (rc != 0)
        lifecycle_stop(up.life);
    loop_run(up.loop);
    if (!lifecycle_clean(up.life))
        _exit(EXIT_FAILED); /* what was acknowledged is on disk: leaving now loses nothing */
    up_fini(&up);
    return rc;
}

static int verb_up(struct cli *cli, struct args *args, struct err *err)
{
    return run(cli, args, true, err);
}

static int verb_apiserver(struct cli *cli, struct args *args, struct err *err)
{
    return run(cli, args, false, err);
}

const struct cli_verb up_verb = {
    .name = "up",
    .usage = "[options]",
    .help = "run the whole control plane on this machine",
    .details =
        "Starts a Kubernetes-compatible API with controllers and the scheduler, this machine\n"
        "as a node, and any number of simulated nodes. Prints one line when ready. Stops on\n"
        "SIGTERM or Ctrl-C; local pods run on and are found again at the next start.",
    .examples = "  ganglion up                          # this machine alone\n"
                "  ganglion up --sim-nodes 16           # and 16 simulated 8-GPU nodes\n"
                "  ganglion up --listen 127.0.0.1:0 --data-dir /tmp/try",
    .options = up_options,
    .n_options = UP_OPTIONS,
    .run = verb_up,
};

const struct cli_verb apiserver_verb = {
    .name = "apiserver",
    .usage = "[options]",
    .help = "run the Kubernetes-compatible API alone",
    .details = "For tests of operators and clients: no controllers, no scheduler, no nodes.",
    .examples =
        "  ganglion apiserver --listen 127.0.0.1:0 --data-dir /tmp/api --kubeconfig /tmp/kc",
    .options = apiserver_options,
    .n_options = APISERVER_OPTIONS,
    .run = verb_apiserver,
};
