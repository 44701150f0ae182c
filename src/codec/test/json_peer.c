/* SPDX-License-Identifier: Apache-2.0
 * json_peer — see json_peer.h. */
#include "codec/test/json_peer.h"

#include <jansson.h>

static void dump(struct buf *out, json_t *v)
{
    const char *key;
    json_t *value;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        buf_char(out, '{');
        json_object_foreach(v, key, value)
        {
            buf_printf(out, "%zu:%s=", strlen(key), key);
            dump(out, value);
        }
        buf_char(out, '}');
        break;
    case JSON_ARRAY:
        buf_char(out, '[');
        json_array_foreach(v, i, value) dump(out, value);
        buf_char(out, ']');
        break;
    case JSON_STRING:
        buf_printf(out, "%zu:", json_string_length(v));
        buf_put(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        buf_printf(out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        buf_printf(out, "%.17g", json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_str(out, json_is_true(v) ? STR("true") : STR("false"));
        break;
    case JSON_NULL:
        buf_str(out, STR("null"));
        break;
    }
    buf_char(out, ';');
}

enum peer_answer json_peer_read(struct buf *out, struct str text)
{
    json_error_t error;
    json_t *v = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!v) {
        enum json_error_code code = json_error_code(&error);
        bool cannot = code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
        return cannot ? PEER_CANNOT : PEER_REFUSED;
    }
    dump(out, v);
    json_decref(v);
    return PEER_OK;
}
