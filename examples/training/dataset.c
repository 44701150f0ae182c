/* SPDX-License-Identifier: Apache-2.0
 * dataset — reads the text file, one picture a line. */
#include "dataset.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* "7 00f3..." into a sample. */
static bool parse_line(const char *line, struct sample *out)
{
    if (strlen(line) != 2 + PIXELS + 1 || line[0] < '0' || line[0] > '9' || line[1] != ' ' ||
        line[2 + PIXELS] != '\n')
        return false;
    out->label = (uint8_t)(line[0] - '0');
    for (size_t i = 0; i < PIXELS; i++) {
        int v = hex_value(line[2 + i]);
        if (v < 0)
            return false;
        out->pixel[i] = (float)v / 15.0f;
    }
    return true;
}

static int read_samples(struct dataset *d, FILE *f, const char *path)
{
    char line[256];
    size_t cap = 0;
    for (size_t number = 1; fgets(line, sizeof line, f); number++) {
        if (line[0] == '#')
            continue;
        if (d->n == cap) {
            cap = cap ? 2 * cap : 1024;
            struct sample *grown =
                cap <= SAMPLES_MAX ? realloc(d->samples, cap * sizeof *grown) : NULL;
            if (!grown) {
                fprintf(stderr, "%s: too many samples\n", path);
                return -1;
            }
            d->samples = grown;
        }
        if (!parse_line(line, &d->samples[d->n])) {
            fprintf(stderr, "%s:%zu: want a digit, a space and %d hex digits\n", path, number,
                    PIXELS);
            return -1;
        }
        d->n++;
    }
    return 0;
}

int dataset_load(struct dataset *d, const char *path)
{
    *d = (struct dataset){ 0 };
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return -1;
    }
    int rc = read_samples(d, f, path);
    fclose(f);
    d->train_n = d->n - d->n / 6;
    if (rc || d->n < 6) {
        if (!rc)
            fprintf(stderr, "%s: too few samples\n", path);
        dataset_fini(d);
        return -1;
    }
    return 0;
}

void dataset_fini(struct dataset *d)
{
    free(d->samples);
    *d = (struct dataset){ 0 };
}
