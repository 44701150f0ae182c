/* SPDX-License-Identifier: Apache-2.0
 * nearest — see nearest.h. Levenshtein distance, where swapping two neighbours is one edit too
 * (optimal string alignment). */
#include "base/nearest.h"

#define NAME_MAX_COMPARED 40

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t distance(struct str a, struct str b)
{
    size_t d[NAME_MAX_COMPARED + 1][NAME_MAX_COMPARED + 1]; /* between the first i and first j */
    if (a.n > NAME_MAX_COMPARED || b.n > NAME_MAX_COMPARED)
        return NAME_MAX_COMPARED;
    for (size_t i = 0; i <= a.n; i++) {
        for (size_t j = 0; j <= b.n; j++) {
            d[i][j] = i + j; /* of an empty text: insert all */
            if (!i || !j)
                continue;
            d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
                            d[i - 1][j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1, d[i][j]);
        }
    }
    return d[a.n][b.n];
}

struct nearest nearest_to(struct str word)
{
    return (struct nearest){ .word = word, .distance = word.n / 2 + 1 };
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t d = distance(n->word, str_from(candidate));
    if (d >= n->distance)
        return;
    n->distance = d;
    n->name = candidate;
}
