/* SPDX-License-Identifier: Apache-2.0
 * front_accept — which representation a client accepts. Protobuf is never written: clients that ask
 * for it first accept JSON too. */
#include "apiserver/front_internal.h"

struct media {
    struct str type; /* "application/json" */
    struct str as, group, version;
    int quality; /* thousandths */
};

static int parse_quality(struct str v)
{
    int whole = v.n > 0 && v.p[0] == '1' ? 1000 : 0;
    int scale = 100;
    for (size_t i = 2; i < v.n && scale > 0; i++, scale /= 10) {
        if (v.p[i] < '0' || v.p[i] > '9')
            break;
        whole += (v.p[i] - '0') * scale;
    }
    return whole > 1000 ? 1000 : whole;
}

static struct media parse_media(struct str text)
{
    struct media m = { .quality = 1000 };
    m.type = str_trim(str_split(&text, ';'));
    while (text.p) {
        struct str value = str_trim(str_split(&text, ';'));
        struct str key = str_trim(str_split(&value, '='));
        value = value.p ? str_trim(value) : STR("");
        if (str_is(key, "as"))
            m.as = value;
        else if (str_is(key, "g"))
            m.group = value;
        else if (str_is(key, "v"))
            m.version = value;
        else if (str_is(key, "q"))
            m.quality = parse_quality(value);
    }
    return m;
}

static void use_partial(struct front_accept *got, const struct media *m)
{
    got->shape = FRONT_PARTIAL;
    got->partial_list = str_ends(m->as, STR("List"));
}

static bool use_media(struct front_accept *out, const struct media *m)
{
    bool json = str_is(m->type, "application/json") || str_is(m->type, "*/*") ||
                str_is(m->type, "application/*");
    bool yaml = str_is(m->type, "application/yaml");
    if (!json && !yaml)
        return false;
    struct front_accept got = { .yaml = yaml, .gzip = out->gzip };
    if (m->as.n > 0 && str_is(m->group, "meta.k8s.io") && str_is(m->version, "v1")) {
        if (str_is(m->as, "Table"))
            got.shape = FRONT_TABLE;
        else if (str_is(m->as, "PartialObjectMetadata") ||
                 str_is(m->as, "PartialObjectMetadataList"))
            use_partial(&got, m);
        else
            return false;
    } else if (str_is(m->as, "APIGroupDiscoveryList")) {
        if (!str_is(m->group, "apidiscovery.k8s.io") || !str_is(m->version, "v2"))
            return false;
        got.discovery = true;
    } else if (m->as.n > 0) {
        return false;
    }
    *out = got;
    return true;
}

bool front_accept_parse(struct front_accept *out, const struct http_request *req)
{
    *out = (struct front_accept){ 0 };
    out->openapi_proto =
        str_find(http_header(req, STR("accept")), STR("proto-openapi.spec.v2")) >= 0;
    bool proto = out->openapi_proto;
    struct str encodings = http_header(req, STR("accept-encoding"));
    while (encodings.p && encodings.n > 0) {
        struct str one = str_split(&encodings, ',');
        if (str_is(str_trim(str_split(&one, ';')), "gzip"))
            out->gzip = true;
    }
    struct str rest = http_header(req, STR("accept"));
    if (str_trim(rest).n == 0)
        return true;
    int best = 0;
    bool gzip = out->gzip;
    while (rest.p) {
        struct media m = parse_media(str_split(&rest, ','));
        if (m.quality > best && use_media(out, &m))
            best = m.quality;
    }
    out->gzip = gzip;
    out->openapi_proto = proto;
    return best > 0;
}
