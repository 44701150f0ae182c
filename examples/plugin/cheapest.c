/* SPDX-License-Identifier: Apache-2.0
 * cheapest — puts pods on nodes that cost less, and on none that costs more than they want to pay.
 * Nodes say their price an hour in a label, pods their limit in an annotation; without one the
 * limit is that of the arguments, {"limit":2.5}. See docs/guides/write-a-plugin.md. */
#include <ganglion/plugin.h>
#include <stdio.h>
#include <stdlib.h>

struct cheapest {
    const struct ganglion_host *host;
    double limit; /* 0: none */
};

static double number(const char *text)
{
    return text ? strtod(text, NULL) : 0;
}

static int32_t
start(const struct ganglion_host *host, const char *args, void **self, char *why, size_t room)
{
    struct cheapest *c = *self = calloc(1, sizeof *c);
    c->host = host;
    if (args[1] == '}' || sscanf(args, "{\"limit\":%lf}", &c->limit) == 1)
        return 0;
    snprintf(why, room, "its arguments are {\"limit\":DOLLARS}, not %s", args);
    free(c);
    return 1;
}

static int32_t filter(void *self,
                      const struct ganglion_pod *pod,
                      const struct ganglion_node *node,
                      char *why,
                      size_t room)
{
    const struct cheapest *c = self;
    double price = number(c->host->node_label(node, "example.com/price"));
    double limit = number(c->host->pod_annotation(pod, "example.com/price-limit"));
    limit = limit > 0 ? limit : c->limit;
    if (limit <= 0 || price <= limit)
        return GANGLION_FITS;
    snprintf(why, room, "node(s) cost more than %.2f an hour", limit);
    return GANGLION_NEVER;
}

static double score(void *self, const struct ganglion_pod *pod, const struct ganglion_node *node)
{
    const struct cheapest *c = self;
    return 100 / (1 + number(c->host->node_label(node, "example.com/price"))); /* 0 to 100 */
}

const struct ganglion_plugin ganglion_plugin = { .size = sizeof ganglion_plugin,
                                                 .version = GANGLION_PLUGIN_VERSION,
                                                 .name = "Cheapest",
                                                 .start = start,
                                                 .stop = free,
                                                 .filter = filter,
                                                 .score = score };
