/* SPDX-License-Identifier: Apache-2.0
 * front_watch — a watch as a stream of JSON lines. The text of an object is copied straight from
 * its document into the connection; a slow reader pauses its own watcher only. */
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/front_internal.h"
#include "apiserver/watcher.h"

#define WATCH_UNSENT_MAX ((size_t)1 << 20) /* then the watcher pauses until the peer has read */

static const char *const event_names[] = {
    [EVENT_ADDED] = "ADDED",       [EVENT_MODIFIED] = "MODIFIED", [EVENT_DELETED] = "DELETED",
    [EVENT_BOOKMARK] = "BOOKMARK", [EVENT_ERROR] = "ERROR",
};

static void put_event(struct buf *b, struct front *f, const struct watch_event *ev)
{
    buf_printf(b, "{\"type\":\"%s\",\"object\":", event_names[ev->type]);
    front_write_event_object(b, f, ev);
    buf_str(b, STR("}\n"));
}

static bool on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct front *f = arg;
    struct buf b;
    buf_init(&b, FRONT_ANSWER_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        put_event(&b, f, &events[i]);
    bool room = http_write(f->x, buf_view(&b)) && http_unsent(f->x) < WATCH_UNSENT_MAX;
    buf_fini(&b);
    return room;
}

static void on_end(void *arg, const struct err *err)
{
    struct front *f = arg;
    f->watcher = NULL;
    f->answered = true;
    if (err && err->kind != ERR_NONE) {
        struct kobj *status = status_from_err(err);
        struct watch_event ev = { .type = EVENT_ERROR, .object = status };
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_printf(&b, "{\"type\":\"ERROR\",\"object\":");
        buf_str(&b, json_doc_text(ev.object->doc));
        buf_str(&b, STR("}\n"));
        http_write(f->x, buf_view(&b));
        buf_fini(&b);
        kobj_unref(status);
    }
    http_end(f->x);
}

static void on_drain(void *arg)
{
    struct front *f = arg;
    if (f->watcher)
        watcher_resume(f->watcher);
}

void front_watch_begin(struct front *f)
{
    struct watcher_sink sink = { .events = on_events, .end = on_end, .arg = f };
    f->watcher = watcher_start(f->a, &sink);
    if (!f->x) { /* went away before it began */
        watcher_free(TAKE(f->watcher));
        front_free(f);
        return;
    }
    struct http_header headers[] = { { STR("Cache-Control"), STR("no-cache, private") } };
    struct http_answer head = {
        .status = 200, .headers = headers, .n_headers = 1, .content_type = STR("application/json")
    };
    http_begin(f->x, &head);
    http_on_drain(f->x, on_drain, f);
}

void front_watch_gone(struct front *f)
{
    watcher_free(TAKE(f->watcher));
    f->answered = true;
}
