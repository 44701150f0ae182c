/* SPDX-License-Identifier: Apache-2.0
 * secret — see secret.h. */
#include "io/secret.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void secret_hmac(uint8_t out[SECRET_HMAC_BYTES], struct str key, struct str text)
{
    assert(key.n <= INT_MAX);
    unsigned int n = 0;
    const unsigned char *done =
        HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)text.p, text.n, out, &n);
    assert(done && n == SECRET_HMAC_BYTES); /* fails only without memory */
}

bool secret_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
