/* SPDX-License-Identifier: Apache-2.0
 * plugin_files — see plugin_files.h. */
#include "scheduler/service/plugin_files.h"

#include <stdlib.h>

#include "base/arena.h"
#include "io/clock.h"
#include "io/library.h"
#include "io/trial.h"
#include "scheduler/config/config.h"
#include "scheduler/outside/outside.h"

#define SYMBOL "ganglion_plugin"
#define TRIAL_NS (10 * NS_PER_S)

struct plugin_files {
    struct outside *outside;
    struct library *libraries[OUTSIDE_PLUGINS_MAX];
    size_t n;
};

static int64_t now_ns(void)
{
    return clock_mono().ns;
}

static const struct outside_world world = { .now_ns = now_ns, .blame = blame_set };

void plugin_files_free(struct plugin_files *f)
{
    if (!f)
        return;
    outside_free(f->outside);
    for (size_t i = 0; i < f->n; i++)
        library_close(f->libraries[i]);
    free(f);
}

DEFINE_FREEP(struct plugin_files *, plugin_files_freep, plugin_files_free)

struct outside *plugin_files_outside(const struct plugin_files *f)
{
    return f ? f->outside : NULL;
}

/* A path without a slash would be looked for in the system's folders. */
static const char *path_of(struct arena *a, struct str path)
{
    return str_find_char(path, '/') >= 0 ? arena_str(a, path).p
                                         : arena_printf(a, "./%.*s", STR_ARG(path)).p;
}

static int load_one(struct plugin_files *f, struct str path, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(library_freep) struct library *l = NULL;
    const char *file = path_of(a, path);
    size_t bytes;
    if (f->n == OUTSIDE_PLUGINS_MAX)
        return err_set(err, ERR_TOO_LARGE, "%s: more than %d plugins", file, OUTSIDE_PLUGINS_MAX);
    blame_set(file); /* loading runs its constructors */
    int rc = library_open(&l, file, err);
    blame_set(NULL);
    if (rc != 0)
        return -1;
    const void *symbol = library_object(l, SYMBOL, &bytes, err);
    if (!symbol)
        return err_wrap(err, "%s is no plugin of version 1", file);
    if (outside_add(f->outside, file, symbol, bytes, err) != 0)
        return err_wrap(err, "%s", file);
    f->libraries[f->n++] = TAKE(l);
    return 0;
}

/* ---- the trial ---- */

struct attempt {
    const struct str *paths;
    size_t n;
    struct str config;
};

static int load_all(struct plugin_files **out, const struct attempt *what, struct err *err)
{
    AUTO(plugin_files_freep) struct plugin_files *f = MEM_NEW(struct plugin_files);
    f->outside = outside_new(&world);
    for (size_t i = 0; i < what->n; i++) {
        if (load_one(f, what->paths[i], err) != 0)
            return -1;
    }
    *out = TAKE(f);
    return 0;
}

/* In a child: everything that runs their code before the first pod. */
static int try_all(void *arg, struct err *err)
{
    const struct attempt *what = arg;
    AUTO(plugin_files_freep) struct plugin_files *f = NULL;
    struct sched_config c;
    if (load_all(&f, what, err) != 0)
        return -1;
    if (what->config.n == 0)
        return 0;
    if (sched_config_parse_with(&c, what->config, f->outside, err) != 0)
        return -1;
    sched_config_fini(&c);
    return 0;
}

int plugin_files_load(struct plugin_files **out,
                      const struct str *paths,
                      size_t n,
                      struct str config,
                      struct err *err)
{
    struct attempt what = { paths, n, config };
    if (trial_run(try_all, &what, TRIAL_NS, err) != 0 || load_all(out, &what, err) != 0)
        return -1;
    blame_install();
    return 0;
}
