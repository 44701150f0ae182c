/* SPDX-License-Identifier: Apache-2.0
 * front_body — request bodies: JSON, YAML and Kubernetes' protobuf envelope become documents. */
#include "apiserver/apiserver_internal.h"
#include "apiserver/decode.h"
#include "apiserver/front_internal.h"
#include "apiserver/refuse.h"
#include "codec/yaml.h"
#include "kube/proto.h"

#define DUPLICATES_BYTES_MAX 16384 /* text about repeated keys */

static enum turn parse_json(struct action *a, struct str body)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct buf dups;
    buf_init(&dups, DUPLICATES_BYTES_MAX);
    int rc = json_parse_dups(&doc, body, &json_limits_body, &dups, &err);
    if (rc == 0) {
        decode_set_body(a, doc);
        a->dups = arena_str(a->arena, buf_view(&dups));
    }
    buf_fini(&dups);
    if (rc == 0)
        return TURN_GO;
    if (err.kind == ERR_TOO_LARGE)
        return refuse_err(a, &err);
    const char *kind = a->what ? a->what->res->kind.p : "";
    int kind_n = a->what ? (int)a->what->res->kind.n : 0;
    if (a->r.write.patch != PATCH_NONE)
        return refuse_bad_request(a, "error decoding patch: %s", err.msg);
    return refuse_bad_request(a,
                              "the object provided is unrecognized (must be of type %.*s): "
                              "couldn't get version/kind; json parse error: %s (%.*s)",
                              kind_n, kind, err.msg,
                              STR_ARG(body.n ? str_take(body, 100) : STR("<empty>")));
}

static enum turn parse_yaml(struct action *a, struct str body)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (yaml_parse_one(&doc, body, &json_limits_body, &err) != 0)
        return refuse_bad_request(a, "error decoding YAML: %s", err.msg);
    decode_set_body(a, doc);
    return TURN_GO;
}

static enum turn parse_proto(struct action *a, struct str body)
{
    struct jnode *root = NULL;
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (proto_decode(a->arena, body, &root, &err) != 0 || jnode_freeze(&doc, root, &err) != 0)
        return refuse_bad_request(a, "the object provided is unrecognized: %s", err.msg);
    decode_set_body(a, doc);
    return TURN_GO;
}

static struct str media_of(const struct http_request *req)
{
    struct str type = http_header(req, STR("content-type"));
    return str_trim(str_split(&type, ';'));
}

static const struct {
    const char *type;
    enum patch_type patch;
} patch_types[] = {
    { "application/json-patch+json", PATCH_JSON },
    { "application/merge-patch+json", PATCH_MERGE },
    { "application/strategic-merge-patch+json", PATCH_STRATEGIC },
    { "application/apply-patch+yaml", PATCH_APPLY },
};

typedef enum turn (*parse_fn)(struct action *a, struct str body);

/* What reads a body of the type that the head names; NULL: nothing. */
static parse_fn parser_of(struct action *a, const struct http_request *req)
{
    static const struct {
        const char *type;
        parse_fn parse;
    } types[] = {
        { "application/json", parse_json },
        { "application/yaml", parse_yaml },
        { "application/vnd.kubernetes.protobuf", parse_proto },
    };
    struct str type = media_of(req);
    if (a->r.verb == VERB_PATCH) {
        for (size_t i = 0; i < COUNT_OF(patch_types); i++) {
            if (!str_is(type, patch_types[i].type))
                continue;
            a->r.write.patch = patch_types[i].patch;
            return patch_types[i].patch == PATCH_APPLY ? parse_yaml : parse_json;
        }
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (type.n == 0 || str_is(type, types[i].type))
            return types[i].parse;
    }
    return NULL;
}

static enum turn refuse_type(struct action *a)
{
    if (a->r.verb == VERB_PATCH)
        return refuse_media(a, "application/json-patch+json, application/merge-patch+json, "
                               "application/apply-patch+yaml");
    return refuse_media(a, "application/json, application/yaml, "
                           "application/vnd.kubernetes.protobuf");
}

bool front_has_body(const struct action *a)
{
    return a->r.verb != VERB_GET && a->r.verb != VERB_LIST && a->r.verb != VERB_WATCH;
}

static bool deletes(const struct action *a)
{
    return a->r.verb == VERB_DELETE || a->r.verb == VERB_DELETE_COLLECTION;
}

enum turn front_media(struct action *a, const struct http_request *req)
{
    if (deletes(a) || parser_of(a, req)) /* the body of a delete may be empty, of whatever type */
        return TURN_GO;
    return refuse_type(a);
}

enum turn front_body(struct action *a, const struct http_request *req)
{
    if (!front_has_body(a) || (deletes(a) && req->body.n == 0))
        return TURN_GO;
    if (req->body.n > API_BODY_BYTES_MAX) {
        struct status_spec s = {
            .code = 413,
            .reason = "RequestEntityTooLarge",
            .message = arena_printf(a->arena, "Request entity too large: limit is %zu",
                                    API_BODY_BYTES_MAX),
        };
        return action_refuse(a, &s);
    }
    parse_fn parse = parser_of(a, req);
    return parse ? parse(a, req->body) : refuse_type(a);
}
