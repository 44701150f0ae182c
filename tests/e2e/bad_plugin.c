/* SPDX-License-Identifier: Apache-2.0
 * bad_plugin — plugins as they should not be, one for each macro; plugin_test.py builds them. */
#include <ganglion/plugin.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION GANGLION_PLUGIN_VERSION
#endif
#ifndef SIZE
#define SIZE sizeof(struct ganglion_plugin)
#endif

#ifdef CRASH_AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
    abort();
}
#endif

static int32_t
start(const struct ganglion_host *host, const char *args, void **self, char *why, size_t room)
{
    (void)host;
    (void)args;
    (void)self;
    (void)why;
    (void)room;
#ifdef CRASH_AT_START
    abort();
#elif defined EXIT_AT_START
    _exit(0);
#endif
    return 0;
}

static double score(void *self, const struct ganglion_pod *pod, const struct ganglion_node *node)
{
    (void)self;
    (void)pod;
    (void)node;
#ifdef SLOW
    usleep(15000);
#elif defined CRASH_AT_SCORE
    abort();
#elif defined SCORE
    return SCORE;
#endif
    return 1;
}

#ifdef NO_SYMBOL
const struct ganglion_plugin something_else;
const struct ganglion_plugin something_else
#elif defined UNKNOWN_SYMBOL
int no_such_function(void);
const struct ganglion_plugin ganglion_plugin
#else
const struct ganglion_plugin ganglion_plugin
#endif
    = { .size = (int32_t)(SIZE),
        .version = VERSION,
        .name = "Bad",
        .start = start,
#ifdef UNKNOWN_SYMBOL
        .stop = (void (*)(void *))(void *)no_such_function,
#endif
        .score = score };
