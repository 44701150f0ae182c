/* SPDX-License-Identifier: Apache-2.0
 * uuid — see uuid.h. */
#include "codec/uuid.h"

static bool dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

struct str uuid_text(char out[UUID_TEXT_LEN + 1], const uint8_t random[16])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* the RFC's variant */
    size_t nibble = 0;
    for (size_t i = 0; i < UUID_TEXT_LEN; i++) {
        if (dash_at(i)) {
            out[i] = '-';
            continue;
        }
        out[i] = hex[bytes[nibble / 2] >> (nibble % 2 ? 0 : 4) & 15];
        nibble++;
    }
    out[UUID_TEXT_LEN] = '\0';
    return (struct str){ out, UUID_TEXT_LEN };
}

bool uuid_is(struct str s)
{
    if (s.n != UUID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash_at(i) ? c != '-' : !hex)
            return false;
    }
    return true;
}
