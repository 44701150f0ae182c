/* SPDX-License-Identifier: Apache-2.0
 * sort — see sort.h. Keys are read once, then sorted. */
#include "cli/sort.h"

#include <stdlib.h>

#include "base/mem.h"
#include "codec/jsonpath.h"
#include "codec/quantity.h"

struct key {
    struct kobj *object;
    size_t place; /* before sorting */
    bool has, measures;
    struct str text;
    struct quantity quantity; /* when measures: "2", "500m", "1Gi" */
};

static int read_key(struct key *k, const struct jsonpath *path, struct err *err)
{
    struct jsonpath_values found = { 0 };
    if (jsonpath_find(path, kobj_root(k->object), JSONPATH_MISSING_OK, &found, err) != 0)
        return -1;
    if (found.n > 0) {
        struct json v = found.items[0];
        k->has = true;
        k->text = json_type(v) == JSON_STR ? json_str(v) : json_text(v);
        k->measures = quantity_parse(&k->quantity, k->text, NULL) == 0;
    }
    jsonpath_values_fini(&found);
    return 0;
}

static int by_value(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    int order = (int)a->has - (int)b->has;
    if (order == 0 && a->measures && b->measures)
        order = quantity_cmp(&a->quantity, &b->quantity);
    else if (order == 0)
        order = str_cmp(a->text, b->text);
    if (order != 0)
        return order;
    return a->place < b->place ? -1 : a->place > b->place;
}

int sort_objects(struct kobj **items, size_t n, struct str path, struct err *err)
{
    AUTO(jsonpath_freep) struct jsonpath *parsed = NULL;
    if (jsonpath_parse_path(&parsed, path, err) != 0)
        return err_wrap(err, "--sort-by");
    AUTO(mem_freep) struct key *keys = mem_alloc_array(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct key){ .object = items[i], .place = i };
        if (read_key(&keys[i], parsed, err) != 0)
            return -1;
    }
    qsort(keys, n, sizeof *keys, by_value);
    for (size_t i = 0; i < n; i++)
        items[i] = keys[i].object;
    return 0;
}
