/* SPDX-License-Identifier: Apache-2.0
 * small_api — a scheduler whole, with its service, before a small API of the test's own: objects as
 * texts, merge patches, deletes that end at once. It may be killed at any write, before or after
 * the API carried that out, and lives anew on what the API has then. For tests only. */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

#define SMALL_API_OBJECTS_MAX 24
#define SMALL_API_PATH_MAX 256
#define SMALL_API_WRITES_MAX 80

struct small_api_object {
    char path[SMALL_API_PATH_MAX]; /* "pods/d/low-0" */
    char *text;
};

struct small_api {
    struct small_api_object objects[SMALL_API_OBJECTS_MAX];
    size_t n;
    int revision;
    void *watched; /* by this life, while one lasts */
};

void small_api_fini(struct small_api *api);
void small_api_put(struct small_api *api, const char *path, struct json v);
void small_api_put_text(struct small_api *api, const char *path, const char *text);
void small_api_node(struct small_api *api, const char *name);                     /* two GPUs */
struct small_api_object *small_api_find(struct small_api *api, const char *path); /* NULL: none */
struct json_doc *small_api_parsed(const char *text);
/* A field that is a string, by its path; absent: none. */
struct str
small_api_field(struct small_api *api, const char *path, const char *name, struct arena *a);

struct small_life {
    struct small_api *api;
    int kill_at;        /* at this write; 0: never */
    bool lost;          /* that write never reaches the API */
    bool singly;        /* pods are bound one by one, as over HTTPS */
    const char *config; /* of the scheduler, YAML; NULL: none */
    int at_least_ms;    /* it is quiet, but something will come by time */
    /* Another answer to this write, which is then not carried out; 0: none. NULL: never. path:
     * "pods/d/a/binding". */
    int (*refuse)(void *arg, struct small_api *api, const char *path);
    /* This write was carried out; the API may change more (small_api_change). NULL: never. */
    void (*after)(void *arg, struct small_api *api, const char *path);
    void *arg;
};

/* By somebody else, a merge patch; the scheduler sees it. */
void small_api_change(struct small_api *api, const char *path, const char *patch);

/* How many writes it made before it was quiet, or killed. */
int small_api_live(const struct small_life *life);
/* Forks: in the child dies at this write of the life, lives again without a kill, and checks. The
 * pid; the child's status is 0 when check came back. */
int small_api_die_and_come_back(const struct small_life *life, void (*check)(struct small_api *));
