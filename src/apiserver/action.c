/* SPDX-License-Identifier: Apache-2.0
 * action — life, turns and replies of an action; see action.h. */
#include "apiserver/action.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/metrics.h"

#define ACTION_WARNINGS_MAX 100

struct action *action_new(struct apiserver *s)
{
    struct action *a = MEM_NEW(struct action);
    a->s = s;
    a->spare = s->n_spare > 0;
    a->arena = a->spare ? s->spare[--s->n_spare] : arena_new();
    a->r.write.grace_s = -1;
    return a;
}

static void give_back_arena(struct action *a)
{
    if (!a->spare) {
        arena_free(a->arena);
        return;
    }
    arena_reset(a->arena);
    a->s->spare[a->s->n_spare++] = a->arena;
}

void action_free(struct action *a)
{
    if (!a)
        return;
    json_doc_unref(a->body);
    json_doc_unref(a->managed);
    kobj_unref(a->old);
    kobj_unref(a->result);
    kobj_unref(a->extra_old);
    for (size_t i = 0; i < a->items.n; i++)
        kobj_unref(a->items.items[i]);
    kobj_vec_fini(&a->items);
    warning_vec_fini(&a->warnings);
    served_unref(a->what);
    give_back_arena(a);
    free(a);
}

static void finish(struct action *a)
{
    a->reply.object = a->result;
    a->reply.items = a->items.items;
    a->reply.n_items = a->items.n;
    a->reply.warnings = a->warnings.items;
    a->reply.n_warnings = a->warnings.n;
    assert(a->reply.code != 0);
    api_meter_end(a);
    action_done_fn done = TAKE(a->done);
    done(a->arg, a);
}

void action_resume(struct action *a)
{
    for (;;) {
        assert(*a->steps); /* the last step ends */
        switch ((*a->steps)(a)) {
        case TURN_GO:
            a->steps = a->next ? a->next : a->steps + 1;
            a->next = NULL;
            continue;
        case TURN_WAIT:
            return;
        case TURN_END:
            finish(a);
            return;
        }
    }
}

void action_committed(void *action, const struct err *err)
{
    struct action *a = action;
    a->commit = err ? ACTION_FAILED : ACTION_DURABLE;
    if (err)
        a->commit_err = *err;
    action_resume(a);
}

void action_start(struct action *a, const action_step_fn *steps, action_done_fn done, void *arg)
{
    a->steps = steps;
    a->done = done;
    a->arg = arg;
    api_meter_begin(a);
    action_resume(a);
}

enum turn action_go(struct action *a, const action_step_fn *steps)
{
    a->next = steps;
    return TURN_GO;
}

void action_warn(struct action *a, const char *fmt, ...)
{
    if (a->warnings.n >= ACTION_WARNINGS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    warning_vec_push(&a->warnings, arena_vprintf(a->arena, fmt, ap));
    va_end(ap);
}

enum turn action_reply(struct action *a, int code, struct kobj *object)
{
    kobj_unref(a->result);
    a->result = object;
    a->reply.code = code;
    return TURN_END;
}

enum turn action_refuse(struct action *a, const struct status_spec *s)
{
    return action_reply(a, s->code, status_new(s));
}

enum turn action_success(struct action *a, int code, const struct kobj *about)
{
    struct jnode *root = jnode_obj(a->arena);
    jnode_set_str(root, STR("kind"), STR("Status"));
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(root, STR("status"), STR("Success"));
    if (about) {
        struct jnode *details = jnode_set(root, STR("details"), jnode_obj(a->arena));
        jnode_set_str(details, STR("name"), about->name);
        if (a->r.group.n > 0)
            jnode_set_str(details, STR("group"), a->r.group);
        jnode_set_str(details, STR("kind"), a->r.plural);
        jnode_set_str(details, STR("uid"), about->uid);
    } else {
        jnode_set_i64(root, STR("code"), code);
    }
    struct kobj *o = NULL;
    int rc = kobj_freeze(&o, root, NULL);
    assert(rc == 0); /* small */
    (void)rc;
    return action_reply(a, code, o);
}
