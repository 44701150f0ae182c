/* SPDX-License-Identifier: Apache-2.0
 * boot — see boot.h. Each object goes through the pipeline as a creation by the server itself;
 * "already there" is fine. Admission is off while they are written. */
#include "apiserver/boot.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/decode.h"
#include "codec/yaml.h"

static const struct {
    const char *group, *version, *plural, *namespace, *name;
    const char *text;
} objects[] = {
    { "", "v1", "namespaces", "", "default",
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"default\"}}" },
    { "", "v1", "namespaces", "", "kube-system",
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"kube-system\"}}" },
    { "", "v1", "namespaces", "", "kube-public",
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"kube-public\"}}" },
    { "", "v1", "namespaces", "", "kube-node-lease",
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"kube-node-lease\"}"
      "}" },
    { "scheduling.k8s.io", "v1", "priorityclasses", "", "system-cluster-critical",
      "{\"apiVersion\":\"scheduling.k8s.io/v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":"
      "\"system-cluster-critical\"},\"value\":2000000000,\"description\":\"Used for system "
      "critical "
      "pods that must run in the cluster, but can be moved to another node if necessary.\"}" },
    { "scheduling.k8s.io", "v1", "priorityclasses", "", "system-node-critical",
      "{\"apiVersion\":\"scheduling.k8s.io/v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":"
      "\"system-node-critical\"},\"value\":2000001000,\"description\":\"Used for system critical "
      "pods that must not be moved from their current node.\"}" },
    { "rbac.authorization.k8s.io", "v1", "clusterroles", "", "cluster-admin",
      "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{"
      "\"name\":\"cluster-admin\"},\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],"
      "\"resources\":[\"*\"]},{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]}" },
    { "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "", "cluster-admin",
      "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\","
      "\"metadata\":{\"name\":\"cluster-admin\"},\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":"
      "\"rbac.authorization.k8s.io\",\"name\":\"system:masters\"}],\"roleRef\":{\"apiGroup\":"
      "\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"cluster-admin\"}}" },
};

struct outcome {
    struct apiserver *s;
    size_t left;
    struct err err;
};

static void on_done(void *arg, struct action *a)
{
    struct outcome *o = arg;
    if (a->reply.code >= 400 && a->reply.code != 409)
        status_to_err(a->reply.object, a->reply.code, &o->err);
    action_free(a);
    if (--o->left == 0)
        loop_stop(o->s->loop);
}

/* Takes the document over. */
static void
create(struct outcome *out, struct served *what, struct str namespace, struct json_doc *doc)
{
    struct apiserver *s = out->s;
    struct action *a = action_new(s);
    static const struct str groups[] = { STR_INIT("system:masters") };
    a->user = (struct user){ .name = STR("system:apiserver"), .groups = groups, .n_groups = 1 };
    a->user_agent = STR("ganglion");
    a->what = served_ref(what);
    a->r.verb = VERB_CREATE;
    a->r.group = what->res->group;
    a->r.version = what->res->version;
    a->r.plural = what->res->plural;
    a->r.namespace = namespace;
    decode_set_body(a, doc);
    out->left++;
    action_run(a, on_done, out);
}

static void create_object(struct outcome *out, size_t i)
{
    struct apiserver *s = out->s;
    struct json_doc *doc = NULL;
    struct str namespace = str_from(objects[i].namespace);
    struct served *what = registry_find(&s->registry, str_from(objects[i].group),
                                        str_from(objects[i].version), str_from(objects[i].plural));
    if (!what || store_get(what->table, namespace, str_from(objects[i].name)))
        return;
    if (json_parse(&doc, str_from(objects[i].text), &json_limits_own, &out->err) == 0)
        create(out, what, namespace, doc);
}

static void create_definition(struct outcome *out, struct str text)
{
    struct json_doc *doc = NULL;
    struct served *what = registry_find(&out->s->registry, STR("apiextensions.k8s.io"), STR("v1"),
                                        STR("customresourcedefinitions"));
    if (yaml_parse_one(&doc, text, &json_limits_own, &out->err))
        return;
    struct str name = json_str(json_path(json_root(doc), "metadata.name"));
    if (store_get(what->table, STR(""), name))
        json_doc_unref(doc);
    else
        create(out, what, STR(""), doc);
}

/* Runs the loop until all that was asked for is written. */
static int finish(struct outcome *out, struct err *err)
{
    if (--out->left > 0)
        loop_run(out->s->loop);
    out->s->loading = false;
    if (out->err.kind != ERR_NONE)
        return err_set(err, out->err.kind, "writing the first objects: %s", out->err.msg);
    return 0;
}

int boot_objects(struct apiserver *s, struct err *err)
{
    struct outcome out = { .s = s, .left = 1 };
    s->loading = true;
    for (size_t i = 0; i < COUNT_OF(objects) && out.err.kind == ERR_NONE; i++)
        create_object(&out, i);
    return finish(&out, err);
}

int boot_definitions(struct apiserver *s, const struct str *texts, size_t n, struct err *err)
{
    struct outcome out = { .s = s, .left = 1 };
    s->loading = true;
    for (size_t i = 0; i < n && out.err.kind == ERR_NONE; i++)
        create_definition(&out, texts[i]);
    return finish(&out, err);
}
