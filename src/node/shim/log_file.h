/* SPDX-License-Identifier: Apache-2.0
 * log_file — a container's log in the CRI format, one line of output a line:
 * "2026-11-22T03:39:16.123456789Z stdout F text". A line longer than LOG_LINE_MAX is cut into parts
 * marked P, the last one F. The file rotates by size: N.log becomes N.log.1, older ones move on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 16384

struct log_stream { /* one of stdout and stderr */
    int fd;         /* our end of the pipe; -1: closed */
    const char *name;
    size_t n; /* of the unfinished line */
    char line[LOG_LINE_MAX];
};

struct log_file {
    int fd; /* -1: could not be opened, output is dropped */
    int64_t written, bytes_max, files_max;
    char path[512]; /* below the working directory */
    struct log_stream streams[2];
};

/* Opens logs/NAME/ATTEMPT.log and removes the logs of runs before the previous one. */
void log_file_open(struct log_file *l, const char *name, int64_t attempt);
/* Reads what is there into the file; false at the end of the stream (its descriptor is closed). */
bool log_file_pump(struct log_file *l, struct log_stream *s);
/* Pumps both streams dry, writes unfinished lines, closes everything. */
void log_file_close(struct log_file *l);
