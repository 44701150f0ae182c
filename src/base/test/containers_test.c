/* SPDX-License-Identifier: Apache-2.0
 * The five containers against naive models, driven by random operations. */
#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ring.h"
#include "base/vec.h"
#include "testkit/check.h"

enum { KEYS = 300, STEPS = 20000 };

struct entry {
    char key[16];
    int value[2];
};

static struct entry *make_entries(void)
{
    static struct entry entries[KEYS];
    for (int i = 0; i < KEYS; i++)
        snprintf(entries[i].key, sizeof entries[i].key, "key-%d", i);
    return entries;
}

static void check_map_is(const struct map *m, const struct entry *entries, void *const *model)
{
    size_t live = 0, seen = 0, i = 0;
    for (int k = 0; k < KEYS; k++) {
        CHECK(map_get(m, str_from(entries[k].key)) == model[k]);
        live += model[k] != NULL;
    }
    CHECK_I64(m->n, live);
    for (const struct map_slot *s = map_next(m, &i); s; s = map_next(m, &i), seen++) {
        int64_t k = -1;
        CHECK(str_to_i64(str_skip(s->key, 4), &k));
        CHECK(k >= 0 && k < KEYS && model[k] == s->value);
    }
    CHECK_I64(seen, live);
}

static void map_like_an_array_of_slots(void **state)
{
    (void)state;
    struct entry *entries = make_entries();
    void *model[KEYS] = { 0 };
    struct map m;
    map_init(&m);
    for (int step = 0; step < STEPS; step++) {
        size_t k = check_random_below(KEYS);
        struct str key = str_from(entries[k].key);
        size_t op = check_random_below(step / 2000 % 2 ? 5 : 3); /* grow, then shrink */
        void *value = &entries[k].value[op & 1];
        if (op < 2) {
            CHECK(map_put(&m, key, value) == model[k]);
            model[k] = value;
        } else {
            CHECK(map_del(&m, key) == model[k]);
            model[k] = NULL;
        }
        if (step % 100 == 0)
            check_map_is(&m, entries, model);
    }
    check_map_is(&m, entries, model);
    map_clear(&m);
    CHECK_I64(m.n, 0);
    CHECK(map_get(&m, STR("key-1")) == NULL);
    map_fini(&m);
}

static void map_edge_cases(void **state)
{
    (void)state;
    struct map zero = { 0 };
    size_t i = 0;
    int one = 1, two = 2;
    CHECK(map_get(&zero, STR("x")) == NULL);
    CHECK(map_del(&zero, STR("x")) == NULL);
    CHECK(map_next(&zero, &i) == NULL);
    CHECK(map_put(&zero, STR(""), &one) == NULL);
    CHECK(map_get(&zero, (struct str){ 0 }) == &one);
    CHECK(map_put(&zero, (struct str){ 0 }, &two) == &one);
    CHECK(zero.seed != 0);
    map_fini(&zero);

    map_set_process_seed(77);
    map_init(&zero);
    CHECK_I64(zero.seed, 77);
    map_fini(&zero);
}

/* Copying a large map into a growing one in table order must not cluster: with the seed shared, a
 * home slot that ignored the capacity would make this quadratic (seconds instead of milliseconds).
 */
static void map_copy_in_table_order_stays_fast(void **state)
{
    (void)state;
    enum { N = 200000 };
    char(*keys)[12] = calloc(N, sizeof *keys);
    CHECK(keys != NULL);
    struct map from = { 0 }, to = { 0 };
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        map_put(&from, str_from(keys[i]), keys[i]);
    }
    size_t i = 0;
    for (const struct map_slot *s = map_next(&from, &i); s; s = map_next(&from, &i))
        map_put(&to, s->key, s->value);
    CHECK_I64(to.n, N);
    map_fini(&from);
    map_fini(&to);
    free(keys);
}

struct task {
    int64_t due;
    size_t pos;
};

static bool task_less(const void *a, const void *b)
{
    const struct task *x = a, *y = b;
    return x->due < y->due;
}

static void task_moved(void *item, size_t pos)
{
    struct task *t = item;
    t->pos = pos;
}

static int64_t smallest(const struct task *tasks)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < KEYS; i++) {
        if (tasks[i].pos != HEAP_OUT && tasks[i].due < least)
            least = tasks[i].due;
    }
    return least;
}

static void heap_step(struct heap *h, struct task *t, size_t op)
{
    if (t->pos == HEAP_OUT) {
        t->due = (int64_t)check_random_below(1000);
        heap_push(h, t);
    } else if (op == 0) {
        CHECK(heap_remove(h, t->pos) == t);
        CHECK(t->pos == HEAP_OUT);
    } else if (op == 1) {
        struct task *least = heap_pop(h);
        CHECK(least->pos == HEAP_OUT);
    } else {
        t->due = (int64_t)check_random_below(1000);
        heap_fix(h, t->pos);
    }
}

