/* SPDX-License-Identifier: Apache-2.0
 * port_holders — see port_holders.h. A line of the table, as proc(5) has it:
 *   sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
 * with addresses as hexadecimal words and ports behind a colon; st 0A is LISTEN. */
#include "node/executor/port_holders.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/file.h"

#define TABLE_BYTES_MAX ((size_t)4 << 20)
#define INODE_COLUMN 9

/* The next word of a line that separates words by any number of spaces. */
static struct str word(struct str *line)
{
    struct str w = { 0 };
    do
        w = str_split(line, ' ');
    while (w.p && !w.n);
    return w;
}

static bool hex(struct str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = char_hex(s.p[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return s.n > 0;
}

/* 0.0.0.0, [::], and [::ffff:0.0.0.0] */
static bool everywhere(struct str address)
{
    for (size_t i = 0; i < address.n; i++)
        if (address.p[i] != '0' && !(address.n == 32 && i >= 16 && i < 24))
            return false;
    return address.n == 8 || str_is(str_make(address.p + 16, 8), "00000000") ||
           str_is(str_make(address.p + 16, 8), "FFFF0000");
}

static bool parse_line(struct str line, struct port_holder *out)
{
    uint64_t port;
    word(&line);
    struct str local = word(&line), address = str_split(&local, ':');
    word(&line);
    if (!str_is(word(&line), "0A") || (address.n != 8 && address.n != 32) || !hex(local, &port) ||
        port > UINT16_MAX)
        return false;
    struct str inode = { 0 };
    for (int column = 4; column <= INODE_COLUMN; column++)
        inode = word(&line);
    *out = (struct port_holder){ .port = (uint16_t)port, .everywhere = everywhere(address) };
    return str_to_u64(inode, &out->inode);
}

void port_holders_parse(struct port_holders *out, struct str text)
{
    struct port_holder one;
    while (text.p && out->n < PORT_HOLDERS_MAX)
        if (parse_line(str_split(&text, '\n'), &one))
            port_holders_push(out, one);
}

void port_holders_read(struct port_holders *out)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct buf b;
        buf_init(&b, TABLE_BYTES_MAX);
        file_read(&b, tables[i], NULL); /* a table that is too long: what was read will do */
        port_holders_parse(out, buf_view(&b));
        buf_fini(&b);
    }
}

/* ---- owners ---- */

static bool has_socket(const char *pid, const char *socket)
{
    char path[300], target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d)) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", pid, e->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, socket) == 0;
    }
    if (d)
        closedir(d);
    return found;
}

/* "PID (NAME) STATE PPID PGRP SESSION …" */
static bool describe(const char *pid, struct port_owner *out)
{
    char path[64];
    struct buf b;
    buf_init(&b, 4096);
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    bool ok = file_read(&b, path, NULL) == 0;
    const char *open = ok ? strchr(b.p, '(') : NULL, *close = ok ? strrchr(b.p, ')') : NULL;
    ok = open && close && close > open;
    if (ok) {
        struct str rest = str_from(close + 1);
        *out = (struct port_owner){ .pid = strtoll(pid, NULL, 10) };
        snprintf(out->name, sizeof out->name, "%.*s", (int)(close - open - 1), open + 1);
        word(&rest);
        word(&rest);
        word(&rest);
        ok = str_to_i64(word(&rest), &out->session);
    }
    buf_fini(&b);
    return ok;
}

bool port_holders_owner(uint64_t inode, struct port_owner *out)
{
    char socket[40];
    bool found = false;
    snprintf(socket, sizeof socket, "socket:[%llu]", (unsigned long long)inode);
    DIR *d = opendir("/proc");
    for (struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d))
        found = char_is_digit(e->d_name[0]) && has_socket(e->d_name, socket) &&
                describe(e->d_name, out);
    if (d)
        closedir(d);
    return found;
}
