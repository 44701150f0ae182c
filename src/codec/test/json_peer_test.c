/* SPDX-License-Identifier: Apache-2.0
 * Differential test: random texts, most of them damaged in a place or two, read by us and by
 * jansson. Both must accept the same texts and find the same values. */
#include "codec/json.h"

#include "codec/test/json_peer.h"
#include "testkit/check.h"

enum { ROUNDS = 20000 };

static void random_space(struct buf *out)
{
    static const char spaces[] = "       \n\t\r";
    for (uint64_t left = check_random_below(8) == 0 ? check_random_below(5) : 0; left > 0; left--)
        buf_char(out, spaces[check_random_below(sizeof spaces - 1)]);
}

static void random_str(struct buf *out)
{
    static const char *const parts[] = { "a",   "key",         "\\\"",           "\\\\",
                                         "\\n", "\\u0041",     "\\u00e9",        "\xc3\xa9",
                                         "/",   " and so on ", "\\ud83d\\ude00", "\xf0\x9f\x98\x80",
                                         "\\/" };
    buf_char(out, '"');
    for (uint64_t left = check_random_below(5); left > 0; left--)
        buf_str(out, str_from(parts[check_random_below(COUNT_OF(parts))]));
    buf_char(out, '"');
}

static void random_scalar(struct buf *out)
{
    static const char *const words[] = { "null", "true",  "false", "0",    "-0",     "1.5",  "-2e3",
                                         "1E-2", "0.125", "12345", "-987", "1e+300", "7.0e1" };
    if (check_random_below(2))
        random_str(out);
    else
        buf_str(out, str_from(words[check_random_below(COUNT_OF(words))]));
}

static void random_value(struct buf *out, int depth)
{
    random_space(out);
    uint64_t kind = depth > 0 ? check_random_below(4) : 0;
    if (kind < 2) {
        random_scalar(out);
    } else {
        bool object = kind == 2;
        buf_char(out, object ? '{' : '[');
        for (uint64_t i = 0, n = check_random_below(6); i < n; i++) {
            if (i)
                buf_char(out, ',');
            random_space(out);
            if (object) {
                random_str(out);
                random_space(out);
                buf_char(out, ':');
            }
            random_value(out, depth - 1);
        }
        random_space(out);
        buf_char(out, object ? '}' : ']');
    }
    random_space(out);
}

static void damage(struct buf *b)
{
    static const char bytes[] = "{}[]\",:\\0123456789.eE+-tfnu \n\x01\x80\xc3\xff";
    for (uint64_t left = check_random_below(3); left > 0 && b->n > 1; left--) {
        size_t at = check_random_below(b->n);
        if (check_random_below(2)) {
            b->p[at] = bytes[check_random_below(sizeof bytes - 1)];
        } else {
            memmove(b->p + at, b->p + at + 1, b->n - at - 1);
            b->n--;
        }
    }
}

static void dump_num(struct buf *out, struct json v)
{
    struct str text = json_num_text(v);
    int64_t i;
    double d = 0;
    if (str_to_i64(text, &i)) {
        buf_i64(out, i);
        return;
    }
    CHECK(json_f64(v, &d));
    buf_printf(out, "%.17g", d);
}

static void dump(struct buf *out, struct json v)
{
    switch (json_type(v)) {
    case JSON_OBJ:
    case JSON_ARR:
        buf_char(out, json_type(v) == JSON_OBJ ? '{' : '[');
        for (struct json_iter it = json_iter(v); json_next(&it);) {
            if (it.key.p)
                buf_printf(out, "%zu:%.*s=", it.key.n, STR_ARG(it.key));
            dump(out, it.value);
        }
        buf_char(out, json_type(v) == JSON_OBJ ? '}' : ']');
        break;
    case JSON_STR:
        buf_printf(out, "%zu:", json_str(v).n);
        buf_str(out, json_str(v));
        break;
    case JSON_NUM:
        dump_num(out, v);
        break;
    case JSON_BOOL:
        buf_str(out, json_bool(v, false) ? STR("true") : STR("false"));
        break;
    case JSON_NULL:
    case JSON_ABSENT:
        buf_str(out, STR("null"));
        break;
    }
    buf_char(out, ';');
}

/* Returns 1 when both accepted. */
static int compare(struct str text, struct buf *ours, struct buf *theirs)
{
    buf_clear(ours);
    buf_clear(theirs);
    enum peer_answer answer = json_peer_read(theirs, text);
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    bool accepted = json_parse(&doc, text, &json_limits_body, &err) == 0;
    if (answer == PEER_CANNOT)
        return 0;
    if (accepted != (answer == PEER_OK))
        fail_msg("%s by us alone: %.*s %s", accepted ? "accepted" : "refused", STR_ARG(text),
                 err.msg);
    if (!accepted)
        return 0;
    dump(ours, json_root(doc));
    CHECK_STR_EQ(buf_view(ours), buf_view(theirs));
    return 1;
}

static void test_same_as_peer(void **state)
{
    (void)state;
    struct buf text, ours, theirs;
    int accepted = 0;
    buf_init(&text, 1 << 20);
    buf_init(&ours, 1 << 20);
    buf_init(&theirs, 1 << 20);
    for (int i = 0; i < ROUNDS; i++) {
        buf_clear(&text);
        random_value(&text, 4);
        damage(&text);
        accepted += compare(buf_view(&text), &ours, &theirs);
    }
    CHECK(accepted > ROUNDS / 4 && accepted < ROUNDS); /* both ways were walked */
    buf_fini(&text);
    buf_fini(&ours);
    buf_fini(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_peer),
    };
    return CHECK_MAIN(tests);
}
