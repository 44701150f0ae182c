/* SPDX-License-Identifier: Apache-2.0
 * probe_grpc — see probe_grpc.h. A gRPC message is framed by one byte (compressed?) and its length
 * in four, big-endian. Messages are protobuf: a key (number << 3 | type), then a value. */
#include "node/executor/probe_grpc.h"

#include <inttypes.h>

enum { FRAME_BYTES = 5, SERVICE_MAX = 4096 };
enum { TYPE_VARINT = 0, TYPE_I64 = 1, TYPE_BYTES = 2, TYPE_I32 = 5 };
enum { CODE_OK = 0, CODE_DEADLINE_EXCEEDED = 4, CODE_UNIMPLEMENTED = 12 };
enum { SERVING = 1 };

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_char(out, (char)(v | 0x80));
    buf_char(out, (char)v);
}

void probe_grpc_request(struct buf *out, struct str service)
{
    struct buf message;
    buf_init(&message, SERVICE_MAX + 16);
    if (service.n && service.n <= SERVICE_MAX) {
        put_varint(&message, 1 << 3 | TYPE_BYTES);
        put_varint(&message, service.n);
        buf_str(&message, service);
    }
    const char head[FRAME_BYTES] = { 0, (char)(message.n >> 24), (char)(message.n >> 16),
                                     (char)(message.n >> 8), (char)message.n };
    buf_put(out, head, sizeof head);
    buf_str(out, buf_view(&message));
    buf_fini(&message);
}

/* ---- the answer ---- */

static bool take_varint(struct str *rest, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && rest->n; shift += 7) {
        uint8_t byte = (uint8_t)rest->p[0];
        *rest = str_skip(*rest, 1);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool skip_value(struct str *rest, unsigned type)
{
    uint64_t n = 0;
    if (type == TYPE_VARINT)
        return take_varint(rest, &n);
    if (type == TYPE_BYTES && !take_varint(rest, &n))
        return false;
    if (type == TYPE_I64 || type == TYPE_I32)
        n = type == TYPE_I64 ? 8 : 4;
    if ((type != TYPE_BYTES && !n) || n > rest->n)
        return false;
    *rest = str_skip(*rest, n);
    return true;
}

/* HealthCheckResponse { ServingStatus status = 1; }: absent is 0, UNKNOWN. */
static bool read_status(struct str body, uint64_t *out)
{
    *out = 0;
    if (body.n < FRAME_BYTES || body.p[0] != 0)
        return false;
    const uint8_t *b = (const uint8_t *)body.p;
    size_t n = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
    struct str rest = str_skip(body, FRAME_BYTES);
    if (n != rest.n)
        return false;
    while (rest.n) {
        uint64_t key;
        if (!take_varint(&rest, &key))
            return false;
        bool ok = key == (1 << 3 | TYPE_VARINT) ? take_varint(&rest, out)
                                                : skip_value(&rest, (unsigned)(key & 7));
        if (!ok)
            return false;
    }
    return true;
}

static struct str
rpc_trouble(struct arena *a, const struct probe_grpc_answer *x, int64_t code, int64_t timeout_ms)
{
    if (code == CODE_UNIMPLEMENTED)
        return arena_printf(a,
                            "error: this server does not implement the grpc health protocol "
                            "(grpc.health.v1.Health): %.*s",
                            STR_ARG(x->message));
    if (code == CODE_DEADLINE_EXCEEDED)
        return arena_printf(a, "timeout: health rpc did not complete within %" PRId64 "s",
                            timeout_ms / 1000);
    return arena_printf(a,
                        "error: health rpc probe failed: rpc error: code = %" PRId64 " desc = %.*s",
                        code, STR_ARG(x->message));
}

struct str
probe_grpc_trouble(struct arena *a, const struct probe_grpc_answer *x, int64_t timeout_ms)
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
    int64_t code;
    uint64_t status;
    if (x->http_status != 200 || !str_to_i64(x->status, &code))
        return arena_printf(a,
                            "error: health rpc probe failed: unexpected HTTP status code received "
                            "from server: %d",
                            x->http_status);
    if (code != CODE_OK)
        return rpc_trouble(a, x, code, timeout_ms);
    if (!read_status(x->body, &status))
        return STR("error: health rpc probe failed: the answer is malformed");
    if (status == SERVING)
        return (struct str){ 0 };
    if (status < sizeof words / sizeof *words)
        return arena_printf(a, "service unhealthy (responded with \"%s\")", words[status]);
    return arena_printf(a, "service unhealthy (responded with \"%" PRIu64 "\")", status);
}
