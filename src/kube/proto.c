/* SPDX-License-Identifier: Apache-2.0
 * proto — one recursive walk over the bytes beside the message table. The wire format: a varint key
 * is number << 3 | type; types are 0 varint, 1 eight bytes, 2 a length and bytes, 5 four bytes. */
#include "kube/proto.h"

#include <math.h>
#include <stdio.h>

#include "base/time.h"
#include "codec/base64.h"
#include "kube/schema_internal.h"

enum wire { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_BYTES = 2, WIRE_I32 = 5 };

struct decoder {
    struct arena *a;
    size_t nodes; /* made so far */
    struct err *err;
};

struct value { /* of one field on the wire */
    uint32_t number;
    enum wire wire;
    uint64_t integer; /* VARINT, I64, I32 */
    struct str bytes; /* BYTES */
};

/* ---- the wire ---- */

static int malformed(struct decoder *d, const char *what)
{
    return err_set(d->err, ERR_INVALID, "protobuf: %s", what);
}

static bool read_varint(struct str *in, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 10 && i < in->n; i++) {
        unsigned char byte = (unsigned char)in->p[i];
        if (i == 9 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7F) << 7 * i;
        if (!(byte & 0x80)) {
            *in = str_skip(*in, i + 1);
            *out = v;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct str *in, size_t n, uint64_t *out)
{
    if (in->n < n)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(unsigned char)in->p[i] << 8 * i;
    *in = str_skip(*in, n);
    *out = v;
    return true;
}

static int read_value(struct decoder *d, struct str *in, struct value *v)
{
    uint64_t key, n;
    if (!read_varint(in, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return malformed(d, "bad field key");
    v->number = (uint32_t)(key >> 3);
    v->wire = (enum wire)(key & 7);
    bool good = false;
    if (v->wire == WIRE_VARINT)
        good = read_varint(in, &v->integer);
    else if (v->wire == WIRE_I64)
        good = read_fixed(in, 8, &v->integer);
    else if (v->wire == WIRE_I32)
        good = read_fixed(in, 4, &v->integer);
    else if (v->wire != WIRE_BYTES) /* groups and reserved types: Kubernetes has none */
        return malformed(d, "unknown wire type");
    else if (read_varint(in, &n) && n <= in->n) {
        v->bytes = str_take(*in, (size_t)n);
        *in = str_skip(*in, (size_t)n);
        good = true;
    }
    return good ? 0 : malformed(d, "value is cut short");
}

/* ---- tables ---- */

static const struct proto_message *find_message(struct str name)
{
    size_t lo = 0, hi = proto_table_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(name, proto_table[mid].name);
        if (order == 0)
            return &proto_table[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static const struct proto_field *find_field(const struct proto_message *m, uint32_t number)
{
    size_t lo = 0, hi = m->n_fields;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->fields[mid].number == number)
            return &m->fields[mid];
        if (number < m->fields[mid].number)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* ---- values ---- */

static int decode(struct decoder *d,
                  const struct proto_message *m,
                  struct str bytes,
                  unsigned depth,
                  struct jnode **out);

static struct jnode *base64_node(struct decoder *d, struct str bytes)
{
    struct buf b;
    buf_init(&b, bytes.n / 3 * 4 + 8);
    base64_encode(&b, bytes, BASE64_STD);
    struct jnode *n = jnode_str(d->a, buf_view(&b));
    buf_fini(&b);
    return n;
}

static int double_node(struct decoder *d, uint64_t bits, struct jnode **out)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x))
        return malformed(d, "number is not finite");
    char text[32];
    snprintf(text, sizeof text, "%.17g", x);
    *out = jnode_num(d->a, str_from(text));
    return 0;
}

static enum wire wire_of(enum proto_kind kind)
{
    switch (kind) {
    case PROTO_BOOL:
    case PROTO_INT32:
    case PROTO_INT64:
        return WIRE_VARINT;
    case PROTO_DOUBLE:
        return WIRE_I64;
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_MESSAGE:
        return WIRE_BYTES;
    }
    return WIRE_BYTES;
}

static int field_value(struct decoder *d,
                       const struct proto_field *f,
                       const struct value *v,
                       unsigned depth,
                       struct jnode **out)
{
    if (v->wire != wire_of(f->kind))
        return malformed(d, "field has the wrong wire type");
    if (++d->nodes > PROTO_NODES_MAX)
        return err_set(d->err, ERR_TOO_LARGE, "protobuf: over %d values", PROTO_NODES_MAX);
    switch ((enum proto_kind)f->kind) {
    case PROTO_STRING:
        if (!str_is_utf8(v->bytes))
            return malformed(d, "string is not UTF-8");
        *out = jnode_str(d->a, v->bytes);
        return 0;
    case PROTO_BYTES:
        *out = base64_node(d, v->bytes);
        return 0;
    case PROTO_BOOL:
        *out = jnode_bool(d->a, v->integer != 0);
        return 0;
    case PROTO_INT32:
        *out = jnode_i64(d->a, (int32_t)(uint32_t)v->integer);
        return 0;
    case PROTO_INT64:
        *out = jnode_i64(d->a, (int64_t)v->integer);
        return 0;
    case PROTO_DOUBLE:
        return double_node(d, v->integer, out);
    case PROTO_MESSAGE:
        return decode(d, f->message, v->bytes, depth + 1, out);
    }
    return malformed(d, "unknown kind");
}

/* A map entry is a message {1: key, 2: value}. */
static int map_entry(struct decoder *d,
                     const struct proto_field *f,
                     struct str bytes,
                     unsigned depth,
                     struct jnode *map)
{
    struct str key = STR("");
    struct jnode *node = NULL;
    while (bytes.n > 0) {
        struct value v = { 0 };
        if (read_value(d, &bytes, &v) < 0)
            return -1;
        if (v.number == 1 && v.wire == WIRE_BYTES)
            key = v.bytes;
        else if (v.number == 2 && field_value(d, f, &v, depth, &node) < 0)
            return -1;
    }
    if (!str_is_utf8(key))
        return malformed(d, "map key is not UTF-8");
    struct value empty = { .wire = wire_of(f->kind) };
    if (!node && field_value(d, f, &empty, depth, &node) < 0)
        return -1;
    jnode_set(map, key, node);
    return 0;
}

/* ---- messages ---- */

/* A second occurrence of a plain message merges into the first, by proto2. */
static void set_merging(struct jnode *obj, struct str name, struct jnode *node)
{
    struct jnode *have = jnode_get(obj, name);
    if (jnode_type(have) != JSON_OBJ || jnode_type(node) != JSON_OBJ) {
        jnode_set(obj, name, node);
        return;
    }
    for (size_t i = 0; i < jnode_len(node); i++)
        set_merging(have, jnode_key_at(node, i), jnode_value_at(node, i));
}

static int fields_into(struct decoder *d,
                       const struct proto_message *m,
                       struct str bytes,
                       unsigned depth,
                       struct jnode *obj);

static int put_field(struct decoder *d,
                     const struct proto_field *f,
                     const struct value *v,
                     unsigned depth,
                     struct jnode *obj)
{
    struct str name = str_from(f->name);
    if (f->flags & (PROTO_MAP | PROTO_INLINE) && v->wire != WIRE_BYTES)
        return malformed(d, "field has the wrong wire type");
    if (f->flags & PROTO_MAP)
        return map_entry(d, f, v->bytes, depth, jnode_need_obj(obj, name));
    if (f->flags & PROTO_INLINE)
        return fields_into(d, f->message, v->bytes, depth + 1, obj);
    struct jnode *node;
    if (field_value(d, f, v, depth, &node) < 0)
        return -1;
    if (f->flags & PROTO_REPEATED)
        jnode_append(jnode_need_arr(obj, name), node);
    else
        set_merging(obj, name, node);
    return 0;
}

/* A repeated scalar may come packed: many varints in one run of bytes. */
static int
put_packed(struct decoder *d, const struct proto_field *f, struct str bytes, struct jnode *obj)
{
    while (bytes.n > 0) {
        struct value v = { .number = f->number, .wire = wire_of(f->kind) };
        bool good = v.wire == WIRE_VARINT ? read_varint(&bytes, &v.integer)
                                          : read_fixed(&bytes, 8, &v.integer);
        if (!good)
            return malformed(d, "value is cut short");
        if (put_field(d, f, &v, 0, obj) < 0)
            return -1;
    }
    return 0;
}

static int fields_into(struct decoder *d,
                       const struct proto_message *m,
                       struct str bytes,
                       unsigned depth,
                       struct jnode *obj)
{
    if (depth > PROTO_DEPTH_MAX)
        return err_set(d->err, ERR_TOO_LARGE, "protobuf: nested deeper than %d", PROTO_DEPTH_MAX);
    while (bytes.n > 0) {
        struct value v = { 0 };
        if (read_value(d, &bytes, &v) < 0)
            return -1;
        const struct proto_field *f = find_field(m, v.number);
        if (!f)
            continue;
        bool packed =
            (f->flags & PROTO_REPEATED) && v.wire == WIRE_BYTES && wire_of(f->kind) != WIRE_BYTES;
        int rc = packed ? put_packed(d, f, v.bytes, obj) : put_field(d, f, &v, depth, obj);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- messages that are something else in JSON ---- */

static int time_node(struct decoder *d, struct jnode *fields, bool micro, struct jnode **out)
{
    int64_t s = 0, ns = 0;
    jnode_to_i64(jnode_get(fields, STR("seconds")), &s);
    jnode_to_i64(jnode_get(fields, STR("nanos")), &ns);
    if (s > INT64_MAX / NS_PER_S - 1 || s < INT64_MIN / NS_PER_S + 1)
        return malformed(d, "time is out of range");
    char text[TIME_TEXT_MAX];
    struct wall t = { s * NS_PER_S + ns };
    if (jnode_len(fields) == 0)
        *out = jnode_null(d->a);
    else
        *out = jnode_str(d->a, micro ? wall_text_micro(text, t) : wall_text(text, t));
    return 0;
}

static struct jnode *int_or_string(struct decoder *d, struct jnode *fields)
{
    int64_t type = 0, number = 0;
    jnode_to_i64(jnode_get(fields, STR("type")), &type);
    jnode_to_i64(jnode_get(fields, STR("intVal")), &number);
    struct str text = jnode_text_of_str(jnode_get(fields, STR("strVal")));
    return type == 1 ? jnode_str(d->a, text.p ? text : STR("")) : jnode_i64(d->a, number);
}

/* A copy in the arena, because nobody would keep the value's document. Depth is bounded by the
 * parser's limits. */
static struct jnode *adopt(struct decoder *d, struct json v)
{
    d->nodes++;
    switch (json_type(v)) {
    case JSON_STR:
        return jnode_str(d->a, json_str(v));
    case JSON_NUM:
        return jnode_num(d->a, json_num_text(v));
    case JSON_BOOL:
        return jnode_bool(d->a, json_bool(v, false));
    case JSON_ABSENT:
    case JSON_NULL:
        return jnode_null(d->a);
    case JSON_ARR:
    case JSON_OBJ:
        break;
    }
    bool object = json_type(v) == JSON_OBJ;
    struct jnode *out = object ? jnode_obj(d->a) : jnode_arr(d->a);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct jnode *child = adopt(d, it.value);
        if (object)
            jnode_set(out, it.key, child);
        else
            jnode_append(out, child);
    }
    return out;
}

/* A message whose first field holds a JSON text. */
static int raw_node(struct decoder *d, struct str bytes, struct jnode **out)
{
    struct json_doc *doc;
    struct value v = { 0 };
    if (bytes.n > 0 && read_value(d, &bytes, &v) < 0)
        return -1;
    if (v.number != 1 || v.wire != WIRE_BYTES || v.bytes.n == 0) {
        *out = jnode_null(d->a);
        return 0;
    }
    struct json_limits limits = json_limits_body;
    limits.nodes = (uint32_t)(PROTO_NODES_MAX - d->nodes);
    if (json_parse(&doc, v.bytes, &limits, d->err) < 0)
        return err_wrap(d->err, "protobuf: raw value");
    *out = adopt(d, json_root(doc));
    json_doc_unref(doc);
    return 0;
}

/* A union {schema, other}: its JSON is that of whichever is set. */
static struct jnode *one_node(struct decoder *d, struct jnode *fields)
{
    struct jnode *v = jnode_get(fields, STR("schema"));
    for (size_t i = 0; !v && i < jnode_len(fields); i++)
        v = jnode_value_at(fields, i);
    return v ? v : jnode_null(d->a);
}

static int decode(struct decoder *d,
                  const struct proto_message *m,
                  struct str bytes,
                  unsigned depth,
                  struct jnode **out)
{
    struct jnode *fields = jnode_obj(d->a);
    if (m->special == PROTO_RAW)
        return raw_node(d, bytes, out);
    if (fields_into(d, m, bytes, depth, fields) < 0)
        return -1;
    switch ((enum proto_special)m->special) {
    case PROTO_TIME:
    case PROTO_MICRO_TIME:
        return time_node(d, fields, m->special == PROTO_MICRO_TIME, out);
    case PROTO_QUANTITY:
        *out = jnode_get(fields, STR("string"));
        if (!*out)
            *out = jnode_str(d->a, STR("0"));
        return 0;
    case PROTO_INT_OR_STRING:
        *out = int_or_string(d, fields);
        return 0;
    case PROTO_LIST:
        *out = jnode_len(fields) > 0 ? jnode_value_at(fields, 0) : jnode_arr(d->a);
        return 0;
    case PROTO_ONE:
        *out = one_node(d, fields);
        return 0;
    case PROTO_PLAIN:
    case PROTO_RAW:
        break;
    }
    *out = fields;
    return 0;
}

int proto_decode_message(struct arena *a,
                         struct str message,
                         struct str bytes,
                         struct jnode **out,
                         struct err *err)
{
    const struct proto_message *m = find_message(message);
    struct decoder d = { .a = a, .err = err };
    if (!m)
        return err_set(err, ERR_INVALID, "protobuf: no message %.*s",
                       STR_ARG(str_take(message, 100)));
    if (bytes.n > PROTO_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "protobuf: body over %u bytes", PROTO_BODY_MAX);
    return decode(&d, m, bytes, 0, out);
}

/* ---- the envelope ---- */

static const struct str magic = { "k8s\0", 4 };

bool proto_is_body(struct str body)
{
    return str_starts(body, magic);
}

/* Options may be sent under any group's version; other kinds have a type, named as its message. */
static struct str message_of(struct arena *a, struct str api_version, struct str kind)
{
    static const char *const options[] = { "DeleteOptions", "CreateOptions", "UpdateOptions",
                                           "PatchOptions",  "ListOptions",   "GetOptions",
                                           "Status" };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (str_is(kind, options[i]))
            return arena_printf(a, "apis.meta.v1.%s", options[i]);
    const struct schema *s = schema_find_kind(api_version, kind);
    return s ? s->name : kind;
}

struct envelope {
    struct str api_version, kind, raw;
};

static int read_type(struct decoder *d, struct str bytes, struct envelope *e)
{
    while (bytes.n > 0) {
        struct value v = { 0 };
        if (read_value(d, &bytes, &v) < 0)
            return -1;
        if (v.wire == WIRE_BYTES && v.number == 1)
            e->api_version = v.bytes;
        else if (v.wire == WIRE_BYTES && v.number == 2)
            e->kind = v.bytes;
    }
    return 0;
}

static int read_envelope(struct decoder *d, struct str bytes, struct envelope *e)
{
    while (bytes.n > 0) {
        struct value v = { 0 };
        if (read_value(d, &bytes, &v) < 0)
            return -1;
        if (v.wire == WIRE_BYTES && v.number == 1 && read_type(d, v.bytes, e) < 0)
            return -1;
        if (v.wire == WIRE_BYTES && v.number == 2)
            e->raw = v.bytes;
    }
    if (e->api_version.n == 0 || e->kind.n == 0 || !str_is_utf8(e->api_version) ||
        !str_is_utf8(e->kind))
        return malformed(d, "apiVersion and kind are missing");
    return 0;
}

int proto_decode(struct arena *a, struct str body, struct jnode **out, struct err *err)
{
    struct decoder d = { .a = a, .err = err };
    struct envelope e = { 0 };
    if (!proto_is_body(body))
        return malformed(&d, "body does not begin with k8s");
    if (read_envelope(&d, str_skip(body, magic.n), &e) < 0)
        return -1;
    struct jnode *fields;
    if (proto_decode_message(a, message_of(a, e.api_version, e.kind), e.raw, &fields, err) < 0)
        return -1;
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("apiVersion"), e.api_version);
    jnode_set_str(root, STR("kind"), e.kind);
    for (size_t i = 0; i < jnode_len(fields); i++)
        jnode_set(root, jnode_key_at(fields, i), jnode_value_at(fields, i));
    *out = root;
    return 0;
}
