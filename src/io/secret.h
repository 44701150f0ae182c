/* SPDX-License-Identifier: Apache-2.0
 * secret — what OpenSSL does for secrets beside TLS: keyed digests, and comparing without telling
 * by the time taken where the first difference is. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SECRET_HMAC_BYTES 32

/* HMAC-SHA-256 (RFC 2104, FIPS 180-4). */
void secret_hmac(uint8_t out[SECRET_HMAC_BYTES], struct str key, struct str text);
bool secret_equal(struct str a, struct str b);
