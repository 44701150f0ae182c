/* SPDX-License-Identifier: Apache-2.0
 * peer — see peer.h. */
#include "json/peer.h"

#include <stdlib.h>

#ifdef HAVE_JANSSON
#include <jansson.h>
#include <malloc.h>

static struct str list_text, pod_text;
static json_t *list, *pod;
static size_t live_bytes;
static volatile uint64_t sink; /* keeps results alive */

static void *counting_malloc(size_t n)
{
    void *p = malloc(n);
    live_bytes += malloc_usable_size(p);
    return p;
}

static void counting_free(void *p)
{
    live_bytes -= malloc_usable_size(p);
    free(p);
}

static json_t *parse(struct str text)
{
    json_t *doc = json_loadb(text.p, text.n, 0, NULL);
    if (!doc)
        abort();
    return doc;
}

bool peer_open(struct str list_bytes, struct str pod_bytes)
{
    list_text = list_bytes;
    pod_text = pod_bytes;
    json_set_alloc_funcs(counting_malloc, counting_free);
    json_t *counted = parse(list_text);
    size_t n = live_bytes;
    json_decref(counted);
    live_bytes = n;
    json_set_alloc_funcs(malloc, free);
    list = parse(list_text);
    pod = parse(pod_text);
    return true;
}

void peer_close(void)
{
    json_decref(list);
    json_decref(pod);
}

double peer_weight(void)
{
    return (double)live_bytes;
}

void peer_parse_list(void)
{
    json_decref(parse(list_text));
}

void peer_parse_pods(void)
{
    for (int i = 0; i < PEER_POD_ROUNDS; i++)
        json_decref(parse(pod_text));
}

void peer_write_list(void)
{
    char *text = json_dumps(list, JSON_COMPACT);
    sink += strlen(text);
    free(text);
}

void peer_edit_pods(void)
{
    for (int i = 0; i < PEER_POD_ROUNDS; i++) {
        json_t *n = json_deep_copy(pod);
        json_object_set_new(json_object_get(n, "status"), "phase", json_string("Succeeded"));
        json_object_set_new(json_object_get(n, "metadata"), "generation", json_integer(i));
        char *text = json_dumps(n, JSON_COMPACT);
        sink += strlen(text);
        free(text);
        json_decref(n);
    }
}

static size_t view(json_t *item)
{
    json_t *meta = json_object_get(item, "metadata");
    json_t *spec = json_object_get(item, "spec");
    json_t *status = json_object_get(item, "status");
    size_t sum = json_string_length(json_object_get(meta, "name"));
    sum += json_string_length(json_object_get(meta, "namespace"));
    sum += json_string_length(json_object_get(meta, "resourceVersion"));
    sum += json_string_length(json_object_get(spec, "nodeName"));
    sum += json_string_length(json_object_get(spec, "schedulerName"));
    sum += json_array_size(json_object_get(spec, "tolerations"));
    return sum + json_string_length(json_object_get(status, "phase"));
}

void peer_look_up(void)
{
    for (int i = 0; i < PEER_POD_ROUNDS; i++)
        sink += view(pod);
}

void peer_look_up_list(void)
{
    json_t *items = json_object_get(list, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        sink += view(json_array_get(items, i));
}
#else
bool peer_open(struct str list, struct str pod)
{
    (void)list;
    (void)pod;
    return false;
}

void peer_close(void)
{
}

double peer_weight(void)
{
    return 0;
}

void peer_parse_list(void)
{
}

void peer_parse_pods(void)
{
}

void peer_write_list(void)
{
}

void peer_edit_pods(void)
{
}

void peer_look_up(void)
{
}

void peer_look_up_list(void)
{
}
#endif
