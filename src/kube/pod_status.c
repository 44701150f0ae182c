/* SPDX-License-Identifier: Apache-2.0
 * pod_status — conditions of any object, and the states of a pod's containers; see pod.h. */
#include "kube/pod.h"

static struct str text_at(struct json v, const char *name)
{
    return json_str(json_get(v, str_from(name)));
}

/* ---- conditions ---- */

struct json condition_in(struct json status, struct str type)
{
    struct json list = json_get(status, STR("conditions"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(text_at(it.value, "type"), type))
            return it.value;
    }
    return (struct json){ 0 };
}

struct json condition_find(struct json object, struct str type)
{
    return condition_in(json_get(object, STR("status")), type);
}

enum condition_status condition_status_of(struct json condition)
{
    struct str status = text_at(condition, "status");
    if (!status.p)
        return CONDITION_ABSENT;
    if (str_is(status, "True"))
        return CONDITION_TRUE;
    return str_is(status, "False") ? CONDITION_FALSE : CONDITION_UNKNOWN;
}

enum condition_status condition_of(struct json object, struct str type)
{
    return condition_status_of(condition_find(object, type));
}

/* ---- container statuses ---- */

static const struct field status_fields[] = {
    FIELD_STR(struct container_status, name, "name"),
    FIELD_STR(struct container_status, container_id, "containerID"),
    FIELD_BOOL(struct container_status, ready, "ready"),
    FIELD_BOOL_OPT(struct container_status, started, "started"),
    FIELD_I64(struct container_status, restarts, "restartCount"),
    FIELD_JSON(struct container_status, last, "lastState"),
};
static const struct field waiting_fields[] = {
    FIELD_STR(struct container_status, reason, "reason"),
    FIELD_STR(struct container_status, message, "message"),
};
static const struct field running_fields[] = {
    FIELD_TIME(struct container_status, started_at, "startedAt"),
};
static const struct field terminated_fields[] = {
    FIELD_STR(struct container_status, reason, "reason"),
    FIELD_STR(struct container_status, message, "message"),
    FIELD_I64(struct container_status, exit_code, "exitCode"),
    FIELD_I64(struct container_status, signal, "signal"),
    FIELD_TIME(struct container_status, started_at, "startedAt"),
    FIELD_TIME(struct container_status, finished_at, "finishedAt"),
};

static void decode_state(struct container_status *s, struct json state, struct arena *a)
{
    struct json running = json_get(state, STR("running"));
    struct json terminated = json_get(state, STR("terminated"));
    struct json waiting = json_get(state, STR("waiting"));
    if (json_has(running)) {
        s->state = CONTAINER_RUNNING;
        field_decode(s, running_fields, COUNT_OF(running_fields), running, a);
    } else if (json_has(terminated)) {
        s->state = CONTAINER_TERMINATED;
        field_decode(s, terminated_fields, COUNT_OF(terminated_fields), terminated, a);
    } else {
        field_decode(s, waiting_fields, COUNT_OF(waiting_fields), waiting, a);
    }
}

struct container_statuses container_statuses_decode(struct arena *a, struct json list)
{
    struct container_statuses out = { 0 };
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return out;
    out.items = ARENA_ARRAY(a, struct container_status, n);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct container_status *s = &out.items[out.n++];
        field_decode(s, status_fields, COUNT_OF(status_fields), it.value, a);
        decode_state(s, json_get(it.value, STR("state")), a);
    }
    return out;
}
