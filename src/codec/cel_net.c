/* SPDX-License-Identifier: Apache-2.0
 * cel_net — Kubernetes' ip, cidr and url libraries. Addresses are strict: no leading zeroes, no
 * zones, no IPv4 inside IPv6. */
#include <arpa/inet.h>
#include <string.h>

#include "codec/cel_internal.h"

struct cel_address {
    unsigned char bytes[16];
    size_t n;      /* 4 or 16 */
    unsigned bits; /* of a CIDR's prefix */
};

static bool parse_ip(struct str s, struct cel_address *out)
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    char text[INET6_ADDRSTRLEN];
    *out = (struct cel_address){ 0 };
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    bool v6 = str_find_char(s, ':') >= 0;
    out->n = v6 ? 16 : 4;
    out->bits = v6 ? 128 : 32;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, text, out->bytes) != 1)
        return false;
    return !v6 || memcmp(out->bytes, mapped, sizeof mapped) != 0;
}

static bool parse_cidr(struct str s, struct cel_address *out)
{
    ptrdiff_t slash = str_find_char(s, '/');
    uint64_t bits;
    if (slash < 0 || !parse_ip(str_take(s, (size_t)slash), out))
        return false;
    struct str text = str_skip(s, (size_t)slash + 1);
    if (text.n > 3 || (text.n > 1 && text.p[0] == '0') || !str_to_u64(text, &bits) ||
        bits > out->n * 8)
        return false;
    out->bits = (unsigned)bits;
    return true;
}

static struct cel_value
address_value(struct cel_state *e, const struct cel_address *address, enum cel_kind kind)
{
    struct cel_address *copy = ARENA_NEW(e->a, struct cel_address);
    *copy = *address;
    return (struct cel_value){ .kind = kind, .address = copy };
}

struct str cel_address_text(struct arena *a, const struct cel_value *v)
{
    char text[INET6_ADDRSTRLEN];
    const struct cel_address *at = v->address;
    inet_ntop(at->n == 16 ? AF_INET6 : AF_INET, at->bytes, text, sizeof text);
    if (v->kind == CEL_CIDR)
        return arena_printf(a, "%s/%u", text, at->bits);
    return arena_printf(a, "%s", text);
}

bool cel_address_equal(const struct cel_value *x, const struct cel_value *y)
{
    const struct cel_address *a = x->address, *b = y->address;
    return a->n == b->n && a->bits == b->bits && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Are the first `bits` bits of both the same? */
static bool same_prefix(const struct cel_address *a, const struct cel_address *b, unsigned bits)
{
    if (a->n != b->n)
        return false;
    size_t whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    unsigned mask = rest ? 0xffu << (8 - rest) & 0xffu : 0;
    return !rest || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0;
}

/* ---- ip ---- */

CEL_FN(ip_of)
{
    struct cel_address a;
    return parse_ip(v[0].s, &a)
               ? address_value(e, &a, CEL_IP)
               : cel_error(e, "IP Address %.*s parse error", STR_ARG(str_take(v[0].s, 60)));
}

CEL_FN(is_ip)
{
    struct cel_address a;
    (void)e;
    return cel_bool(parse_ip(v[0].s, &a));
}

CEL_FN(is_canonical)
{
    struct cel_value ip = ip_of(e, v);
    return cel_is_error(&ip) ? ip : cel_bool(str_eq(cel_address_text(e->a, &ip), v[0].s));
}

CEL_FN(family)
{
    (void)e;
    return cel_int(v[0].address->n == 16 ? 6 : 4);
}

static bool all_zero(const struct cel_address *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a->bytes[i])
            return false;
    }
    return true;
}

CEL_FN(is_unspecified)
{
    (void)e;
    return cel_bool(all_zero(v[0].address, v[0].address->n));
}

static bool loopback(const struct cel_address *a)
{
    return a->n == 4 ? a->bytes[0] == 127 : all_zero(a, 15) && a->bytes[15] == 1;
}

static bool link_local_multicast(const struct cel_address *a)
{
    return a->n == 4 ? a->bytes[0] == 224 && a->bytes[1] == 0 && a->bytes[2] == 0
                     : a->bytes[0] == 0xff && (a->bytes[1] & 0x0f) == 2;
}

