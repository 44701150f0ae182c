/* SPDX-License-Identifier: Apache-2.0
 * dataset — the pictures that the example learns from, read from the text file that
 * make_digits.py writes. The last sixth of them is kept back to test with. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PIXELS = 64, CLASSES = 10, SAMPLES_MAX = 100000 };

struct sample {
    float pixel[PIXELS]; /* 0 white to 1 black */
    uint8_t label;
};

struct dataset {
    struct sample *samples;
    size_t train_n; /* samples[0 .. train_n) are for training, the rest for testing */
    size_t n;
};

/* Reads `path`. On failure returns -1 and prints which line is wrong to stderr. */
int dataset_load(struct dataset *d, const char *path);
void dataset_fini(struct dataset *d);
