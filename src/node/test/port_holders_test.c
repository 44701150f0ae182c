/* SPDX-License-Identifier: Apache-2.0
 * Who listens where: tables as the kernel writes them, and a socket of our own. */
#include "node/executor/port_holders.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testkit/check.h"

#define HEAD                                                                                       \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 "

static void tables_are_read(void **state)
{
    static const struct {
        const char *line;
        int64_t port; /* -1: no listener */
        bool everywhere;
    } rows[] = {
        { "   0: 00000000:1F90 00000000:0000 0A" REST "4711 1 0 100 0 0 10 0\n", 8080, true },
        { "   1: 0100407F:1F90 00000000:0000 0A" REST "4711 1 0 100 0 0 10 0\n", 8080, false },
        { "  12: 00000000:1F90 00000000:0000 01" REST "4711 1 0\n", -1, false },
        { "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 "
          "0A" REST "4711 1\n",
          22, true },
        { "   0: 0000000000000000FFFF000000000000:0016 00000000000000000000000000000000:0000 "
          "0A" REST "4711 1\n",
          22, true },
        { "   0: 0000000000000000FFFF00000100007F:0016 00000000000000000000000000000000:0000 "
          "0A" REST "4711 1\n",
          22, false },
        { "   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 "
          "0A" REST "4711 1\n",
          22, false },
        { "   0: 00000000:XXXX 00000000:0000 0A" REST "4711\n", -1, false },
        { "   0: 00000000:1F90 00000000:0000 0A\n", -1, false },
        { "   0:\n", -1, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[600];
        struct port_holders got = { 0 };
        snprintf(text, sizeof text, HEAD "%s", rows[i].line);
        port_holders_parse(&got, str_from(text));
        CHECK_I64(got.n, rows[i].port >= 0);
        if (got.n) {
            CHECK_I64(got.items[0].port, rows[i].port);
            CHECK_I64(got.items[0].everywhere, rows[i].everywhere);
            CHECK_I64(got.items[0].inode, 4711);
        }
        port_holders_fini(&got);
    }
}

static void a_listener_of_ours_is_found(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    struct port_holders all = { 0 };
    struct port_owner owner = { 0 };
    uint64_t inode = 0;
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    port_holders_read(&all);
    for (size_t i = 0; i < all.n; i++)
        if (all.items[i].port == ntohs(a.sin_port))
            inode = all.items[i].inode;
    CHECK(inode != 0);
    CHECK(port_holders_owner(inode, &owner));
    CHECK_I64(owner.pid, getpid());
    CHECK_I64(owner.session, getsid(0));
    close(fd);
    CHECK(!port_holders_owner(inode, &owner));
    port_holders_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read),
        cmocka_unit_test(a_listener_of_ours_is_found),
    };
    return CHECK_MAIN(tests);
}
