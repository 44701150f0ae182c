/* SPDX-License-Identifier: Apache-2.0
 * volumes_csi — in-tree volumes that CSI drivers took over: how the driver calls them, and by which
 * labels its nodes say where they are. Facts: KEP-625 and the documents of the drivers. */
#include "scheduler/volumes/volumes_internal.h"

static const struct volume_migration migrations[] = {
    { "kubernetes.io/aws-ebs", "awsElasticBlockStore", "volumeID", "ebs.csi.aws.com",
      "topology.ebs.csi.aws.com/zone" },
    { "kubernetes.io/gce-pd", "gcePersistentDisk", "pdName", "pd.csi.storage.gke.io",
      "topology.gke.io/zone" },
    { "kubernetes.io/azure-disk", "azureDisk", "diskURI", "disk.csi.azure.com",
      "topology.disk.csi.azure.com/zone" },
    { "kubernetes.io/cinder", "cinder", "volumeID", "cinder.csi.openstack.org",
      "topology.cinder.csi.openstack.org/zone" },
    { "kubernetes.io/portworx-volume", "portworxVolume", "volumeID", "pxd.portworx.com", NULL },
};

const struct volume_migration *volume_migration_of(struct json v)
{
    for (size_t i = 0; i < COUNT_OF(migrations); i++) {
        if (json_has(json_get(v, str_from(migrations[i].member))))
            return &migrations[i];
    }
    return NULL;
}

const struct volume_migration *volume_migration_named(struct str plugin)
{
    for (size_t i = 0; i < COUNT_OF(migrations); i++) {
        if (str_is(plugin, migrations[i].plugin))
            return &migrations[i];
    }
    return NULL;
}

/* "aws://zone/vol-1" is vol-1. Google's are told apart by zone too, which is part of no field: two
 * disks of one name count as one. */
struct str volume_migrated_handle(const struct volume_migration *m, struct json v)
{
    struct json source = json_get(v, str_from(m->member));
    struct str id = json_str(json_get(source, str_from(m->id)));
    if (!str_starts(id, STR("aws://")))
        return id;
    for (ptrdiff_t at = str_find_char(id, '/'); at >= 0; at = str_find_char(id, '/'))
        id = str_skip(id, (size_t)at + 1);
    return id;
}

bool volume_is_migrated(const struct volume_migration *m, const struct volume_node *n)
{
    struct str rest = n ? n->migrated : (struct str){ 0 };
    while (rest.p) {
        if (str_is(str_split(&rest, ','), m->plugin))
            return true;
    }
    return false;
}

/* ---- where it is ---- */

#define BETA_ZONE "failure-domain.beta.kubernetes.io/zone"
#define BETA_REGION "failure-domain.beta.kubernetes.io/region"
#define ZONE "topology.kubernetes.io/zone"
#define REGION "topology.kubernetes.io/region"

static bool names_key(const struct node_terms *t, const char *key)
{
    for (size_t i = 0; t && i < t->n; i++) {
        for (size_t k = 0; k < t->items[i].n_labels; k++) {
            if (str_is(t->items[i].labels[k].key, key))
                return true;
        }
    }
    return false;
}

/* A copy with some keys exchanged, with room for one more need in each term. */
static struct node_terms *
exchange(const struct node_terms *t, const char *const (*keys)[2], size_t n, struct arena *a)
{
    struct node_terms *out = ARENA_NEW(a, struct node_terms);
    out->items = ARENA_ARRAY(a, struct node_term, (t ? t->n : 0) + 1);
    for (size_t i = 0; t && i < t->n; i++) {
        struct node_term *to = &out->items[out->n++];
        *to = t->items[i];
        to->labels = ARENA_ARRAY(a, struct need, to->n_labels + 1);
        for (size_t k = 0; k < to->n_labels; k++) {
            to->labels[k] = t->items[i].labels[k];
            for (size_t j = 0; j < n; j++) {
                if (keys[j][1] && str_is(t->items[i].labels[k].key, keys[j][0]))
                    to->labels[k].key = str_from(keys[j][1]);
            }
        }
    }
    return out;
}

/* Its label says in which zones it is: every term asks for one of them. */
static void
add_zones(struct node_terms *t, const struct volume_migration *m, struct str label, struct arena *a)
{
    struct need n = { .key = str_from(m->zone_key), .op = NEED_IN };
    n.values.items = ARENA_ARRAY(a, struct str, label.n / 2 + 2);
    while (label.p) {
        ptrdiff_t at = str_find(label, STR("__"));
        struct str one = str_trim(at < 0 ? label : str_take(label, (size_t)at));
        label = at < 0 ? (struct str){ 0 } : str_skip(label, (size_t)at + 2);
        if (one.n)
            n.values.items[n.values.n++] = one;
    }
    if (!n.values.n)
        return;
    if (t->n == 0)
        t->items[t->n++] = (struct node_term){ .labels = ARENA_ARRAY(a, struct need, 1) };
    for (size_t i = 0; i < t->n; i++)
        t->items[i].labels[t->items[i].n_labels++] = n;
}

const struct node_terms *
volume_migrated_terms(const struct volume_migration *m, const struct volume_pv *pv, struct arena *a)
{
    if (!m->zone_key)
        return pv->terms;
    bool labelled = labelset_get(&pv->labels, STR(ZONE)).p != NULL;
    bool beta =
        !names_key(pv->terms, ZONE) && (names_key(pv->terms, BETA_ZONE) ||
                                        (!labelled && labelset_get(&pv->labels, STR(BETA_ZONE)).p));
    const char *zone = beta ? BETA_ZONE : ZONE;
    const char *const keys[][2] = { { zone, m->zone_key }, { BETA_REGION, beta ? REGION : NULL } };
    struct node_terms *out = exchange(pv->terms, keys, COUNT_OF(keys), a);
    struct str label = labelset_get(&pv->labels, str_from(zone));
    if (!names_key(pv->terms, zone) && label.p)
        add_zones(out, m, label, a);
    return pv->terms || out->n ? out : NULL;
}
