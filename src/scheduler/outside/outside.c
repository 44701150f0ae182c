/* SPDX-License-Identifier: Apache-2.0
 * outside — see outside.h. Checking what a library exports, and starting plugins. Their other hooks
 * are called in outside_call.c. */
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/outside/outside_internal.h"

#define NAME_BYTES_MAX 63
/* Of version 1 as it was first published; members that come later are optional. */
#define FIRST_SIZE ((int32_t)(offsetof(struct ganglion_plugin, normalise) + sizeof(void (*)(void))))
#define SIZE_MAX_SANE 4096

struct outside *outside_new(const struct outside_world *world)
{
    struct outside *o = MEM_NEW(struct outside);
    o->world = *world;
    return o;
}

static void plugin_free(struct outside_plugin *p)
{
    arena_free(p->words);
    arena_free(p->scratch);
    free(p->file);
    free(p->whom);
    free((void *)(uintptr_t)p->row.name); /* own texts */
    free((void *)(uintptr_t)p->row.help);
    free(p);
}

void outside_free(struct outside *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++)
        plugin_free(o->plugins[i]);
    free(o);
}

size_t outside_count(const struct outside *o)
{
    return o ? o->n : 0;
}

const struct sched_plugin *outside_plugin(const struct outside *o, size_t i)
{
    return &o->plugins[i]->row;
}

/* ---- checking ---- */

static int check_size(const struct ganglion_plugin *p, size_t bytes, struct err *err)
{
    if (bytes < 2 * sizeof(int32_t))
        return err_set(err, ERR_INVALID,
                       "ganglion_plugin has %zu bytes; it must be a struct "
                       "ganglion_plugin",
                       bytes);
    if (p->version != GANGLION_PLUGIN_VERSION)
        return err_set(err, ERR_INVALID,
                       "it is made for version %d of ganglion/plugin.h, this scheduler has %d; "
                       "build it with this scheduler's header",
                       p->version, GANGLION_PLUGIN_VERSION);
    if (p->size < FIRST_SIZE || p->size > SIZE_MAX_SANE || (size_t)p->size > bytes)
        return err_set(err, ERR_INVALID,
                       ".size is %d; it must be sizeof(struct ganglion_plugin), %d here", p->size,
                       FIRST_SIZE);
    return 0;
}

static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t n = name ? strnlen(name, NAME_BYTES_MAX + 1) : 0;
    return n > 0 && n <= NAME_BYTES_MAX && strspn(name, allowed) == n;
}

static bool is_taken(const struct outside *o, const char *name)
{
    for (size_t i = 0; i < sched_plugins_count; i++) {
        if (strcmp(sched_plugins[i]->name, name) == 0)
            return true;
    }
    for (size_t i = 0; i < o->n; i++) {
        if (strcmp(o->plugins[i]->row.name, name) == 0)
            return true;
    }
    return false;
}

static int check_hooks(const struct outside *o, const struct ganglion_plugin *p, struct err *err)
{
    if (!is_name(p->name))
        return err_set(err, ERR_INVALID,
                       ".name must be 1 to %d letters, digits, \"-\", \"_\" or \".\"",
                       NAME_BYTES_MAX);
    if (is_taken(o, p->name))
        return err_set(err, ERR_INVALID, "there is a plugin \"%s\" already; give it another .name",
                       p->name);
    if (!p->filter && !p->score)
        return err_set(err, ERR_INVALID, "it has neither .filter nor .score");
    if (p->normalise && !p->score)
        return err_set(err, ERR_INVALID, "it has .normalise without .score");
    return 0;
}

int outside_add(struct outside *o,
                const char *file,
                const struct ganglion_plugin *p,
                size_t bytes,
                struct err *err)
{
    if (o->n == OUTSIDE_PLUGINS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d plugins", OUTSIDE_PLUGINS_MAX);
    if (check_size(p, bytes, err) != 0 || check_hooks(o, p, err) != 0)
        return -1;
    struct outside_plugin *mine = MEM_NEW(struct outside_plugin);
    AUTO(arena_freep) struct arena *a = arena_new();
    memcpy(&mine->table, p, (size_t)num_min_i64(p->size, sizeof mine->table));
    mine->all = o;
    mine->file = str_dup(str_from(file));
    mine->whom = str_dup(arena_printf(a, "the scheduler plugin %s of %s", p->name, file));
    mine->words = arena_new();
    mine->scratch = arena_new();
    mine->row = outside_row(&mine->table);
    mine->row.name = str_dup(str_from(p->name));
    mine->row.help = str_dup(p->help ? str_from(p->help) : STR(""));
    o->plugins[o->n++] = mine;
    return 0;
}

/* ---- starting ---- */

static int refused(const struct outside_plugin *p, const char *why, struct err *err)
{
    struct str text = str_make(why, strnlen(why, GANGLION_WHY_BYTES));
    bool plain = text.n && text.n < GANGLION_WHY_BYTES && str_is_utf8(text);
    return err_set(err, ERR_INVALID, "%s does not start: %.*s", p->whom,
                   STR_ARG(plain ? text : STR("it does not say why")));
}

int outside_start(const struct sched_plugin *row, struct json args, void **out, struct err *err)
{
    struct outside_plugin *p = outside_of(row);
    struct outside_args *run = MEM_NEW(struct outside_args);
    run->plugin = p;
    if (p->table.start) {
        char why[GANGLION_WHY_BYTES] = "";
        AUTO(arena_freep) struct arena *a = arena_new();
        const char *text = json_has(args) ? arena_str(a, json_text(args)).p : "{}";
        p->all->world.blame(p->whom);
        int32_t rc = p->table.start(&outside_host, text, &run->self, why, sizeof why);
        p->all->world.blame(NULL);
        if (rc != 0) {
            free(run);
            return refused(p, why, err);
        }
    }
    *out = run;
    return 0;
}

void outside_stop(void *args)
{
    struct outside_args *run = args;
    if (!run)
        return;
    struct outside_plugin *p = run->plugin;
    p->all->world.blame(p->whom);
    if (p->table.stop)
        p->table.stop(run->self);
    p->all->world.blame(NULL);
    free(run);
}

/* ---- records ---- */

const char *const outside_fault_names[OUTSIDE_FAULTS] = {
    [OUTSIDE_SCORE] = "score",
    [OUTSIDE_NORMALISE] = "normalise",
    [OUTSIDE_VERDICT] = "verdict",
    [OUTSIDE_REASON] = "reason",
};

uint64_t outside_news(const struct outside *o)
{
    return o ? o->news : 0;
}

const struct outside_record *outside_record(const struct outside *o, size_t i)
{
    return &o->plugins[i]->record;
}

const char *outside_file(const struct outside *o, size_t i)
{
    return o->plugins[i]->file;
}
