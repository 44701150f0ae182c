/* SPDX-License-Identifier: Apache-2.0
 * driver — runs a fuzz target over the files of its corpus, as an ordinary test. Each input is also
 * tried cut short at every length up to 256 and with each of its first 256 bytes changed, so that
 * a small corpus still walks the error paths; a target that knows the form of its inputs makes more
 * of each. Stands in for libFuzzer's main. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20, VARIANTS = 256, FORMS = 100, FORM_CHANGES = 6, FORM_BYTES_MAX = 4096 };

#pragma weak LLVMFuzzerCustomMutator

/* A copy of exactly n bytes, so that AddressSanitizer sees a read past the end. */
static void try_input(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void try_variants(uint8_t *data, size_t n)
{
    try_input(data, n);
    for (size_t i = 0; i < n && i < VARIANTS; i++) {
        try_input(data, i);
        uint8_t kept = data[i];
        data[i] = (uint8_t)(kept ^ 0x20);
        try_input(data, n);
        data[i] = 0xff;
        try_input(data, n);
        data[i] = kept;
    }
}

/* What the target itself makes of the input, step by step. */
static void try_forms(const uint8_t *data, size_t n)
{
    uint8_t *form = malloc(FORM_BYTES_MAX);
    if (!form)
        abort();
    for (unsigned int i = 0; LLVMFuzzerCustomMutator && i < FORMS && n <= FORM_BYTES_MAX; i++) {
        size_t length = n;
        memcpy(form, data, n);
        for (unsigned int k = 0; k < FORM_CHANGES; k++) {
            length = LLVMFuzzerCustomMutator(form, length, FORM_BYTES_MAX, i * FORM_CHANGES + k);
            if (k % 2)
                try_input(form, length);
        }
    }
    free(form);
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    uint8_t *data = malloc(INPUT_MAX);
    if (!data)
        abort();
    size_t n = fread(data, 1, INPUT_MAX, f);
    fclose(f);
    printf("%s: %zu bytes\n", path, n);
    fflush(stdout); /* so that a crash says where */
    try_variants(data, n);
    try_forms(data, n);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    int files = 0, failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char path[4096];
        struct stat st;
        int len = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (len < 0 || (size_t)len >= sizeof path || stat(path, &st) || !S_ISREG(st.st_mode))
            continue;
        files++;
        failed += run_file(path) != 0;
    }
    closedir(dir);
    printf("%d files, %d unreadable\n", files, failed);
    return files == 0 || failed;
}
