/* SPDX-License-Identifier: Apache-2.0
 * gpu_price — column generation for cutting stock. The basis holds n patterns (how many of each
 * size one GPU is cut into); its duals price the sizes; a knapsack over these prices finds the
 * pattern worth most. While that is worth more than one GPU, it enters the basis. */
#include "scheduler/devices/gpu_price.h"

#include <assert.h>
#include <string.h>

#define EPSILON 1e-9
#define PIVOTS_MAX 300 /* a good price early beats the exact one late; see the scaling below */

struct basis {
    const struct gpu_size *sizes;
    size_t n;
    double inverse[GPU_PRICE_SIZES][GPU_PRICE_SIZES];
    double amount[GPU_PRICE_SIZES]; /* how often each pattern is used */
    double price[GPU_PRICE_SIZES];  /* of each size */
};

static void basis_init(struct basis *b, const struct gpu_size *sizes, size_t n)
{
    *b = (struct basis){ .sizes = sizes, .n = n };
    for (size_t i = 0; i < n; i++) { /* pattern i: a GPU full of size i */
        double fits = GPU_WHOLE / sizes[i].milli;
        b->inverse[i][i] = 1 / fits;
        b->amount[i] = sizes[i].demand / fits;
    }
}

static void set_prices(struct basis *b)
{
    for (size_t j = 0; j < b->n; j++) {
        b->price[j] = 0;
        for (size_t i = 0; i < b->n; i++)
            b->price[j] += b->inverse[i][j];
    }
}

/* The unbounded knapsack for all remainders at once; last[r] is a size that an optimum takes. */
static void knapsack(const struct basis *b, double *value, uint8_t *last)
{
    value[0] = 0;
    memset(last, GPU_PRICE_SIZES, GPU_WHOLE + 1);
    for (int32_t r = 1; r <= GPU_WHOLE; r++) {
        value[r] = value[r - 1];
        for (size_t i = 0; i < b->n; i++) {
            int32_t s = b->sizes[i].milli;
            if (s > r || value[r - s] + b->price[i] <= value[r] + EPSILON)
                continue;
            value[r] = value[r - s] + b->price[i];
            last[r] = (uint8_t)i;
        }
    }
}

static void pattern_of(const struct basis *b, const uint8_t *last, double *pattern)
{
    memset(pattern, 0, b->n * sizeof *pattern);
    for (int32_t r = GPU_WHOLE; r > 0;) {
        if (last[r] == GPU_PRICE_SIZES) {
            r--;
            continue;
        }
        pattern[last[r]]++;
        r -= b->sizes[last[r]].milli;
    }
}

/* Lets the pattern enter the basis in place of the one that runs out first. False: none does. */
static bool pivot(struct basis *b, const double *pattern)
{
    double change[GPU_PRICE_SIZES], step = 0;
    size_t out = b->n;
    for (size_t i = 0; i < b->n; i++) {
        change[i] = 0;
        for (size_t j = 0; j < b->n; j++)
            change[i] += b->inverse[i][j] * pattern[j];
        if (change[i] > EPSILON && (out == b->n || b->amount[i] / change[i] < step)) {
            step = b->amount[i] / change[i];
            out = i;
        }
    }
    if (out == b->n)
        return false;
    for (size_t j = 0; j < b->n; j++)
        b->inverse[out][j] /= change[out];
    for (size_t i = 0; i < b->n; i++) {
        for (size_t j = 0; i != out && j < b->n; j++)
            b->inverse[i][j] -= change[i] * b->inverse[out][j];
        b->amount[i] -= i == out ? 0 : change[i] * step;
    }
    b->amount[out] = step;
    return true;
}

void gpu_price_solve(struct gpu_price *p, const struct gpu_size *sizes, size_t n)
{
    struct basis b;
    uint8_t last[GPU_WHOLE + 1];
    double pattern[GPU_PRICE_SIZES];
    assert(n <= GPU_PRICE_SIZES);
    basis_init(&b, sizes, n);
    for (int i = 0; i < PIVOTS_MAX; i++) {
        set_prices(&b);
        knapsack(&b, p->value, last);
        if (p->value[GPU_WHOLE] <= 1 + 1e-6)
            break;
        pattern_of(&b, last, pattern);
        if (!pivot(&b, pattern))
            break;
    }
    /* Divided by the best pattern's worth, prices are feasible even before the last pivot
     * (Farley's bound). */
    double scale = p->value[GPU_WHOLE];
    for (int32_t r = 0; scale > 0 && r <= GPU_WHOLE; r++)
        p->value[r] /= scale;
}