static void heap_like_a_linear_scan(void **state)
{
    (void)state;
    static struct task tasks[KEYS];
    struct heap h;
    heap_init(&h, task_less, task_moved);
    CHECK(heap_peek(&h) == NULL);
    CHECK(heap_pop(&h) == NULL);
    for (int i = 0; i < KEYS; i++)
        tasks[i].pos = HEAP_OUT;
    for (int step = 0; step < STEPS; step++) {
        heap_step(&h, &tasks[check_random_below(KEYS)], check_random_below(4));
        const struct task *top = heap_peek(&h);
        CHECK_I64(top ? top->due : INT64_MAX, smallest(tasks));
        for (size_t k = 0; k < h.n; k++)
            CHECK_I64(((struct task *)h.items[k])->pos, k);
    }
    int64_t last = INT64_MIN;
    for (const struct task *t = heap_pop(&h); t; t = heap_pop(&h)) {
        CHECK(t->due >= last);
        last = t->due;
    }
    heap_fini(&h);
}

static void ring_like_a_moving_window(void **state)
{
    (void)state;
    static int numbers[STEPS];
    size_t first = 0, next = 0;
    struct ring r = { 0 };
    CHECK(ring_pop(&r) == NULL);
    for (int step = 0; step < STEPS; step++) {
        if (check_random_below(step / 1000 % 2 ? 3 : 5) < 2)
            CHECK(ring_pop(&r) == (first < next ? &numbers[first++] : NULL));
        else
            ring_push(&r, &numbers[next++]);
        CHECK_I64(r.n, next - first);
        if (r.n) {
            size_t i = check_random_below(r.n);
            CHECK(ring_at(&r, i) == &numbers[first + i]);
        }
    }
    ring_fini(&r);
    CHECK_I64(r.cap, 0);
}

struct number {
    int value;
    struct list link;
};

static void check_list_is(const struct list *head, const int *model, size_t n)
{
    size_t i = 0;
    for (const struct list *l = head->next; l != head; l = l->next, i++) {
        CHECK(i < n && l->next->prev == l);
        const struct number *item =
            (const struct number *)((const char *)l - offsetof(struct number, link));
        CHECK_I64(item->value, model[i]);
    }
    CHECK_I64(i, n);
    CHECK(list_empty(head) == (n == 0));
}

static void list_remove_from_model(int *model, size_t *n, int value)
{
    size_t keep = 0;
    for (size_t i = 0; i < *n; i++) {
        if (model[i] != value)
            model[keep++] = model[i];
    }
    *n = keep;
}

static void list_like_an_array(void **state)
{
    (void)state;
    enum { ITEMS = 20 };
    struct number items[ITEMS];
    int model[ITEMS + 1];
    size_t n = 0;
    struct list head;
    list_init(&head);
    for (int i = 0; i < ITEMS; i++) {
        items[i].value = i;
        list_init(&items[i].link);
    }
    for (int step = 0; step < STEPS; step++) {
        int k = (int)check_random_below(ITEMS);
        list_remove(&items[k].link); /* harmless when it is in no list */
        list_remove_from_model(model, &n, k);
        switch (check_random_below(3)) {
        case 0:
            list_push_back(&head, &items[k].link);
            model[n++] = k;
            break;
        case 1:
            list_push_front(&head, &items[k].link);
            memmove(model + 1, model, n++ * sizeof *model);
            model[0] = k;
            break;
        }
        check_list_is(&head, model, n);
    }
    LIST_EACH (&head, l) {
        if (LIST_ITEM(l, struct number, link)->value % 2) {
            list_remove_from_model(model, &n, LIST_ITEM(l, struct number, link)->value);
            list_remove(l);
        }
    }
    check_list_is(&head, model, n);
}

VEC_TYPE(i64_vec, int64_t);

static void vec_like_a_stack(void **state)
{
    (void)state;
    static int64_t model[STEPS];
    size_t n = 0;
    struct i64_vec v = { 0 };
    for (int step = 0; step < STEPS; step++) {
        if (n && check_random_below(3) == 0) {
            CHECK_I64(i64_vec_pop(&v), model[--n]);
        } else {
            model[n] = (int64_t)check_random();
            CHECK_I64(*i64_vec_push(&v, model[n]), model[n]);
            n++;
        }
        CHECK_I64(v.n, n);
    }
    CHECK(memcmp(v.items, model, n * sizeof *model) == 0);
    i64_vec_clear(&v);
    CHECK_I64(v.n, 0);
    i64_vec_fini(&v);
    CHECK(v.items == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_like_an_array_of_slots),
        cmocka_unit_test(map_edge_cases),
        cmocka_unit_test(map_copy_in_table_order_stays_fast),
        cmocka_unit_test(heap_like_a_linear_scan),
        cmocka_unit_test(ring_like_a_moving_window),
        cmocka_unit_test(list_like_an_array),
        cmocka_unit_test(vec_like_a_stack),
    };
    return CHECK_MAIN(tests);
}
