/* SPDX-License-Identifier: Apache-2.0
 * uuid — the text of a version 4 UUID (RFC 9562) from random bytes that the caller brings, because
 * only io/ knows randomness. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define UUID_TEXT_LEN 36

/* "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"; `out` gets a closing NUL. Version and variant bits
 * replace six of the 128 random ones. */
struct str uuid_text(char out[UUID_TEXT_LEN + 1], const uint8_t random[16]);

/* Whether s has the form of a UUID of any version, in either case. */
bool uuid_is(struct str s);