static bool link_local_unicast(const struct cel_address *a)
{
    return a->n == 4 ? a->bytes[0] == 169 && a->bytes[1] == 254
                     : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool multicast(const struct cel_address *a)
{
    return a->n == 4 ? (a->bytes[0] & 0xf0) == 224 : a->bytes[0] == 0xff;
}

static bool broadcast(const struct cel_address *a)
{
    return a->n == 4 && memcmp(a->bytes, "\xff\xff\xff\xff", 4) == 0;
}

CEL_FN(is_loopback)
{
    (void)e;
    return cel_bool(loopback(v[0].address));
}

CEL_FN(is_link_local_multicast)
{
    (void)e;
    return cel_bool(link_local_multicast(v[0].address));
}

CEL_FN(is_link_local_unicast)
{
    (void)e;
    return cel_bool(link_local_unicast(v[0].address));
}

CEL_FN(is_global_unicast)
{
    const struct cel_address *a = v[0].address;
    (void)e;
    return cel_bool(!all_zero(a, a->n) && !loopback(a) && !multicast(a) && !link_local_unicast(a) &&
                    !broadcast(a));
}

/* ---- cidr ---- */

CEL_FN(cidr_of)
{
    struct cel_address a;
    return parse_cidr(v[0].s, &a)
               ? address_value(e, &a, CEL_CIDR)
               : cel_error(e, "network address parse error during conversion from string: %.*s",
                           STR_ARG(str_take(v[0].s, 60)));
}

CEL_FN(is_cidr)
{
    struct cel_address a;
    (void)e;
    return cel_bool(parse_cidr(v[0].s, &a));
}

CEL_FN(contains_ip)
{
    (void)e;
    return cel_bool(same_prefix(v[0].address, v[1].address, v[0].address->bits));
}

CEL_FN(contains_ip_text)
{
    struct cel_value args[2] = { v[0], ip_of(e, &v[1]) };
    return cel_is_error(&args[1]) ? args[1] : contains_ip(e, args);
}

CEL_FN(contains_cidr)
{
    (void)e;
    const struct cel_address *a = v[0].address, *b = v[1].address;
    return cel_bool(b->bits >= a->bits && same_prefix(a, b, a->bits));
}

CEL_FN(contains_cidr_text)
{
    struct cel_value args[2] = { v[0], cidr_of(e, &v[1]) };
    return cel_is_error(&args[1]) ? args[1] : contains_cidr(e, args);
}

CEL_FN(ip_of_cidr)
{
    struct cel_address a = *v[0].address;
    a.bits = (unsigned)a.n * 8;
    return address_value(e, &a, CEL_IP);
}

CEL_FN(masked)
{
    struct cel_address a = *v[0].address;
    for (unsigned i = a.bits; i < a.n * 8; i++)
        a.bytes[i / 8] = (unsigned char)(a.bytes[i / 8] & ~(0x80u >> (i % 8)));
    return address_value(e, &a, CEL_CIDR);
}

CEL_FN(prefix_length)
{
    (void)e;
    return cel_int(v[0].address->bits);
}

static const struct cel_overload net_rows[] = {
    { "ip", "s", 'a', false, ip_of },
    { "isIP", "s", 'b', false, is_ip },
    { "ip.isCanonical", "s", 'b', false, is_canonical },
    { "family", "a", 'i', true, family },
    { "isUnspecified", "a", 'b', true, is_unspecified },
    { "isLoopback", "a", 'b', true, is_loopback },
    { "isLinkLocalMulticast", "a", 'b', true, is_link_local_multicast },
    { "isLinkLocalUnicast", "a", 'b', true, is_link_local_unicast },
    { "isGlobalUnicast", "a", 'b', true, is_global_unicast },
    { "cidr", "s", 'c', false, cidr_of },
    { "isCIDR", "s", 'b', false, is_cidr },
    { "containsIP", "ca", 'b', true, contains_ip },
    { "containsIP", "cs", 'b', true, contains_ip_text },
    { "containsCIDR", "cc", 'b', true, contains_cidr },
    { "containsCIDR", "cs", 'b', true, contains_cidr_text },
    { "ip", "c", 'a', true, ip_of_cidr },
    { "masked", "c", 'c', true, masked },
    { "prefixLength", "c", 'i', true, prefix_length },
};

const struct cel_library cel_lib_net = { net_rows, COUNT_OF(net_rows) };
